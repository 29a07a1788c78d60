"""GET /v1/asyncapi.json: all that Switchyard sends of its own accord, as AsyncAPI 3.0, from the one catalogue."""

from typing import Any

from flask import Blueprint, Flask, Response

from api import documents, event_shapes
from api.openapi_webhooks import HEADERS
from infra.version import version
from schemas.catalogue import BY_NAME, EVENT_TYPES, EventType
from schemas.event import DELTA
from schemas.event_type import example_of
from schemas.socket import Subscribe, Unsubscribe

Json = dict[str, Any]

ABOUT = """Every event stands in one log. Lists, server-sent events, Socket.IO and webhooks are views of it.

The envelope is the same everywhere; its `sequence` counts the events of one job (or batch, …) from 1 without gap. The
same types are at `/v1/event_types`, and the HTTP contract is at `/v1/openapi.json`.
"""
SSE = """`Accept: text/event-stream`. An event has `event:` (its type), `data:` (the envelope) and `id:`, which goes
back as `Last-Event-ID` after a cut: the stream goes on behind it, without gap or repeat."""
SOCKET_IO = """Socket.IO (Engine.IO 4), with the key in the handshake: `auth: {token: "sy_live_…"}`. A client emits
`subscribe`, and then gets the events of that room under their types, and a second time under an alias in the words of
their kind (`kb:upload-openapi:complete`) unless `auth.aliases` is false. In the room of a project or user an event has
`room` and `cursor`, too: the `after` to go on behind it. In that of a job or batch `after` is its `sequence`."""
DELIVERY = """A POST for each event to the receivers that want it, signed as Standard Webhooks asks. With
`payload: full` the body has `object` too: the job or batch, as it is at this attempt."""
HOST = {"host": {"default": "localhost:8000"}}
BEARER = [{"$ref": "#/components/securitySchemes/bearer"}]
SERVERS: Json = {
    "api": {
        "host": "{host}",
        "protocol": "https",
        "description": "This installation.",
        "variables": HOST,
        "security": BEARER,
    },
    "sockets": {
        "host": "{host}",
        "pathname": "/socket.io/",
        "protocol": "wss",
        "description": "Its Socket.IO.",
        "variables": HOST,
        "security": BEARER,
    },
    "receiver": {
        "host": "{receiver}",
        "protocol": "https",
        "description": "Yours: the `url` of a webhook endpoint, or a job's `callback_url`.",
        "variables": {"receiver": {"default": "example.com"}},
    },
}
WISHES = {"subscribe": Subscribe, "unsubscribe": Unsubscribe}
_ERROR: Json = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}
_ENDED: Json = {
    "type": "object",
    "required": ["room", "after"],
    "properties": {"room": {"type": "string"}, "after": {"type": ["integer", "string", "null"]}, "error": _ERROR},
}
ENDS: Json = {
    "subscription.ended": (
        "Nothing can follow in the room, or nothing can be told; `after` goes on from here.",
        _ENDED,
    ),
    "connection.ended": ("The key is not good any more; the connection ends.", _ERROR),
}

bp = Blueprint("asyncapi", __name__)


@bp.get("/v1/asyncapi.json")
def asyncapi_document() -> Response:
    """Streams, sockets and webhooks as AsyncAPI 3.0."""
    return documents.serve("asyncapi", document)


def document(_app: Flask | None = None) -> Json:
    """The AsyncAPI document."""
    events = {one.name: _message(one) for one in EVENT_TYPES}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Switchyard events",
            "version": version(),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": SERVERS,
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "schemas": event_shapes.components(*WISHES.values()),
            "messages": events | {name: _wish(name) for name in WISHES} | {name: _end(name) for name in ENDS},
            "messageTraits": {
                "delivery": {"headers": {"type": "object", "required": [*HEADERS], "properties": HEADERS}}
            },
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An API key."}},
        },
    }


def _message(event_type: EventType) -> Json:
    return {
        "name": event_type.name,
        "title": event_type.name,
        "summary": event_type.description,
        "contentType": "application/json",
        "payload": event_shapes.ref(event_type),
        "examples": [{"name": "example", "payload": example_of(event_type)}],
    }


def _wish(name: str) -> Json:
    schema = WISHES[name]
    return {
        "name": name,
        "title": name,
        "summary": f"{schema.__doc__} The acknowledgement is `{{ok, room}}`, or `{{ok, error}}`.",
        "payload": {"$ref": f"#/components/schemas/{schema.__name__}"},
    }


def _end(name: str) -> Json:
    summary, payload = ENDS[name]
    return {"name": name, "title": name, "summary": summary, "payload": payload}


def _channels() -> Json:
    every = [one.name for one in EVENT_TYPES]
    delivered = {one.name: _delivered(one) for one in EVENT_TYPES if one.webhooks}
    return {
        "job_events": _stream(
            "/v1/jobs/{job_id}/events",
            "One job's events, to the final one.",
            [n for n in every if n.startswith("job.")],
        ),
        "batch_events": _stream(
            "/v1/batches/{batch_id}/events",
            "One batch's own events, to the final one.",
            [name for name in every if name.startswith("batch.")],
        ),
        "project_events": _stream(
            "/v1/events",
            "All that happens in the project, without end; `id:` is its cursor.",
            [name for name in every if name != DELTA],
        ),
        "sockets": {
            "address": "/",
            "description": SOCKET_IO,
            "servers": [{"$ref": "#/servers/sockets"}],
            "messages": _referred([*every, *WISHES, *ENDS]),
        },
        "webhooks": {
            "address": None,
            "description": DELIVERY,
            "servers": [{"$ref": "#/servers/receiver"}],
            "messages": delivered,
        },
    }


def _stream(address: str, about: str, carried: list[str]) -> Json:
    names = [part[1:-1] for part in address.split("/") if part.startswith("{")]
    parameters = {
        name: {"description": f"`{name.removesuffix('_id')}_` and 32 lowercase hex digits."} for name in names
    }
    return {
        "address": address,
        "description": f"{about} {SSE}",
        "servers": [{"$ref": "#/servers/api"}],
        **({"parameters": parameters} if parameters else {}),
        "messages": _referred(carried),
    }


def _referred(names: list[str]) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _delivered(event_type: EventType) -> Json:
    return {**_message(event_type), "traits": [{"$ref": "#/components/messageTraits/delivery"}]}


def _operations() -> Json:
    told = [{"$ref": f"#/channels/sockets/messages/{name}"} for name in (*BY_NAME, *ENDS)]
    wished = [{"$ref": f"#/channels/sockets/messages/{name}"} for name in WISHES]
    return {
        **{f"send_{name}": _over_http(name, "GET") for name in ("job_events", "batch_events", "project_events")},
        "send_webhooks": _over_http("webhooks", "POST"),
        "send_sockets": {"action": "send", "channel": {"$ref": "#/channels/sockets"}, "messages": told},
        "receive_sockets": {"action": "receive", "channel": {"$ref": "#/channels/sockets"}, "messages": wished},
    }


def _over_http(channel: str, method: str) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"http": {"method": method, "bindingVersion": "0.3.0"}},
    }
