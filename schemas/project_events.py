"""How a project's events are asked for, and a page of them."""

from typing import Any

from marshmallow import Schema, fields, validate

from schemas.base import PublicId, QueryNumber
from schemas.job import EventOut

CURSOR = r"^(start|[0-9]{1,19}\.[0-9]{1,10}\.[0-9a-f]{32})$"
PATTERNS_AT_MOST = 50


class Patterns(fields.Field[list[str]]):
    """`job.succeeded,batch.*` outside, a list inside."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        found = [one.strip() for one in str(value).split(",") if one.strip()]
        validate.Length(min=1, max=PATTERNS_AT_MOST)(found)
        return found


class ProjectEventsQuery(Schema):
    """From where to read a project's events, and which."""

    project_id = PublicId("proj")
    types = Patterns(
        load_default=list,
        metadata={
            "type": "string",
            "description": "Only these types, separated by commas: `job.succeeded`, `job.*`, `*`.",
            "example": "job.succeeded,job.failed",
        },
    )
    after = fields.String(
        metadata={
            "pattern": CURSOR,
            "description": "Only events behind this `cursor` (or SSE `id`); `start`: from the oldest on.",
        }
    )
    limit = QueryNumber(load_default=20, validate=validate.Range(min=1, max=100))


class ProjectEventsOut(Schema):
    """Events in the order of their project, oldest first."""

    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(EventOut), required=True)
    has_more = fields.Boolean(
        required=True, metadata={"description": "Go on with `cursor`; a page of rare types may be short, or empty."}
    )
    first_id = fields.String(required=True, allow_none=True)
    last_id = fields.String(required=True, allow_none=True)
    cursor = fields.String(
        required=True,
        metadata={
            "pattern": CURSOR,
            "description": "The place behind the page: what to give as `after`, or as `Last-Event-ID` of a stream.",
        },
    )
