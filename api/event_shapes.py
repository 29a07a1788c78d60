"""Events as JSON schemas, from the one catalogue: for OpenAPI's webhooks, for AsyncAPI, and for a reader of one."""

from typing import Any

from apispec import APISpec
from marshmallow import Schema

from api.openapi_schemas import Shapes
from schemas.catalogue import EVENT_TYPES, EventType
from schemas.event_type import example_of

Json = dict[str, Any]

_COMPONENTS = "#/components/schemas/"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def name_of(event_type: EventType) -> str:
    """`JobSucceededEvent`: what the shape of such an event is called."""
    words = event_type.name.replace(".", "_").split("_")
    return "".join(word.title() for word in words) + "Event"


def ref(event_type: EventType) -> Json:
    """A reference to that shape among a document's components."""
    return {"$ref": _COMPONENTS + name_of(event_type)}


def add_events(spec: APISpec, shapes: Shapes) -> None:
    """Adds the shape of every type of event to the document."""
    for one in EVENT_TYPES:
        spec.components.schema(name_of(one), _envelope(one, shapes))


def _envelope(event_type: EventType, shapes: Shapes) -> Json:
    prefixed = {name: {"type": "string", "pattern": f"^{name}_[0-9a-f]{{32}}$"} for name in ("evt", "proj")}
    properties = {
        "id": prefixed["evt"],
        "type": {"type": "string", "const": event_type.name},
        "created_at": {"type": "string", "format": "date-time"},
        "project_id": prefixed["proj"],
        "sequence": {
            "type": "integer",
            "minimum": 1,
            "description": "Counts the events of one job (or batch, …) from 1 without gap.",
        },
        "data": shapes.ref(event_type.data),
    }
    return {
        "type": "object",
        "title": event_type.name,
        "description": event_type.description,
        "required": [*properties],
        "properties": properties,
        "examples": [example_of(event_type)],
    }


def components(*others: type[Schema]) -> Json:
    """Every shape of an event, these other ones, and those they refer to, by name."""
    shapes = Shapes()
    spec = APISpec("events", "1", "3.1.0", plugins=[shapes.plugin])
    shapes.be_exact()
    add_events(spec, shapes)
    for one in others:
        shapes.ref(one)
    found: Json = spec.to_dict()["components"]["schemas"]
    return found


def standalone(event_type: EventType, known: Json) -> Json:
    """The shape of such an event as a JSON schema that needs nothing beside it; `known` are `components()`."""
    inside: Json = {}
    shape = _inlined(known[name_of(event_type)], known, inside)
    return {"$schema": _DIALECT, **shape, "$defs": inside}


def _inlined(value: Any, known: Json, inside: Json) -> Any:
    """The value with its references led to `$defs`, which are gathered in `inside`."""
    if isinstance(value, list):
        return [_inlined(one, known, inside) for one in value]
    if not isinstance(value, dict):
        return value
    target = value.get("$ref")
    if not isinstance(target, str):
        return {name: _inlined(one, known, inside) for name, one in value.items()}
    name = target.removeprefix(_COMPONENTS)
    if name not in inside:
        inside[name] = {}
        inside[name] = _inlined(known[name], known, inside)
    return {**value, "$ref": f"#/$defs/{name}"}
