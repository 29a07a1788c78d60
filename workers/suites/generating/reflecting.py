"""That an answer has what was sent: the properties that both sides know, each by itself."""

from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.operations import Operation
from workers.suites.generating.requests import Raw, Request, literal
from workers.suites.generating.views import Path, at, types_of

Json = dict[str, Any]

MOST = 40
MOST_ITEMS = 3
# A moment may come back in another notation from here on.
SURE_OF_A_MOMENT = 19
# What is kept is not what is shown.
NEVER = ("password", "secret", "token")


def reflected(request: Request, answer: Operation, step: str | None = None) -> list[Json]:
    """Assertions on the answer of `answer` that it has what the (filled) request sent. What was made up while it ran is
    compared with the answer of the named step, which had it first; without one it is not compared."""
    found: list[Json] = []
    if isinstance(request.body, dict) and answer.answer is not None and answer.rows is None:
        _compare(found, request.body, answer, answer.answer, (), step)
    return found[:MOST]


def unchanged(before: str, answer: Operation, names: list[str]) -> list[Json]:
    """Assertions that properties are as they were in the answer of a step before."""
    known = answer.properties_answered()
    return [expect.body(_path((one,)), "equals", _earlier(before, (one,))) for one in names if one in known]


def _compare(found: list[Json], sent: Any, answer: Operation, schema: Any, path: Path, step: str | None) -> None:
    properties = answer.answered.properties(schema)
    for name, value in sent.items():
        if name not in properties or name.lower() in NEVER:
            continue
        plain = answer.answered.flat(properties[name])
        here = (*path, name)
        if plain.get("format") in ("date-time", "time") and isinstance(value, str):
            found.append(expect.body(_path(here), "starts_with", value[:SURE_OF_A_MOMENT]))
        elif isinstance(value, Raw) and _changes(value):
            if step is not None and "{{$" in value.text:
                found.append(expect.body(_path(here), "equals", _earlier(step, here)))
            elif "{{$" not in value.text:
                found.append(expect.body(_path(here), "equals", value.text))
        elif isinstance(value, dict) and "object" in types_of(plain) and "properties" in plain:
            _compare(found, value, answer, properties[name], here, step)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            items = plain.get("items", {})
            for index, one in enumerate(value[:MOST_ITEMS]):
                if isinstance(one, dict) and "properties" in answer.answered.flat(items):
                    _compare(found, one, answer, items, (*here, index), step)
        elif _same_kind(value, types_of(plain)):
            found.append(expect.body(_path(here), "equals", literal(value)))


def _changes(value: Raw) -> bool:
    return "{{" in value.text


def _same_kind(value: Any, kinds: set[str]) -> bool:
    """Whether the answer has it as the same type: a text that comes back as a number is another thing."""
    value = value.text if isinstance(value, Raw) else value
    names = {bool: "boolean", str: "string", list: "array", dict: "object", type(None): "null"}
    kind = names.get(type(value))
    if kind is None:
        return not kinds or bool(kinds & {"integer", "number"})
    return not kinds or kind in kinds


def _path(path: Path) -> str:
    """JSONPath."""
    made = "$"
    for step in path:
        plain = isinstance(step, str) and step.isidentifier() and step.isascii()
        made += f".{step}" if plain else f"[{step}]" if isinstance(step, int) else f"['{step}']"
    return made


def _earlier(step: str, path: Path) -> str:
    """The template of what an earlier answer had there."""
    inside = "".join(f"[{one}]" if isinstance(one, int) else f'["{one}"]' for one in path)
    return "{{step." + step + ".body" + inside + "}}"


__all__ = ["at", "reflected", "unchanged"]
