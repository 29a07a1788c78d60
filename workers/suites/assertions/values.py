"""Comparing values as JSON does: 1 is 1.0, true is not 1, and a text is never a number.

An operator looks at what came and at what was expected; it says in a sentence what is wrong, or None. A value that is
not there has only `not_exists`; all others fail, also those that say not.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from infra.errors import BadInput
from workers.suites.assertions.outcome import Outcome, failed, listed, passed, shown, step
from workers.suites.steps import patterns
from workers.suites.steps.paths import MISSING

Operator = Callable[[str, Any, Any], str | None]

# Bytes of a body, beyond which a thread compares, so that nobody is held up.
LARGE = 256 * 1024
TYPES = ("string", "number", "integer", "boolean", "null", "array", "object")
_ARTICLES = {"null": "null"} | {name: f"{'an' if name[0] in 'aio' else 'a'} {name}" for name in TYPES if name != "null"}


def default_operator(assertion: dict[str, Any]) -> str:
    """What is meant where none is named: the value, or that there is one."""
    return assertion.get("op") or ("equals" if "expected" in assertion else "exists")


async def judged(
    subject: str, op: str, expected: Any, actual: Any, *, root: str | None = None, size: int = 0
) -> Outcome:
    """How what came stands to what was expected; `root` is the subject within paths to a difference, `size` that of the
    body it is of, in bytes. Raises BadInput where the assertion itself means nothing."""
    if op == "matches" and isinstance(actual, str) and isinstance(expected, str):
        found = await patterns.search_in_time(expected, actual)
        problem = None if found else f"{subject} is {shown(actual)}, which does not match {shown(expected)}."
    elif size > LARGE:
        problem = await asyncio.to_thread(compared, subject, op, expected, actual, root)
    else:
        problem = compared(subject, op, expected, actual, root)
    if problem is not None:
        return failed(problem, expected, actual)
    return passed(_told(subject, actual), expected, actual)


def compared(subject: str, op: str, expected: Any, actual: Any, root: str | None = None) -> str | None:
    """What is wrong, as a sentence; all operators but `matches` on texts."""
    if op == "not_exists":
        return None if actual is MISSING else f"{subject} is there: {shown(actual)}."
    if actual is MISSING:
        return f"{subject} is missing."
    if op == "equals":
        return _equals(subject, expected, actual, root or subject)
    operator = OPERATORS.get(op)
    if operator is None:
        raise BadInput(f"There is no operator {op!r}.")
    return operator(subject, expected, actual)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return difference(one, other) is None


def difference(expected: Any, actual: Any) -> tuple[str, str] | None:
    """The first place where they differ, as a path behind the value's own, and what is the matter there."""
    waiting: list[tuple[str, Any, Any]] = [("", expected, actual)]
    while waiting:
        path, one, other = waiting.pop()
        if isinstance(one, dict) and isinstance(other, dict):
            missing = next((name for name in one if name not in other), None)
            if missing is not None:
                return path, f"has no {shown(missing)}"
            waiting += [(path + step(name), value, other[name]) for name, value in reversed(one.items())]
            more = next((name for name in other if name not in one), None)
            if more is not None:
                waiting.insert(0, (path, _Extra(f"has {shown(more)}, which is not expected"), None))
        elif isinstance(one, list) and isinstance(other, list):
            if len(one) != len(other):
                waiting.append((path, _Extra(f"has {_count(other)}, not {len(one)}"), None))
            pairs = list(zip(one, other, strict=False))
            waiting += [(path + step(at), *pair) for at, pair in reversed(list(enumerate(pairs)))]
        elif isinstance(one, _Extra):
            return path, one
        elif not _equal(one, other):
            return path, f"is {_against(other, one)}, not {shown(one)}"
    return None


class _Extra(str):
    """A difference that is told after those within."""

    __slots__ = ()


def _equal(one: Any, other: Any) -> bool:
    """Two values of which at least one is neither list nor object."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    return type(one) is type(other) and bool(one == other)


def type_of(value: Any) -> str:
    """The name of a value's type, as JSON Schema calls it; whole numbers are numbers."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if value is None:
        return "null"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def of_type(value: Any) -> str:
    """`"12" (a string)`; what is seen at once is not said."""
    kind = type_of(value)
    return shown(value) if kind in ("null", "boolean") else f"{shown(value)} ({_ARTICLES[kind]})"


def a_type(names: list[str]) -> str:
    """`a number or null`."""
    return listed([_ARTICLES[name] for name in names])


def _against(actual: Any, expected: Any) -> str:
    """The value, with its type where that is what differs."""
    return shown(actual) if type_of(actual) == type_of(expected) else of_type(actual)


def _told(subject: str, actual: Any) -> str:
    return f"{subject} is missing." if actual is MISSING else f"{subject} is {shown(actual)}."


def _count(values: Any) -> str:
    what = {"string": "character", "array": "item", "object": "name"}[type_of(values)]
    return f"{len(values)} {what}{'' if len(values) == 1 else 's'}"


