"""Changes of operations as clients see them, and how to ask for the report of them."""

from marshmallow import Schema, fields, validate

from schemas.base import PublicId, QueryNumber, Text
from schemas.kb_entry import CHANGES

LEVELS = ("error", "warning", "info")
AGAINST = "The earlier side: the number of a version, `draft`, or `active`."


class ChangeOut(Schema):
    """A difference between two descriptions of an operation, found by one of the rules in docs/breaking-changes.md."""

    id = fields.String(required=True, metadata={"description": "The rule's id, oasdiff's where it has one."})
    level = fields.String(
        required=True,
        validate=validate.OneOf(LEVELS),
        metadata={"description": "`error` breaks clients that kept to the description, `warning` may break some."},
    )
    operation = fields.String(required=True, metadata={"example": "GET /users/{id}"})
    text = fields.String(required=True, metadata={"description": "The change in a sentence."})
    pointer_before = fields.String(
        required=True, allow_none=True, metadata={"description": "JSON pointer into the record; null: not there."}
    )
    pointer_after = fields.String(required=True, allow_none=True)
    what_to_do = fields.String(required=True, metadata={"description": "How whoever owns the API avoids it."})


class LevelsOut(Schema):
    """How many changes there are of each level."""

    error = fields.Integer(required=True)
    warning = fields.Integer(required=True)
    info = fields.Integer(required=True)


class SummaryOut(Schema):
    """How many operations differ."""

    added = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    changed = fields.Integer(required=True)


class AffectedOut(Schema):
    """What the breaking changes touch."""

    operations = fields.List(fields.String(), required=True, metadata={"description": "Ids of entries: `api_…`."})


class OperationChangesOut(Schema):
    """An operation that is not the same on both sides."""

    id = PublicId("api", required=True)
    source = fields.String(required=True)
    key = fields.String(required=True, metadata={"example": "GET /users/{}"})
    change = fields.String(required=True, validate=validate.OneOf(CHANGES[:3]))
    breaking = fields.Boolean(required=True)
    levels = fields.Nested(LevelsOut, required=True)
    changes = fields.List(
        fields.Nested(ChangeOut), required=True, metadata={"description": "Worst first; empty: only its texts differ."}
    )
    more_changes = fields.Integer(required=True, metadata={"description": "How many more are not shown."})


class SpecDiffOut(Schema):
    """The drift of an API between two sides. `summary` is about all operations that differ; the rest is about those
    that this answer looked at, `compared` of them: while there are more, go on with `after` = `last_id`."""

    object = fields.Constant("spec_diff", required=True)
    before = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "`draft` or a version's number; null: none is active."},
    )
    after = fields.String(required=True)
    summary = fields.Nested(SummaryOut, required=True)
    compared = fields.Integer(required=True)
    levels = fields.Nested(LevelsOut, required=True)
    breaking = fields.Boolean(required=True)
    affected = fields.Nested(AffectedOut, required=True)
    data = fields.List(fields.Nested(OperationChangesOut), required=True)
    has_more = fields.Boolean(required=True)
    last_id = PublicId("api", required=True, allow_none=True)


class SpecDiffQuery(Schema):
    """What to compare with, and which operations are wanted."""

    against = fields.String(
        load_default="active",
        validate=validate.Regexp(r"^(draft|active|[1-9][0-9]{0,8})\Z", error="Must be a number, draft or active."),
        metadata={"description": AGAINST},
    )
    level = fields.String(
        validate=validate.OneOf(LEVELS),
        metadata={"description": "Only operations with such a change, or a worse one; left out: all that differ."},
    )
    source = Text(at_least=1, at_most=100, metadata={"description": "Only operations of this source."})
    limit = QueryNumber(
        load_default=20,
        validate=validate.Range(min=1, max=100),
        metadata={"description": "How many operations at most."},
    )
    after = PublicId(
        "api",
        metadata={"type": "string", "pattern": "^api_[0-9a-f]{32}$", "description": "Continue after this operation."},
    )
