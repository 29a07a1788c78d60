"""A request as a value, changed one thing at a time, and how a step says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Self

from infra import json
from workers.suites.generating.candidates import NOTHING
from workers.suites.generating.operations import Operation
from workers.suites.generating.values import Values
from workers.suites.generating.views import Path, at, types_of

Json = dict[str, Any]

# Parameters that are left out unless they are asked for: they take what an answer gave, or make it conditional.
OPAQUE = re.compile(
    r"(?i)(?:.*_)?(?:cursor|page_?token|next_?token|continuation|after|before|since_id|max_id|starting_after|"
    r"ending_before|if-(?:none-)?match|if-(?:un)?modified-since|if-range|range|x-http-method-override|last-event-id|"
    r"fields|expand|include|embed|filter|where|order_?by|sort_?by|sort)"
)
PLACES = ("path", "query", "header", "cookie")


@dataclass(frozen=True, slots=True)
class Raw:
    """A text that is a template already, or bytes that are sent as they are."""

    text: str


@dataclass(frozen=True)
class Request:
    """Values by place and name, and the body. `touched` are the places whose values are the point of the case: they are
    sent as they stand, where others may give way to the id of something that was made before."""

    operation: Operation
    values: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    body: Any = NOTHING
    content_type: str | None = None
    touched: frozenset[Any] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)

    def put(self, place: str, name: str, value: Any) -> Self:
        """With that parameter."""
        touched = self.touched | {(place, name)}
        return replace(self, values={**self.values, (place, name): value}, touched=touched)

    def drop(self, place: str, name: str) -> Self:
        """Without that parameter."""
        values = {key: value for key, value in self.values.items() if key != (place, name)}
        return replace(self, values=values, touched=self.touched | {(place, name)})

    def with_body(self, value: Any, path: Path = ()) -> Self:
        """With that body, of which the value at the path is the point."""
        return replace(self, body=value, touched=self.touched | {("body", path)})

    def with_text(self, text: str, content_type: str) -> Self:
        """With a text for a body, whatever is wrong with it."""
        return replace(self, body=Raw(text), content_type=content_type)


def base_of(operation: Operation, values: Values, *, optional: bool, purpose: str = "") -> Request | None:
    """A valid request, with all that is optional or with nothing of it; None where no value was found for something
    that must be there."""
    request = Request(operation)
    for one in operation.parameters:
        name, place = str(one["name"]), str(one["in"])
        needed = bool(one.get("required")) or place == "path"
        if not needed and (not optional or is_opaque(operation, one)):
            continue
        random = values.random(operation.name, place, name, purpose)
        value = values.sample(operation.sent, one["schema"], random, name)
        if value is NOTHING and needed:
            return None
        if value is not NOTHING and not (place == "header" and not _fits_header(value)):
            request = replace(request, values={**request.values, (place, name): value})
    return _with_body(request, values, optional, purpose)


def _with_body(request: Request, values: Values, optional: bool, purpose: str) -> Request | None:
    body = request.operation.body
    if body is None:
        return request
    view, random = request.operation.sent, values.random(request.operation.name, "body", purpose)
    shown = [one for one in body.examples if view.accepts(body.schema, one)]
    if not (optional or body.required):
        return request
    if shown and optional:
        return replace(request, body=_completed(request.operation, values, shown[0], random))
    made = values.sample(view, body.schema, random, "body", optional=optional)
    if made is NOTHING:
        return None if body.required else request
    if shown and isinstance(made, dict) and isinstance(shown[0], dict):
        made = _as_shown(request.operation, made, shown[0])
    return replace(request, body=made)


def _completed(operation: Operation, values: Values, shown: Any, random: Random) -> Any:
    """An example, and the properties that it lacks."""
    body = operation.body
    if body is None or not isinstance(shown, dict):
        return shown
    whole = values.sample(operation.sent, body.schema, random, "body")
    if not isinstance(whole, dict):
        return shown
    both = {**whole, **shown}
    return both if operation.sent.accepts(body.schema, both) else shown


def _as_shown(operation: Operation, made: Json, shown: Json) -> Json:
    """The same properties with the values of the example."""
    body = operation.body
    taken = {name: shown.get(name, value) for name, value in made.items()}
    return taken if body is not None and operation.sent.accepts(body.schema, taken) else made


def is_opaque(operation: Operation, parameter: Json) -> bool:
    """Whether a valid value of a parameter may mean nothing to the server: a cursor, an expression of its own."""
    plain = operation.sent.flat(parameter["schema"])
    told = any(name in plain for name in ("enum", "const", "example", "examples"))
    numeric = bool(types_of(plain) & {"integer", "number", "boolean"})
    return not told and not numeric and OPAQUE.fullmatch(str(parameter["name"])) is not None


def _fits_header(value: Any) -> bool:
    return not isinstance(value, str) or (value.isascii() and value.isprintable())


def step_of(request: Request) -> Json:
    """The step that sends it; texts are templates from here on."""
    operation = request.operation
    step: Json = {"kind": "http", "method": operation.method, "url": operation.path, "operation": operation.name}
    step["path_params"] = {name: _scalar(value) for (place, name), value in request.values.items() if place == "path"}
    step["query"] = _query(request)
    step["headers"] = {**_headers(request), **request.headers}
    step = {name: value for name, value in step.items() if value != {}}
    return {**step, **_body(request)}


def _query(request: Request) -> Json:
    made: Json = {}
    for (place, name), value in request.values.items():
        if place != "query":
            continue
        parameter = request.operation.parameter(name, "query") or {}
        if "content" in parameter and not isinstance(value, Raw):
            made[name] = json.dumps(literal(value))
        elif isinstance(value, list):
            made |= _listed(name, value, parameter)
        elif isinstance(value, dict):
            made |= _spread(name, value, parameter)
        else:
            made[name] = _scalar(value)
    return made


def _listed(name: str, value: list[Any], parameter: Json) -> Json:
    style = parameter.get("style", "form")
    if style == "form" and parameter.get("explode", True):
        return {name: [_scalar(one) for one in value]}
    glue = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(style, ",")
    return {name: glue.join(_text(one) for one in value)}


def _spread(name: str, value: Json, parameter: Json) -> Json:
    if parameter.get("style") == "deepObject":
        return {f"{name}[{key}]": _scalar(one) for key, one in value.items()}
    if parameter.get("explode", True):
        return {key: _scalar(one) for key, one in value.items()}
    return {name: ",".join(f"{key},{_text(one)}" for key, one in value.items())}


def _headers(request: Request) -> dict[str, str]:
    made = {name: _text(value) for (place, name), value in request.values.items() if place == "header"}
    cookies = [f"{name}={_text(value)}" for (place, name), value in request.values.items() if place == "cookie"]
    return {**made, "Cookie": "; ".join(cookies)} if cookies else made


def _body(request: Request) -> Json:
    body, value = request.operation.body, request.body
    if isinstance(value, Raw):
        headers = {**_headers(request), **request.headers}
        return {"text": value.text, "headers": {**headers, "Content-Type": request.content_type or "text/plain"}}
    if body is None or value is NOTHING:
        return {}
    if body.sort == "form" and isinstance(value, dict):
        return {"form": {name: _form(one) for name, one in literal(value).items()}}
    headers = {**_headers(request), **request.headers}
    if body.sort == "text":
        kind = body.media_type if "charset" in body.media_type else f"{body.media_type}; charset=utf-8"
        text = value if isinstance(value, str) else json.dumps(value)
        return {"text": literal(text), "headers": {**headers, "Content-Type": kind}}
    made: Json = {"body": literal(value)}
    if body.media_type not in ("application/json", "*/*"):
        made["headers"] = {**headers, "Content-Type": body.media_type}
    return made


def _form(value: Any) -> Any:
    if isinstance(value, list):
        return [one if isinstance(one, str | int | float) else json.dumps(one) for one in value]
    return json.dumps(value) if isinstance(value, dict) else value


def _scalar(value: Any) -> Any:
    """A value as a URL has it: numbers stay what they are, to be read easily."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return str(literal(value)) if isinstance(value, str) else json.dumps(value)


def as_text(operation: Operation, request: Request) -> str | None:
    """A filled body as the text of JSON, a template; None where it has something that is no text in its place."""
    if request.body is NOTHING or any(isinstance(one, Raw) for one in _numbers(operation, request.body)):
        return None
    return json.dumps(literal(request.body))


def _numbers(operation: Operation, body: Any) -> list[Any]:
    """What stands where the schema wants no text."""
    view, schema = operation.sent, operation.body.schema if operation.body is not None else {}
    places = [one for one in view.places(schema) if "string" not in types_of(view.flat(one.schema))]
    return [at(body, one.path) for one in places]


def literal(value: Any) -> Any:
    """A value whose texts are templates that give just these texts; what is Raw is one already."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        return value.replace("{{", "\\{{")
    if isinstance(value, list):
        return [literal(one) for one in value]
    if isinstance(value, dict):
        return {name: literal(one) for name, one in value.items()}
    return value
