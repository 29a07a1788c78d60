"""The fields in which two records differ, whatever that means for clients."""

from collections.abc import Iterator
from typing import Any

from workers.specs.rules.base import Json, step

MOST_FIELDS = 200
MOST_CHARACTERS = 500  # of a text that is shown
MOST_MEMBERS = 20  # of a list or object that is shown
MOST_LEVELS = 4
MOST_STEPS = 200_000  # pairs of values that are looked at
ABSENT = object()


def fields_changed(before: Json | None, after: Json | None) -> list[Json]:
    """The differences as `{"pointer", "before", "after"}`, in the order of the record.

    Where one side has no such field, its name is left out. At most 200, of which long values are cut; where there are
    more, the last one is `{"pointer": "", "truncated": n}`. Lists are compared by position, but parameters by what
    they are.
    """
    found: list[Json] = []
    more = 0
    for pointer, one, other in _differences(before, after):
        if len(found) >= MOST_FIELDS:
            more += 1
            continue
        sides = {name: cut(value) for name, value in (("before", one), ("after", other)) if value is not ABSENT}
        found.append({"pointer": pointer, **sides})
    return [*found, {"pointer": "", "truncated": more}] if more else found


def cut(value: Any, level: int = 0) -> Any:
    """A value short enough to be shown: texts, lists, objects and depth end with an ellipsis."""
    if isinstance(value, str):
        return value if len(value) <= MOST_CHARACTERS else value[:MOST_CHARACTERS] + "…"
    if isinstance(value, list | dict) and level >= MOST_LEVELS:
        return "…"
    if isinstance(value, list):
        return [cut(one, level + 1) for one in value[:MOST_MEMBERS]] + ["…"] * (len(value) > MOST_MEMBERS)
    if isinstance(value, dict):
        shown = {name: cut(one, level + 1) for name, one in list(value.items())[:MOST_MEMBERS]}
        return shown | ({"…": len(value) - MOST_MEMBERS} if len(value) > MOST_MEMBERS else {})
    return value


def _differences(before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every place where a value is on one side only, or another one; in a bounded number of steps."""
    waiting = [("", ABSENT if before is None else before, ABSENT if after is None else after)]
    steps = 0
    while waiting and steps < MOST_STEPS:
        pointer, one, other = waiting.pop()
        steps += 1
        if isinstance(one, dict) and isinstance(other, dict):
            names = [*one, *(name for name in other if name not in one)]
            inner = [(step(pointer, name), one.get(name, ABSENT), other.get(name, ABSENT)) for name in names]
        elif isinstance(one, list) and isinstance(other, list):
            pairs = _paired(one, other) if pointer == "/parameters" else _by_position(one, other)
            inner = [(step(pointer, n), *pair) for n, pair in pairs]
        else:
            if not same(one, other):
                yield pointer, one, other
            continue
        waiting += reversed(inner)


def same(one: Any, other: Any) -> bool:
    """Whether two values that are not both objects or lists are the same JSON; `1` is not `true`, and is `1.0`."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _by_position(one: list[Any], other: list[Any]) -> list[tuple[int, tuple[Any, Any]]]:
    longest = max(len(one), len(other))
    return [(n, (one[n] if n < len(one) else ABSENT, other[n] if n < len(other) else ABSENT)) for n in range(longest)]


def _paired(one: list[Any], other: list[Any]) -> list[tuple[int, tuple[Any, Any]]]:
    """Parameters by place and name. The pointer is into the record after, or before for one that is gone."""
    known = {_key(value): value for value in one}
    pairs = [(n, (known.pop(_key(value), ABSENT), value)) for n, value in enumerate(other)]
    return [*pairs, *((n, (value, ABSENT)) for n, value in enumerate(one) if _key(value) in known)]


def _key(parameter: Any) -> tuple[str, str]:
    if not isinstance(parameter, dict):
        return "", str(parameter)
    return str(parameter.get("in")), str(parameter.get("name"))
