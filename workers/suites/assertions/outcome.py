"""How an assertion came out, and how values are shown in a sentence."""

import asyncio
import json as standard
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from infra import json
from models import Verdict
from workers.suites.base import Redaction
from workers.suites.steps.paths import MISSING

Json = dict[str, Any]
T = TypeVar("T")

# Bytes of what was expected and what came that a result keeps, and characters that a sentence quotes.
KEPT = 2048
QUOTED = 200
# A secret that begins before a cut ends at most so many characters behind it.
MARGIN = 4096
_LAZY = standard.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_redaction: ContextVar[Redaction | None] = ContextVar("redaction", default=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an assertion says of an answer; the fields are those of Judged."""

    verdict: Verdict
    message: str
    expected: Any = None
    actual: Any = None
    details: list[Json] | None = None


Outcomes = Outcome | Awaitable[Outcome]


def passed(message: str, expected: Any = None, actual: Any = None, details: list[Json] | None = None) -> Outcome:
    """What was expected came."""
    return Outcome(Verdict.PASSED, message, expected, actual, details)


def failed(message: str, expected: Any = None, actual: Any = None, details: list[Json] | None = None) -> Outcome:
    """Something else came."""
    return Outcome(Verdict.FAILED, message, expected, actual, details)


def errored(message: str, expected: Any = None, actual: Any = None, details: list[Json] | None = None) -> Outcome:
    """Nobody can say whether it is as expected."""
    return Outcome(Verdict.ERRORED, message, expected, actual, details)


@contextmanager
def redacting(redaction: Redaction) -> Iterator[None]:
    """Within it no secret is cut in two, of which the first half would be shown."""
    token = _redaction.set(redaction)
    try:
        yield
    finally:
        _redaction.reset(token)


def shown(value: Any, at_most: int = QUOTED) -> str:
    """The value as JSON, in so many characters; of a long one only the beginning is made."""
    if isinstance(value, str):
        return f'{json.dumps(cut(value, at_most))[:-1]}…"' if len(value) > at_most else _text(value)
    if not isinstance(value, list | dict):
        return _text(value)
    made = _beginning(value, at_most)
    return made if len(made) <= at_most else f"{cut(made, at_most)}…"


def kept(value: Any) -> Any:
    """The value if it is at most 2 KiB as JSON, else the beginning of it as text."""
    if value is MISSING:
        return None
    if not isinstance(value, str | list | dict):
        return value
    made = value if isinstance(value, str) else _beginning(value, KEPT)
    if len(made) <= KEPT and len(made.encode("utf-8", "replace")) <= KEPT:
        return value
    return f"{cut(made, KEPT).encode('utf-8', 'replace')[: KEPT - 3].decode('utf-8', 'ignore')}…"


def _beginning(value: Any, at_most: int) -> str:
    """The value as JSON; of a long one enough to cut it."""
    made = ""
    try:
        for piece in _LAZY.iterencode(value):
            made += piece[: at_most + MARGIN]
            if len(made) > at_most + MARGIN:
                break
    except RecursionError:
        return made + "…" * (at_most + 1)
    return made


def cut(text: str, at_most: int) -> str:
    """The beginning of a text, without the beginning of a secret at its end."""
    redaction = _redaction.get()
    return (redaction.text(text[: at_most + MARGIN]) if redaction else text)[:at_most]


def step(name: str | int) -> str:
    """A step of a path, as JSONPath writes it: `.name`, `["a name"]`, `[0]`."""
    if isinstance(name, int):
        return f"[{name}]"
    return f".{name}" if name.isascii() and name.isidentifier() else f"[{shown(name)}]"


def listed(values: list[str], last: str = "or") -> str:
    """`a, b or c`."""
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} {last} {values[-1]}"


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What they return, run at the same time. The first error ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in coroutines]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _text(value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, UnicodeEncodeError):
        return standard.dumps(value, default=str)
