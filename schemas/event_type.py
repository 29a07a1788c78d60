"""Types of events as clients see them."""

from typing import Any

from marshmallow import Schema, fields, validate

from schemas.base import PageQuery, Text
from schemas.catalogue import EventType
from schemas.job import EventOut


class EventTypesQuery(PageQuery):
    """How to walk the list, which is in the order of its names."""

    order = fields.String(
        load_default="asc",
        validate=validate.OneOf(["asc", "desc"]),
        metadata={"description": "`asc`: by name, from a to z."},
    )
    after = Text(at_least=1, at_most=100, metadata={"description": "Continue after this name."})


class EventTypeOut(Schema):
    """A type of event."""

    id = fields.String(required=True, metadata={"description": "The same as `name`."})
    object = fields.Constant("event_type", required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    webhooks = fields.Boolean(required=True, metadata={"description": "Whether webhooks deliver it; streams do."})
    schema = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "JSON Schema (2020-12) of the whole event."}
    )
    example = fields.Nested(EventOut, required=True)


def event_type_view(found: EventType, schema: dict[str, Any]) -> dict[str, Any]:
    """What EventTypeOut reads; `schema` is the event's JSON schema."""
    return {
        "id": found.name,
        "name": found.name,
        "description": found.description,
        "webhooks": found.webhooks,
        "schema": schema,
        "example": example_of(found),
    }


def example_of(found: EventType) -> dict[str, Any]:
    """A whole event of that type."""
    return {
        "id": "evt_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
        "type": found.name,
        "created_at": "2026-07-01T12:00:00.000000Z",
        "project_id": "proj_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
        "sequence": 7,
        "data": found.example,
    }
