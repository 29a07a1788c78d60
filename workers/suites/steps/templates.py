r"""Places in test cases, as `{{user.id}}`, that are filled in with values; nothing is computed.

    {"url": "/users/{{user_id}}", "headers": {"X-Token": "{{secret.token}}"}, "body": {"tags": "{{row.tags}}"}}

A bare name is what an earlier step extracted, else a variable of the case, the data row's, the suite's, the
environment's. `{{var.x}}` (extracted, case, suite), `{{row.x}}`, `{{env.x}}`, `{{secret.x}}` and
`{{step.login.status}}` (also .headers.<name>, .body, .text, .url, .milliseconds, .verdict) say where to look. Into JSON
it goes on with `.name`, `[0]` and `["any name"]`. `{{$uuid}}`, `{{$random_int}}`, `{{$random_text}}`, `{{$now}}`,
`{{$now+1d}}` and `{{$timestamp-5m}}` (s m h d w) make a new value at each place; what is random repeats with the seed.
`{{$digits_4}}`, `{{$letters_8}}` and `{{$capitals_3}}` do so, too; with a name, as `{{$letters_8:code}}`, they are the
same wherever the execution has them.

A text that is one place and nothing else becomes the value itself, of any type; amid other text a value that is no text
is written as compact JSON. `{{name ?? text}}` takes the text where there is nothing, or null. `\{{` is a plain `{{`.
Names of members are not looked at, nor is what was put in looked at again. Text such as `{% if %}` or `${x}` is text.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import lru_cache
from random import Random
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any, NoReturn
from uuid import UUID

from infra import json
from infra.clock import now
from infra.errors import BadInput, UnsetVariable

OPEN, CLOSE = "{{", "}}"
BYTES_AT_MOST = 4 * 1024 * 1024
DEEPEST = 100
LONGEST_CACHED = 4096
SYNTAX = (
    "Write {{name}}, {{name.field[0]}}, {{row.x}}, {{env.x}}, {{secret.x}}, {{var.x}}, {{step.id.status}}, {{$uuid}}, "
    "{{$now}}, {{$now+1d}}, {{$timestamp}}, {{$random_int}} or {{$random_text}}, with ?? and a text for when there is "
    "nothing; \\{{ is plain text."
)

_NAME = r"[A-Za-z_][A-Za-z0-9_-]{0,99}"
_STEP = r"\.[A-Za-z0-9_-]{1,200}|\[-?[0-9]{1,9}\]|\[\"[^\"\\{}]{1,200}\"\]"
_SOURCE = re.compile(
    rf"(?P<name>{_NAME})(?P<steps>(?:{_STEP})*)|\$(?P<generator>uuid|random_int|random_text|"
    rf"(?:digits|letters|capitals)_[1-9][0-9]?(?::{_NAME})?|"
    rf"(?:now|timestamp)(?P<offset>[+-][0-9]{{1,5}}[smhdw])?)",
    re.ASCII,
)
_STEPS = re.compile(_STEP, re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MISSING: Any = object()
_ALPHABETS = {"digits": digits, "letters": ascii_lowercase, "capitals": ascii_uppercase}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes. `source` as it is written; `kind` is `row`, `env`, `secret`, `var`, `step`, `bare` or a
    generator's name; `steps` lead into the value; `seconds` shift a time."""

    source: str
    kind: str
    steps: tuple[str | int, ...]
    default: str | None
    seconds: int = 0