def _equals(subject: str, expected: Any, actual: Any, root: str) -> str | None:
    found = difference(expected, actual)
    if found is None:
        return None
    path, what = found
    return f"{root}{path} {what}." if path else f"{subject} {what}."


def _not_equals(subject: str, expected: Any, actual: Any) -> str | None:
    return f"{subject} is {shown(actual)}, which it must not be." if same(expected, actual) else None


def _holds(expected: Any, actual: Any) -> bool | None:
    """Whether a text, a list or an object contains that; None where it cannot."""
    if isinstance(actual, str):
        return expected in actual if isinstance(expected, str) else None
    if isinstance(actual, list):
        return any(same(expected, one) for one in actual)
    if isinstance(actual, dict) and isinstance(expected, dict):
        return all(name in actual and same(value, actual[name]) for name, value in expected.items())
    return expected in actual if isinstance(actual, dict) and isinstance(expected, str) else None


def _contains(subject: str, expected: Any, actual: Any) -> str | None:
    return None if _holds(expected, actual) else f"{subject} is {of_type(actual)}, without {shown(expected)}."


def _not_contains(subject: str, expected: Any, actual: Any) -> str | None:
    return f"{subject} is {shown(actual)}, with {shown(expected)} in it." if _holds(expected, actual) else None


def _matches(subject: str, expected: Any, actual: Any) -> str | None:
    if not isinstance(expected, str):
        raise BadInput(f"`matches` takes a regular expression, not {of_type(expected)}.")
    return f"{subject} is {of_type(actual)}, not a string."


def _ordered(words: str, right: Callable[[Any, Any], bool]) -> Operator:
    def check(subject: str, expected: Any, actual: Any) -> str | None:
        wanted = type_of(expected)
        if wanted not in ("number", "string"):
            raise BadInput(f"What is {words} something is a number or a string, not {of_type(expected)}.")
        if type_of(actual) != wanted:
            return f"{subject} is {of_type(actual)}, not {_ARTICLES[wanted]}."
        return None if right(actual, expected) else f"{subject} is {shown(actual)}, not {words} {shown(expected)}."

    return check


def _type(subject: str, expected: Any, actual: Any) -> str | None:
    wanted = expected if isinstance(expected, list) else [expected]
    if not wanted or not all(isinstance(one, str) and one in TYPES for one in wanted):
        raise BadInput(f"A type is one of {', '.join(TYPES)}, not {shown(expected)}.")
    whole = isinstance(actual, int | float) and not isinstance(actual, bool) and actual == actual // 1
    if type_of(actual) in wanted or (whole and "integer" in wanted):
        return None
    return f"{subject} is {of_type(actual)}, not {a_type(wanted)}."


def _length(subject: str, expected: Any, actual: Any) -> str | None:
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        raise BadInput(f"A length is a number, not {of_type(expected)}.")
    if not isinstance(actual, str | list | dict):
        return f"{subject} is {of_type(actual)}, which has no length."
    return None if len(actual) == expected else f"{subject} has {_count(actual)}, not {shown(expected)}."


def _one_of(subject: str, expected: Any, actual: Any) -> str | None:
    if not isinstance(expected, list) or not expected:
        raise BadInput(f"`one_of` takes a list of values, not {shown(expected)}.")
    if any(same(one, actual) for one in expected):
        return None
    return f"{subject} is {_against(actual, expected[0])}, not one of {shown(expected)[1:-1]}."


def _edge(words: str, right: Callable[[str, str], bool]) -> Operator:
    def check(subject: str, expected: Any, actual: Any) -> str | None:
        if not isinstance(expected, str):
            raise BadInput(f"What something {words} with is a string, not {of_type(expected)}.")
        if not isinstance(actual, str):
            return f"{subject} is {of_type(actual)}, not a string."
        return (
            None
            if right(actual, expected)
            else f"{subject} is {shown(actual)}, which does not {words} with {shown(expected)}."
        )

    return check


def _empty(subject: str, _: Any, actual: Any) -> str | None:
    if actual is None or (isinstance(actual, str | list | dict) and not actual):
        return None
    return f"{subject} is {of_type(actual)}, not empty."


def _not_empty(subject: str, _: Any, actual: Any) -> str | None:
    return f"{subject} is {shown(actual)}: empty." if _empty(subject, _, actual) is None else None


OPERATORS: dict[str, Operator] = {
    "exists": lambda *_: None,
    "not_equals": _not_equals,
    "contains": _contains,
    "not_contains": _not_contains,
    "matches": _matches,
    "less": _ordered("less than", lambda one, other: one < other),
    "less_or_equal": _ordered("at most", lambda one, other: one <= other),
    "greater": _ordered("more than", lambda one, other: one > other),
    "greater_or_equal": _ordered("at least", lambda one, other: one >= other),
    "type": _type,
    "length": _length,
    "one_of": _one_of,
    "starts_with": _edge("start", str.startswith),
    "ends_with": _edge("end", str.endswith),
    "empty": _empty,
    "not_empty": _not_empty,
}
