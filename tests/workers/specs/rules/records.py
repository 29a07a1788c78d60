"""Records of operations around one schema, and what a case is."""

from dataclasses import dataclass
from typing import Any

from workers.specs.rules.base import BODIES, PARAMETERS, RESPONSE, Spot

Json = dict[str, Any]

JSON = "application/json"
DAY = "2030-01-31"  # the day on which the cases are judged


@dataclass(frozen=True, slots=True)
class Case:
    """Records (or schemas) before and after; `quiet` are two among which the rule finds nothing, by default the same
    ones the other way round."""

    before: Any
    after: Any
    quiet: tuple[Any, Any] | None = None

    @property
    def silent(self) -> tuple[Any, Any]:
        """The two that are no case for the rule."""
        return self.quiet or (self.after, self.before)


def record(**parts: Any) -> Json:
    """An operation with nothing but what is given."""
    return {
        "method": "post",
        "path": "/things",
        "operation_id": None,
        "tags": [],
        "deprecated": False,
        "parameters": [],
        "request_body": None,
        "responses": {},
        "security": [],
        "security_schemes": {},
        "servers": [],
        "$defs": {},
        **parts,
    }


def parameter(schema: Any = None, *, where: str = "query", name: str = "x", **more: Any) -> Json:
    """A parameter."""
    return {"in": where, "name": name, "schema": {"type": "string"} if schema is None else schema, **more}


def with_parameters(*parameters: Json, **parts: Any) -> Json:
    """An operation with these parameters."""
    return record(parameters=list(parameters), **parts)


def with_body(schema: Any, media_type: str = JSON, **more: Any) -> Json:
    """An operation that takes such a body."""
    return record(request_body={"content": {media_type: {"schema": schema}}, **more})


def with_response(schema: Any, status: str = "200", media_type: str = JSON) -> Json:
    """An operation that gives such an answer."""
    return record(responses={status: {"content": {media_type: {"schema": schema}}}})


def with_header(header: Json, name: str = "X-Rate") -> Json:
    """An operation whose answer has a header."""
    return record(responses={"200": {"headers": {name: header}}})


def inside(schema: Any) -> Json:
    """An object that has it as its property."""
    return {"type": "object", "properties": {"x": schema}}


def around(spot: Spot, schema: Any) -> Json:
    """An operation with that schema at that spot."""
    held = inside(schema) if spot in (PARAMETERS[1], BODIES[1], RESPONSE[1]) else schema
    if spot in PARAMETERS:
        return with_parameters(parameter(held))
    if spot in BODIES:
        return with_body(held)
    return with_header({"schema": held}) if spot is Spot.RESPONSE_HEADER else with_response(held)