@dataclass(slots=True)
class Scope:
    """What can be put in, in one execution of a case. Steps add to `extracted`, and to `steps` what came back by id:
    anything with a method `read(name)`, which raises KeyError. `seed` makes what is random repeatable."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    suite: Mapping[str, Any] = field(default_factory=dict)
    extracted: dict[str, Any] = field(default_factory=dict)
    # What belongs to the steps of one execution: its cookies, and what it learnt to be secret.
    kept: dict[str, Any] = field(default_factory=dict)
    _random: Random | None = None

    @property
    def random(self) -> Random:
        """The source of what is random in this execution."""
        if self._random is None:
            self._random = Random(self.seed)
        return self._random


def check(value: Any) -> list[dict[str, str]]:
    """What is wrong with the templates in a value: `pointer` into it, and `detail`, a sentence."""
    if _depth(value) > DEEPEST:
        return [{"pointer": "", "detail": f"Is nested more than {DEEPEST} deep."}]
    wrong = []
    for pointer, text in _texts(value, ""):
        try:
            _parts(text)
        except ValueError as error:
            wrong.append({"pointer": pointer, "detail": str(error)})
    return wrong


def render(value: Any, scope: Scope) -> Any:
    """The value with its places filled in; itself if it has none. Raises UnsetVariable, or BadInput for a template that
    is wrong or gets larger than 4 MiB."""
    if isinstance(value, str):
        return _Rendering(scope).text(value) if OPEN in value else value
    if not isinstance(value, dict | list) or not _has_openings(value):
        return value
    return _Rendering(scope).of(value)


def _has_openings(value: Any) -> bool:
    """A look at the bytes, which is far cheaper than a walk; JSON itself has no `{{`."""
    try:
        return b"{{" in json.dump_bytes(value)
    except TypeError:  # a number of more than 64 bits
        return True


def as_text(value: Any) -> str:
    """How a value is written amid other text."""
    return value if isinstance(value, str) else json.dumps(value)


def escaped(text: str) -> str:
    """A template that gives just this text."""
    return text.replace(OPEN, "\\" + OPEN)


@dataclass(slots=True)
class _Rendering:
    """One value on its way; `size` is what was put into it."""

    scope: Scope
    size: int = 0
    sizes: dict[int, tuple[Any, str]] = field(default_factory=dict)

    def of(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value) if OPEN in value else value
        if isinstance(value, dict):
            return {name: self.of(inner) for name, inner in value.items()}
        return [self.of(inner) for inner in value] if isinstance(value, list) else value

    def text(self, text: str) -> Any:
        try:
            parts = _parts(text) if len(text) <= LONGEST_CACHED else _split(text)
        except ValueError as error:
            raise BadInput(str(error)) from None
        if len(parts) == 1 and isinstance(parts[0], Place):
            value = self._value(parts[0])
            self._grows(value)
            return value
        return "".join(part if isinstance(part, str) else self._grows(self._value(part)) for part in parts)

    def _value(self, place: Place) -> Any:
        value = _look_up(place, self.scope)
        if place.default is not None and (value is _MISSING or value is None):
            return place.default
        return _refuse_unset(place, self.scope) if value is _MISSING else value

    def _grows(self, value: Any) -> str:
        """How it is written in text; counted, so that it is known how large the whole gets before it is made."""
        if isinstance(value, str):
            written = value
        elif id(value) in self.sizes:
            written = self.sizes[id(value)][1]
        else:
            written = json.dumps(value)
            self.sizes[id(value)] = value, written
        self.size += len(written)
        if self.size > BYTES_AT_MOST:
            raise BadInput(f"With the values that are put in, the step is larger than {BYTES_AT_MOST} bytes.")
        return written


def _look_up(place: Place, scope: Scope) -> Any:
    match place.kind:
        case "bare":
            found = _first(place, scope.extracted, scope.variables, scope.row, scope.suite, scope.environment)
        case "var":
            found = _first(place, scope.extracted, scope.variables, scope.suite)
        case "row":
            found = _first(place, scope.row)
        case "env":
            found = _first(place, scope.environment)
        case "secret":
            found = _first(place, scope.secrets)
        case "step":
            return _of_step(place, scope)
        case _:
            return _made(place, scope)
    return _inside(found, place.steps[1:])


def _first(place: Place, *among: Mapping[str, Any]) -> Any:
    name = str(place.steps[0])
    for one in among:
        if name in one:
            return one[name]
    return _MISSING


def _of_step(place: Place, scope: Scope) -> Any:
    step, name, *rest = place.steps
    try:
        return _inside(scope.steps[str(step)].read(str(name)), tuple(rest))
    except KeyError:
        return _MISSING


def _inside(value: Any, steps: tuple[str | int, ...]) -> Any:
    """Members of objects and elements of lists, and nothing else that a value may have."""
    for step in steps:
        if isinstance(value, dict | Mapping) and step in value:
            value = value[step]
        elif isinstance(value, list) and (index := _index(step)) is not None and -len(value) <= index < len(value):
            value = value[index]
        else:
            return _MISSING
    return value


def _index(step: str | int) -> int | None:
    if isinstance(step, int):
        return step
    return int(step) if step.isascii() and step.isdigit() and len(step) < 10 else None


def _made(place: Place, scope: Scope) -> Any:
    match place.kind:
        case "uuid":
            return str(UUID(int=scope.random.getrandbits(128), version=4))
        case "random_int":
            return scope.random.randrange(2**31)
        case "random_text":
            return "".join(scope.random.choices(ascii_lowercase + digits, k=12))
        case kind if kind.partition("_")[0] in _ALPHABETS:
            return _drawn(kind, scope)
    moment = now().astimezone(UTC) + timedelta(seconds=place.seconds)
    if place.kind == "timestamp":
        return int(moment.timestamp())
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _drawn(kind: str, scope: Scope) -> str:
    """So many characters of an alphabet; those with a name once in an execution."""
    if kind in scope.kept:
        return str(scope.kept[kind])
    alphabet, _, count = kind.partition(":")[0].partition("_")
    made = "".join(scope.random.choices(_ALPHABETS[alphabet], k=int(count)))
    if ":" in kind:
        scope.kept[kind] = made
    return made


def _refuse_unset(place: Place, scope: Scope) -> NoReturn:
    name = place.steps[0]
    if place.kind == "secret":
        raise UnsetVariable(
            f"The environment has no secret {name}; set it with PUT /v1/environments/{{environment_id}}/secrets/{name}."
        )
    if place.kind == "step":
        known = f"the step {name} has no such field" if name in scope.steps else f"no step {name} ran before this one"
        raise UnsetVariable(f"{OPEN}{place.source}{CLOSE} is not there: {known}.")
    places = {
        "row": "the data rows of the case",
        "env": "the variables of the environment",
        "var": "the variables of the case or the suite, or extract it in an earlier step",
        "bare": "variables of the case, the suite or the environment, in data rows, or extract it in an earlier step",
    }
    raise UnsetVariable(
        f"The variable {place.source} is not set; give it in {places[place.kind]}. {OPEN}{place.source} ?? text{CLOSE} "
        "takes a text instead."
    )


def _split(text: str) -> tuple[str | Place, ...]:
    """Text and places in turn; raises ValueError with a sentence."""
    parts: list[str | Place] = []
    at, plain = 0, ""
    while (begin := text.find(OPEN, at)) >= 0:
        if begin > at and text[begin - 1] == "\\":
            plain += text[at : begin - 1] + OPEN
            at = begin + len(OPEN)
            continue
        while text.startswith("{", begin + len(OPEN)):  # the place of `{{{x}}}` is inside of braces
            begin += 1
        end = text.find(CLOSE, begin)
        if end < 0:
            raise ValueError(f"A {OPEN} is not closed. {SYNTAX}")
        plain += text[at:begin]
        parts += [plain] if plain else []
        parts.append(_place(text[begin + len(OPEN) : end]))
        at, plain = end + len(CLOSE), ""
    plain += text[at:]
    return (*parts, plain) if plain or not parts else tuple(parts)


_parts = lru_cache(maxsize=8192)(_split)


def _place(inside: str) -> Place:
    source, given, default = (one.strip() for one in inside.partition("??"))
    found = _SOURCE.fullmatch(source)
    if found is None:
        raise ValueError(f"{source[:100]!r} names no value. {SYNTAX}")
    otherwise = default if given else None
    if generator := found["generator"]:
        offset = found["offset"]
        seconds = timedelta(**{_UNITS[offset[-1]]: int(offset[:-1])}).total_seconds() if offset else 0
        return Place(source, generator.removesuffix(offset or ""), (), otherwise, int(seconds))
    steps: tuple[str | int, ...] = tuple(map(_step, _STEPS.findall(found["steps"])))
    name = found["name"]
    if name in ("row", "env", "secret", "var") and steps and isinstance(steps[0], str):
        return Place(source, name, steps, otherwise)
    if name == "step" and steps:
        if len(steps) < 2:
            raise ValueError(f"{source[:100]!r} does not say what of the step; write {{{{step.login.status}}}}.")
        return Place(source, name, steps, otherwise)
    return Place(source, "bare", (name, *steps), otherwise)


def _step(written: str) -> str | int:
    if written.startswith("."):
        return written[1:]
    return written[2:-2] if written[1] == '"' else int(written[1:-1])


def _texts(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Every text with an opening in it, with its pointer."""
    if isinstance(value, str):
        if OPEN in value:
            yield pointer, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{pointer}/{index}")


def _depth(value: Any) -> int:
    """How deep it is nested; counts no further than it matters."""
    depth, level = 0, [value]
    while level and depth <= DEEPEST + 1:
        inside = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in inside for inner in (one.values() if isinstance(one, dict) else one)]
        depth += 1
    return depth
