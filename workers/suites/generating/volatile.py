"""What changes from one execution of a trace to the next: ids that an answer gave are taken from the new answer, times
around that of the trace become times around that of the execution.

An id is recognised by where it comes from: it is in the answer to a request, at a place called `id` or the like, and a
later request has it. Where answers are not known, what a path goes on with behind a collection to which something was
posted is taken for the id of that.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from workers.suites.generating.trace_requests import Observed, status_of

Json = dict[str, Any]

DEEPEST = 6
MOST_VALUES = 2_000
# A time so far from the trace's own is a date that somebody meant.
NEAR_SECONDS = 24 * 3600
KEYS = ("idempotency-key", "x-idempotency-key")
_ID_NAME = re.compile(r".*(^|[_-])(id|uuid|guid|key|slug|number|ref)$|.*[a-z](Id|ID|Uuid|UUID)$|id", re.S)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_LIKE_AN_ID = re.compile(r"[0-9]+|[0-9a-fA-F-]{8,}|[A-Za-z]+[_-][A-Za-z0-9]{6,}|[0-9A-HJKMNP-TV-Z]{26}")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a value comes from: which step's answer, the path in it, what it is called; `guessed` where the answer is
    not known."""

    step: int
    path: str
    name: str
    guessed: bool = False


def steps_of(flow: Sequence[Observed]) -> list[Json]:
    """The steps of requests in their order, with what is volatile in its place."""
    places: dict[str, _Source] = {}
    taken: dict[tuple[int, str], str] = {}
    steps: list[Json] = []
    for index, one in enumerate(flow):
        _follow_posts(flow[:index], one, places)
        steps.append(_replaced(one, places, taken, steps))
        for value, path, name in _ids_in(one.answer, "$", ""):
            places.setdefault(value, _Source(index, path, _called(name, one)))
    return steps


def _ids_in(value: Any, path: str, name: str, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Ids in an answer: the value as text, where it is, and what it is called there."""
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            step = f".{key}" if _PLAIN.fullmatch(key) else f"['{key}']"
            if "'" not in key and "\\" not in key:
                yield from _ids_in(inner, path + step, key, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value[:20]):
            yield from _ids_in(inner, f"{path}[{index}]", name, depth + 1)
    elif isinstance(value, str | int) and not isinstance(value, bool) and _ID_NAME.fullmatch(name):
        text = str(value)
        if _LIKE_AN_ID.fullmatch(text) and text != "0":
            yield text, path, name


def _called(name: str, one: Observed) -> str:
    """A name for a variable: what the answer calls it, with the thing's name before a bare `id`."""
    plain = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_") or "id"
    return plain if plain not in ("id", "uuid", "guid", "key") else f"{_thing(one)}_{plain}"


def _thing(one: Observed) -> str:
    """What a path is about: `order` of /orders and of /orders/7."""
    words = [part for part in one.step["url"].split("/") if re.fullmatch(r"[A-Za-z][A-Za-z_-]*", part)]
    plain = re.sub(r"[^a-z0-9]+", "_", words[-1].lower()).strip("_") if words else "made"
    return plain[:-1] if plain.endswith("s") and len(plain) > 2 else plain


def _follow_posts(before: Sequence[Observed], one: Observed, places: dict[str, _Source]) -> None:
    """Where answers are not known: POST /orders, and then something below /orders/<id>."""
    path = _path(one)
    for index, earlier in enumerate(before):
        status = status_of(earlier.of) or 0
        if earlier.step["method"] != "POST" or earlier.answer is not None or not 200 <= status < 300:
            continue
        base = _path(earlier).rstrip("/")
        rest = path.removeprefix(f"{base}/").split("/")[0] if path.startswith(f"{base}/") else ""
        others = [source.step for source in places.values()]
        if rest and _LIKE_AN_ID.fullmatch(rest) and rest not in places and index not in others:
            places[unquote(rest)] = _Source(index, "$.id", f"{_thing(earlier)}_id", guessed=True)


def _path(one: Observed) -> str:
    return str(one.step["url"]).removeprefix(one.origin)


def _replaced(one: Observed, places: dict[str, _Source], taken: dict[tuple[int, str], str], steps: list[Json]) -> Json:
    """The step with places for what earlier answers gave, which they extract then."""

    def place(text: str) -> str | None:
        if text not in places:
            return None
        source = places[text]
        at = (source.step, source.path)
        if at not in taken:
            taken[at] = _free(source.name, set(taken.values()))
            extract = {"name": taken[at], "from": "jsonpath", "expression": source.path}
            # A guess may be wrong: then the step does what it did.
            extract |= {"default": text} if source.guessed else {}
            steps[source.step].setdefault("extract", []).append(extract)
        return "{{" + taken[at] + "}}"

    def inside(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: inside(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [inside(inner) for inner in value]
        if isinstance(value, bool) or not isinstance(value, str | int):
            return value
        return place(str(value)) or (_around_now(value, one.of.started_at) if isinstance(value, str) else None) or value

    step = {**one.step}
    head, path = one.origin, _path(one)
    step["url"] = head + "/".join(place(unquote(part)) or part for part in path.split("/"))
    for name in ("query", "body"):
        if name in step:
            step[name] = inside(step[name])
    if "headers" in step:
        step["headers"] = {
            name: "{{$uuid}}" if name in KEYS else place(value) or value for name, value in step["headers"].items()
        }
    return step


def _free(wanted: str, taken: set[str]) -> str:
    name = wanted[:60] if re.match(r"[a-z_]", wanted) else f"_{wanted[:60]}"
    return next(one for one in (name, *(f"{name}_{number}" for number in range(2, MOST_VALUES))) if one not in taken)


def _around_now(value: str, at: datetime) -> str | None:
    """A place for the same time before or after the execution, of one that was near the trace's."""
    if not _TIME.fullmatch(value):
        return None
    try:
        seconds = round((datetime.fromisoformat(value.replace(" ", "T")) - at).total_seconds())
    except (ValueError, OverflowError):
        return None
    if abs(seconds) > NEAR_SECONDS:
        return None
    minutes = round(seconds / 60)
    return "{{$now}}" if minutes == 0 else "{{$now" + f"{minutes:+d}m" + "}}"
