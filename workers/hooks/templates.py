"""A job's input made of an event: values are put in places, and nothing is computed.

    {"messages": [{"role": "user", "content": "Sum up {{ /issue/title }}: {{ /issue/body ?? (no text) }}"}],
     "metadata": "{{ /issue/labels }}"}

A place is `{{ source }}`, and a source a JSON pointer into the event's body, `@body`, `@id`, `@event_type` or
`@header:<name>`. A text that is one place and nothing else becomes the value itself, of any type; amid other text a
value that is no text is written as compact JSON. `?? text` is taken where there is nothing, or null. `\\{{` is a plain
`{{`. What was put in is never looked at again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from infra import json
from infra.errors import BadInput
from infra.settings import settings

Json = dict[str, Any]

OPEN, CLOSE, ESCAPED = "{{", "}}", "\\{{"
BYTES_AT_MOST = 256 * 1024
DEPTH_AT_MOST = 32
PLACES_AT_MOST = 100
HEADER = "@header:"
WORDS = ("@body", "@id", "@event_type")
POINTER = re.compile(r"(/([^~]|~[01])*)", re.DOTALL)
HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
SYNTAX = (
    "Write {{ /json/pointer }}, {{ @body }}, {{ @id }}, {{ @event_type }} or {{ @header:Name }}; \\{{ is plain text."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes, and what goes there if there is none."""

    source: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """What came, as it is stored: headers by their name in lower case, those that the template names."""

    external_id: str
    type: str | None
    body: Any
    headers: Mapping[str, str]


class _Missing:
    """There is nothing at that place."""


MISSING = _Missing()


def check(template: Json) -> list[str]:
    """Pointers into `/input` to every text with places; raises BadInput where the template is wrong or too large."""
    if _depth(template) > DEPTH_AT_MOST:
        _refuse("/input", f"Is nested more than {DEPTH_AT_MOST} deep.")
    if len(json.dump_bytes(template)) > BYTES_AT_MOST:
        _refuse("/input", f"Is larger than {BYTES_AT_MOST} bytes.")
    found, count = [], 0
    for pointer, text in _texts(template, "/input"):
        places = [part for part in _parts_at(pointer, text) if isinstance(part, Place)]
        count += len(places)
        if places:
            found.append(pointer)
    if count > PLACES_AT_MOST:
        _refuse("/input", f"Has {count} places; {PLACES_AT_MOST} are allowed.")
    return found


def headers_named(template: Json) -> set[str]:
    """The headers, in lower case, that the template asks for."""
    parts = [part for pointer, text in _texts(template, "/input") for part in _parts_at(pointer, text)]
    sources = [part.source for part in parts if isinstance(part, Place)]
    return {source.removeprefix(HEADER).lower() for source in sources if source.startswith(HEADER)}


def render(template: Json, event: Event) -> Json:
    """The input; raises BadInput with pointers where the event lacks a value, or if the input gets too large."""
    rendered: Json = _Rendering(event).of(template, "/input")
    try:
        size = len(json.dump_bytes(rendered))
    except TypeError:
        raise BadInput("The event's values are nested too deep for a job's input.") from None
    if size > settings().max_body_bytes:
        raise _too_large()
    return rendered


@dataclass(slots=True)
class _Rendering:
    """One input on its way; `size` is what was put into it, so that it is known before it is written out."""

    event: Event
    size: int = 0
    sizes: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def of(self, value: Any, pointer: str) -> Any:
        if isinstance(value, dict):
            return {name: self.of(inner, f"{pointer}/{_step(name)}") for name, inner in value.items()}
        if isinstance(value, list):
            return [self.of(inner, f"{pointer}/{index}") for index, inner in enumerate(value)]
        return self._text(value, pointer) if isinstance(value, str) else value

    def _text(self, text: str, pointer: str) -> Any:
        parts = _parts_at(pointer, text)
        if len(parts) == 1 and isinstance(parts[0], Place):
            return self._value(parts[0], pointer)[0]
        return "".join(part if isinstance(part, str) else self._value(part, pointer)[1] for part in parts)

    def _value(self, place: Place, pointer: str) -> tuple[Any, str]:
        """The value of a place, and how it is written in text."""
        value = _look_up(place.source, self.event)
        if place.default is not None and (value is MISSING or value is None):
            return place.default, place.default
        if value is MISSING:
            _refuse(pointer, f"The event has nothing at {place.source}.")
        if place.source not in self.sizes:
            self.sizes[place.source] = value, value if isinstance(value, str) else json.dumps(value)
        self.size += len(self.sizes[place.source][1])
        if self.size > settings().max_body_bytes:
            raise _too_large()
        return self.sizes[place.source]


def _look_up(source: str, event: Event) -> Any:
    if source.startswith(HEADER):
        return event.headers.get(source.removeprefix(HEADER).lower(), MISSING)
    if source in WORDS:
        value = {"@body": event.body, "@id": event.external_id, "@event_type": event.type}[source]
        return MISSING if source == "@event_type" and value is None else value
    value = event.body
    for step in source.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def _parts_at(pointer: str, text: str) -> list[str | Place]:
    try:
        return _parts(text)
    except ValueError as error:
        _refuse(pointer, str(error))


def _parts(text: str) -> list[str | Place]:
    """Text and places in turn; raises ValueError with a sentence."""
    parts: list[str | Place] = []
    at, plain = 0, ""
    while (begin := text.find(OPEN, at)) >= 0:
        if text.startswith(ESCAPED, begin - 1) and begin > at:
            plain += text[at : begin - 1] + OPEN
            at = begin + len(OPEN)
            continue
        end = text.find(CLOSE, begin)
        if end < 0:
            raise ValueError(f"A {OPEN} is not closed. {SYNTAX}")
        plain += text[at:begin]
        parts += [plain] if plain else []
        parts.append(_place(text[begin + len(OPEN) : end]))
        at, plain = end + len(CLOSE), ""
    plain += text[at:]
    return [*parts, plain] if plain or not parts else parts


def _place(inside: str) -> Place:
    source, given, default = (one.strip() for one in inside.partition("??"))
    known = source in WORDS or POINTER.fullmatch(source)
    if not known and not (source.startswith(HEADER) and HEADER_NAME.fullmatch(source.removeprefix(HEADER))):
        raise ValueError(f"{source[:100]!r} names no value. {SYNTAX}")
    return Place(source, default if given else None)


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Every text in a template with its pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if OPEN in name:
                _refuse(pointer, f"A place cannot be in a name: {name[:100]!r}.")
            yield from _texts(inner, f"{pointer}/{_step(name)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{pointer}/{index}")


def _depth(value: Any) -> int:
    """How deep it is nested; counts no further than it matters."""
    depth, level = 0, [value]
    while level and depth <= DEPTH_AT_MOST + 1:
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        depth += 1
    return depth


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refuse(pointer: str, detail: str) -> NoReturn:
    raise BadInput(detail, errors=[{"pointer": pointer, "detail": detail}])


def _too_large() -> BadInput:
    return BadInput(f"With the event's values the input is larger than {settings().max_body_bytes} bytes.")
