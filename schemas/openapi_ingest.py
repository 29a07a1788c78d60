"""Input and result of a job that reads an OpenAPI description."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.targets import LONGEST_URL
from schemas.base import Flag, PublicId, Text
from schemas.chat import Checked

SOURCES = ("file_id", "url", "document")
LONGEST_DOCUMENT = 4 * 1024 * 1024
MODES = ("replace", "merge")
REMOTE = "Whether references to http(s) URLs are followed: to 50 documents with 20 MB at most. Left out: they are not."


def _document(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return []
    if not isinstance(value, str) or not value.strip():
        return ["Must be an OpenAPI description: an object, or JSON or YAML as text."]
    return [f"Must have at most {LONGEST_DOCUMENT} characters; upload it."] if len(value) > LONGEST_DOCUMENT else []


class HowToIngest(Schema):
    """What is done with the description, wherever it comes from."""

    source = Text(
        at_least=1,
        at_most=100,
        metadata={
            "description": "Names the API within the knowledge base; operations are compared within it. Left out: "
            "`default`."
        },
    )
    mode = fields.String(
        validate=validate.OneOf(MODES),
        metadata={
            "description": "`replace`: operations that are not in it leave the draft; `merge`: they stay. Left out: "
            "`replace`."
        },
    )
    entry = Text(
        at_least=1,
        at_most=1000,
        allow_none=True,
        metadata={"description": "The file of a zip to begin with, where that is not plain."},
    )
    describe_with = Text(
        at_least=1,
        at_most=300,
        allow_none=True,
        metadata={"description": "`provider/model` that adds a summary and questions to each new description."},
    )


class OpenApiUploadQuery(HowToIngest):
    """The same as text, in the query or in the form."""

    allow_remote_refs = fields.Boolean(truthy={"true"}, falsy={"false"}, metadata={"description": REMOTE})


class OpenApiUploadIn(HowToIngest):
    """A description that is not uploaded with the request: exactly one of file_id, url and document."""

    allow_remote_refs = Flag(metadata={"description": REMOTE})
    file_id = PublicId("file", allow_none=True)
    url = Text(at_least=1, at_most=LONGEST_URL, allow_none=True, metadata={"format": "uri"})
    document = Checked(
        _document,
        allow_none=True,
        schema={"anyOf": [{"type": "object"}, {"type": "string", "maxLength": LONGEST_DOCUMENT}, {"type": "null"}]},
    )

    @validates_schema
    def _exactly_one(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in SOURCES if data.get(name) is not None]
        if len(given) != 1:
            raise ValidationError("Give exactly one of file_id, url and document.", given[1] if given else "file_id")


class OpenApiIngestIn(OpenApiUploadIn):
    """An OpenAPI 2.0, 3.0, 3.1 or 3.2 description in JSON or YAML, or a zip of several files."""

    knowledge_base_id = PublicId("kb", allow_none=True, metadata={"description": "Left out: the project's own."})


class OperationCounts(Schema):
    """How many operations and webhooks the draft has that it had not, and so on."""

    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class FoundCounts(Schema):
    """What the description has."""

    operations = fields.Integer(required=True)
    webhooks = fields.Integer(required=True)


class ChangedKeys(Schema):
    """Which they are, the first 1,000 of each."""

    added = fields.List(fields.String(), required=True)
    changed = fields.List(fields.String(), required=True)
    removed = fields.List(fields.String(), required=True)


class SpecWarning(Schema):
    """Something that the description says wrongly, and that was passed over."""

    pointer = fields.String(required=True)
    code = fields.String(required=True)
    message = fields.String(required=True)


class DescriptionCounts(Schema):
    """What a model wrote."""

    written = fields.Integer(required=True)
    failed = fields.Integer(required=True)


class OpenApiIngestOut(Schema):
    """What was read, and what of the draft it changed."""

    knowledge_base_id = PublicId("kb", required=True)
    source = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    version = fields.String(required=True, allow_none=True)
    openapi = fields.String(required=True)
    found = fields.Nested(FoundCounts, required=True)
    operations = fields.Nested(OperationCounts, required=True)
    keys = fields.Nested(ChangedKeys, required=True)
    breaking = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        metadata={"description": "Changes that break clients, by rule: id, operation, text, pointers; 500 at most."},
    )
    levels = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata={"description": "How many changes there are in all: error (breaking), warning, info."},
    )
    changes = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        metadata={"description": "Changed operations field by field; 200 operations at most, 30 fields of each."},
    )
    not_compared = fields.Integer(
        required=True, metadata={"description": "Changed or removed operations for which there was no time."}
    )
    warnings = fields.List(fields.Nested(SpecWarning), required=True)
    warnings_total = fields.Integer(required=True)
    descriptions = fields.Nested(DescriptionCounts, required=True)
