"""Files as clients send and see them."""

from datetime import timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.clock import now
from models import FilePurpose
from schemas.base import Number, Pairs, PublicId, QueryNumber, Secret, Text, Time, page_query

LONGEST_LIFE_SECONDS = 10 * 366 * 86_400
LONGEST_LINK_SECONDS = 7 * 86_400
PURPOSES = [purpose.value for purpose in FilePurpose]


class FileWishesIn(Schema):
    """What is said of a file that is uploaded, in the query or in the form."""

    filename = Text(
        at_least=1,
        at_most=1024,
        metadata={"description": "Only the last part of a path is kept. A form's file has one of its own."},
    )
    metadata = Pairs(
        keys=Text(at_least=1, at_most=64),
        values=Text(at_most=512),
        validate=validate.Length(max=16, error="At most 16 pairs."),
        load_default=dict,
    )
    expires_in_s = QueryNumber(
        validate=validate.Range(min=1, max=LONGEST_LIFE_SECONDS),
        metadata={"description": "After so many seconds the file is deleted."},
    )
    expires_at = Time(metadata={"type": "string", "format": "date-time", "description": "Or at that time."})
    project_id = PublicId("proj")

    @validates_schema(skip_on_field_errors=True)
    def _one_end(self, data: dict[str, Any], **_: Any) -> None:
        if "expires_in_s" in data and "expires_at" in data:
            raise ValidationError("Cannot be given together with expires_in_s.", "expires_at")
        if "expires_at" in data:
            left = (data["expires_at"] - now()).total_seconds()
            if not 0 < left <= LONGEST_LIFE_SECONDS:
                raise ValidationError("Must lie ahead, by ten years at most.", "expires_at")


class FileOut(Schema):
    """A file."""

    id = PublicId("file", required=True)
    object = fields.Constant("file", required=True)
    project_id = PublicId("proj", required=True)
    filename = fields.String(required=True)
    purpose = fields.String(required=True, validate=validate.OneOf(PURPOSES))
    media_type = fields.String(required=True, metadata={"description": "What its bytes are."})
    declared_type = fields.String(
        required=True, allow_none=True, metadata={"description": "What its sender said that they are."}
    )
    size = fields.Integer(required=True, data_key="bytes")
    sha256 = fields.String(required=True, metadata={"description": "Of its bytes, in hex."})
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True, attribute="labels")
    created_at = Time(required=True)
    expires_at = Time(required=True, allow_none=True)


class FilesQuery(page_query("file")):  # type: ignore[misc]
    """Filters of the list of files; `metadata.<key>=<value>` may be added for any key."""

    purpose = fields.String(validate=validate.OneOf(PURPOSES))
    project_id = PublicId("proj")
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)


class FileUrlIn(Schema):
    """How long a link is to work."""

    expires_in_s = Number(at_least=1, at_most=LONGEST_LINK_SECONDS, load_default=3600)


class FileUrlOut(Schema):
    """A link to a file's bytes; whoever has it needs no key."""

    object = fields.Constant("file_url", required=True)
    url = Secret(required=True)
    expires_at = Time(required=True)


def expiry(wishes: dict[str, Any]) -> Any:
    """When a file with these wishes ends; None: never."""
    if "expires_in_s" in wishes:
        return now() + timedelta(seconds=wishes["expires_in_s"])
    return wishes.get("expires_at")
