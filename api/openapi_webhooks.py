"""The part `webhooks` of the OpenAPI document: what a receiver gets, a request for each type of event."""

from typing import Any

from api import event_shapes
from api.openapi_schemas import Shapes
from schemas.batch import BatchOut
from schemas.catalogue import EVENT_TYPES, EventType
from schemas.event_type import example_of
from schemas.job import JobOut

Json = dict[str, Any]

TAG = "event_types"
# What a delivery with `payload: full` shows beside the event.
OBJECTS = {"job": JobOut, "batch": BatchOut}
_SIGNED = "v1,[A-Za-z0-9+/]+=*"
# Schemas by header; each says what it is.
HEADERS: Json = {
    "webhook-id": {
        "type": "string",
        "pattern": "^evt_[0-9a-f]{32}$",
        "description": "The event's id: the same at every attempt and replay. Who has seen it passes over it.",
    },
    "webhook-timestamp": {
        "type": "string",
        "pattern": "^[0-9]+$",
        "description": "When this attempt was made: Unix seconds.",
    },
    "webhook-signature": {
        "type": "string",
        "pattern": f"^{_SIGNED}( {_SIGNED})*$",
        "description": "`v1,` and the base64 HMAC-SHA256 of `<id>.<timestamp>.<body>`; two of them, with a space "
        "between, while a new secret replaces an old one. Standard Webhooks libraries check it.",
    },
}


def webhooks(shapes: Shapes) -> Json:
    """A path item for every type of event that webhooks deliver."""
    return {one.name: {"post": _request(one, shapes)} for one in EVENT_TYPES if one.webhooks}


def _request(event_type: EventType, shapes: Shapes) -> Json:
    return {
        "operationId": "receive_" + event_type.name.replace(".", "_"),
        "tags": [TAG],
        "summary": event_type.description.rstrip("."),
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": schema} for name, schema in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body(event_type, shapes), "example": example_of(event_type)}},
        },
        "responses": {
            "2XX": {"description": "Received. It must come within 15 seconds."},
            "410": {"description": "Nothing more, please: the endpoint is disabled at once."},
            "default": {"description": "Not received; tried again later, for about 28 hours in all."},
        },
    }


def _body(event_type: EventType, shapes: Shapes) -> Json:
    """The event; with `payload: full` also what it is about."""
    shown = OBJECTS.get(event_type.family)
    if shown is None:
        return event_shapes.ref(event_type)
    about = {
        **shapes.ref(shown),
        "description": "Only with `payload: full`: what it is about, as it is at this attempt.",
    }
    return {"allOf": [event_shapes.ref(event_type), {"type": "object", "properties": {"object": about}}]}
