"""Assertions on what is there to see: status, headers, the body by path, its text, how long it took, how long it is."""

from typing import Any

from infra import json
from infra.errors import BadInput
from workers.suites.assertions.outcome import Outcome, failed, listed, passed, shown
from workers.suites.assertions.values import compared, default_operator, judged
from workers.suites.base import BODY_READ, Answered, World
from workers.suites.steps import patterns
from workers.suites.steps.paths import MISSING, read_in_time

Json = dict[str, Any]

CUT = f"The body is longer than {BODY_READ // 1024 // 1024} MiB and was cut there"
_NUMERIC = ("equals", "not_equals", "less", "less_or_equal", "greater", "greater_or_equal", "one_of")
# Which of several headers of one name must be right: one, or for these all.
_OF_ALL = ("not_equals", "not_contains", "not_exists")


def status(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The status is the expected one, is in the range (`2xx`), is one of several, or stands to it as `op` says."""
    actual, expected = http_status(answered), assertion.get("expected")
    op = assertion.get("op")
    if op not in (None, "equals", "one_of"):
        wanted = _number(expected) if isinstance(expected, str) else expected
        problem = compared("The status", op, wanted, actual)
    else:
        choices = expected if isinstance(expected, list) else [expected]
        if not choices:
            raise BadInput("A status is compared with at least one.")
        words = "not" if len(choices) == 1 else "not one of"
        told = ", ".join(str(one) for one in choices)
        right = any(_is_status(one, actual) for one in choices)
        problem = None if right else f"The status is {actual}, {words} {told}."
    if problem is not None:
        return failed(problem, expected, actual)
    return passed(f"The status is {actual}.", expected, actual)


def http_status(answered: Answered) -> int:
    """The status; raises BadInput for an answer of a model, which has none."""
    if answered.status is None:
        raise BadInput("What a model says has no status and no headers; ask that of a step of kind http.")
    return answered.status


def _is_status(expected: Any, actual: int) -> bool:
    if isinstance(expected, str) and len(expected) == 3 and expected[1:].lower() == "xx" and expected[0] in "12345":
        return actual // 100 == int(expected[0])
    wanted = _number(expected) if isinstance(expected, str) else expected
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        raise BadInput(f"A status is a number such as 200, or a range such as 2xx, not {shown(expected)}.")
    return wanted == actual


def _number(text: str) -> Any:
    """The number that a text is, or the text."""
    try:
        found = json.loads(text.strip())
    except ValueError:
        return text
    return found if isinstance(found, int | float) and not isinstance(found, bool) else text


async def header(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The header of that name, in whatever case. A number is compared with the number that the header's text is. Of
    several of one name one must be right; where the operator says not, all must."""
    http_status(answered)
    name, op, expected = assertion["name"], default_operator(assertion), assertion.get("expected")
    subject = f"The header {name}"
    found: list[Any] = [value for one, value in answered.headers if one.lower() == name.lower()]
    wants_number = any(isinstance(one, int | float) for one in (expected if isinstance(expected, list) else [expected]))
    if op in _NUMERIC and wants_number:
        found = [_number(value) for value in found]
    outcomes = [await judged(subject, op, expected, value) for value in found or [MISSING]]
    wanted = "failed" if op in _OF_ALL else "passed"
    return next((one for one in outcomes if one.verdict == wanted), outcomes[0])


async def body(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The JSON body, or what is in it at `path`."""
    path, op = assertion.get("path"), default_operator(assertion)
    value = read_json(answered)
    if isinstance(value, Outcome):
        return value
    if path is None:
        return await judged("The body", op, assertion.get("expected"), value, root="$", size=len(answered.body))
    found = await read_in_time(value, path, size=len(answered.body))
    return await judged(path, op, assertion.get("expected"), found, size=len(answered.body))


def read_json(answered: Answered) -> Any:
    """The body as JSON; an outcome where it is none. Raises BadInput for one that was cut."""
    if answered.cut:
        raise BadInput(f"{CUT}, so it cannot be read as JSON.")
    try:
        return answered.json
    except ValueError as error:
        why = "it is empty" if not answered.body.strip() else str(error).rstrip(".")
        return failed(f"The body is not JSON: {why}.", None, answered.text)


def latency(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The answer came, whole, within so many milliseconds."""
    limit, took = assertion["max_ms"], round(answered.milliseconds, 1)
    told = f"The answer took {took:g} ms"
    if answered.milliseconds > limit:
        return failed(f"{told}, more than {limit:g} ms.", limit, took)
    return passed(f"{told}.", limit, took)


def size(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The body has between `min_bytes` and `max_bytes` bytes."""
    low, high, actual = assertion.get("min_bytes"), assertion.get("max_bytes"), len(answered.body)
    expected = {name: value for name, value in (("min_bytes", low), ("max_bytes", high)) if value is not None}
    told = f"The body has {'more than ' if answered.cut else ''}{actual} bytes"
    if high is not None and actual > high:
        return failed(f"{told}, more than {high}.", expected, actual)
    if answered.cut and high is not None:
        raise BadInput(f"{CUT}, so nobody knows whether it has at most {high} bytes.")
    if low is not None and actual < low:
        return failed(f"{told}, less than {low}.", expected, actual)
    return passed(f"{told}.", expected, actual)


def exact(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The text is the expected one; with `trim` without what is blank around both, with `ignore_case` in any case."""
    wanted, actual = as_text(assertion["expected"]), answered.text
    if answered.cut:
        raise BadInput(f"{CUT}, so the whole text is not known.")
    one, other = wanted, actual
    if assertion.get("trim"):
        one, other = one.strip(), other.strip()
    if assertion.get("ignore_case"):
        one, other = one.casefold(), other.casefold()
    if one == other:
        return passed("The text is the expected one.", wanted, actual)
    told = f"The text is {shown(actual)}, not {shown(wanted)}"
    return failed(f"{told}; they differ from character {_alike(one, other) + 1} on.", wanted, actual)


def _alike(one: str, other: str) -> int:
    """How many characters at the beginning of two texts are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def contains(assertion: Json, answered: Answered, _: World) -> Outcome:
    """The text has the expected one in it, or all of several."""
    expected = assertion["expected"]
    missing = [one for one in _texts(expected) if one not in answered.text]
    if not missing:
        return passed("The text contains what was expected.", expected, answered.text)
    if answered.cut:
        raise BadInput(f"{CUT}; what was read does not contain {shown(missing[0])}.")
    told = listed([shown(one) for one in missing[:5]], "and")
    return failed(f"The text does not contain {told}.", expected, answered.text)


def _texts(expected: Any) -> list[str]:
    return [as_text(one) for one in expected] if isinstance(expected, list) else [as_text(expected)]


async def regex(assertion: Json, answered: Answered, _: World) -> Outcome:
    """A regular expression finds something in the text."""
    pattern = assertion["pattern"]
    found = await patterns.search_in_time(pattern, answered.text)
    if found is not None:
        return passed(f"The text has {shown(found[0])}, which matches.", pattern, found[0])
    if answered.cut:
        raise BadInput(f"{CUT}; nothing in what was read matches {shown(pattern)}.")
    return failed(f"Nothing in the text matches {shown(pattern)}.", pattern, answered.text)


def as_text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
