"""Operations as a whole: removed, added, renamed, moved to another server."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from workers.specs.rules.base import Found, Json, Level, Pair, Rule, Spot, items, listed, mapping, shown, step
from workers.specs.rules.lifecycle import sunset

SPOTS = (Spot.OPERATION,)

DEPRECATE_FIRST = "Keep the operation and mark it as deprecated, with a day in `x-sunset`, before it goes."
WAIT = "Keep the operation until the day that was promised."
WRITE_A_DATE = "Write `x-sunset` as a date, such as 2030-01-31."
KEEP_ID = "Keep the id: generated clients name their functions after it."
STILL_CALL = "Go on sending it: whoever waits for it hears nothing now."
KEEP_SERVER = "Go on answering at that address, or redirect from it."

Fits = Callable[[Json, date], bool]


def _plainly(record: Json, _: date) -> bool:
    return not record.get("deprecated")


def _announced(record: Json, today: date) -> bool:
    until = sunset(record)
    return bool(record.get("deprecated")) and (until is None or (isinstance(until, date) and until <= today))


def _too_early(record: Json, today: date) -> bool:
    until = sunset(record)
    return bool(record.get("deprecated")) and isinstance(until, date) and until > today


def _unreadable(record: Json, _: date) -> bool:
    return bool(record.get("deprecated")) and isinstance(sunset(record), str)


def _removed(fits: Fits, *, path: bool | None) -> Callable[[Pair], Iterator[Found]]:
    """Finds a removed operation that fits; `path` says whether its whole path is gone, None either way."""

    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is None or pair.after is not None or pair.about["webhook"]:
            return
        if path in (None, pair.about["path_removed"]) and fits(pair.before, pair.today):
            yield Found({"date": shown(str(sunset(pair.before)))})

    return find


def _added(pair: Pair) -> Iterator[Found]:
    if pair.before is None and pair.after is not None and not pair.about["webhook"]:
        yield Found()


def _webhook(*, removed: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        one, other = (pair.before, pair.after) if removed else (pair.after, pair.before)
        if one is not None and other is None and pair.about["webhook"]:
            yield Found()

    return find


def _gone(pair: Pair) -> Iterator[Found]:
    if pair.before is not None and pair.after is None:
        yield Found()


def _both(pair: Pair, field: str) -> Iterator[tuple[Any, Any]]:
    if pair.before is not None and pair.after is not None:
        yield pair.before.get(field), pair.after.get(field)


def _id_removed(pair: Pair) -> Iterator[Found]:
    for before, after in _both(pair, "operation_id"):
        if before and before != after:
            instead = f"replaced with {shown(after)}" if after else "removed"
            yield Found({"before": shown(before), "instead": instead}, *_at(pair, "operation_id"))


def _id_added(pair: Pair) -> Iterator[Found]:
    for before, after in _both(pair, "operation_id"):
        if after and not before:
            yield Found({"after": shown(after)}, *_at(pair, "operation_id"))


def _at(pair: Pair, field: str) -> tuple[str, str]:
    """Pointers to a field of the records, or to the records where it is not there."""
    sides = ((pair.at_before, pair.before), (pair.at_after, pair.after))
    one, other = (step(at, field) if field in mapping(record) else at for at, record in sides)
    return one, other


def _lost(field: str, read: Callable[[Any], Any], *, turned: bool = False) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        for before, after in _both(pair, field):
            one, other = (after, before) if turned else (before, after)
            there = {read(value) for value in items(other)}
            gone = [name for name in dict.fromkeys(read(value) for value in items(one)) if name and name not in there]
            if gone:
                yield Found({"values": listed(gone)}, *_at(pair, field))

    return find


def _tag(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _server(value: Any) -> str | None:
    url = mapping(value).get("url")
    return url.rstrip("/") if isinstance(url, str) else None


_GONE = "{place} was removed without being deprecated before."
_ENDED = "{place} was removed after it had been deprecated."
_EARLY = "{place} was removed, and was to stay until {date}."

RULES: tuple[Rule, ...] = (
    Rule("api-removed-without-deprecation", Level.ERROR, SPOTS, _GONE, DEPRECATE_FIRST, _removed(_plainly, path=False)),
    Rule("api-removed-with-deprecation", Level.INFO, SPOTS, _ENDED, "Nothing.", _removed(_announced, path=False)),
    Rule("api-removed-before-sunset", Level.ERROR, SPOTS, _EARLY, WAIT, _removed(_too_early, path=False)),
    Rule(
        "api-path-removed-without-deprecation",
        Level.ERROR,
        SPOTS,
        f"{_GONE} Nothing is left of its path.",
        DEPRECATE_FIRST,
        _removed(_plainly, path=True),
    ),
    Rule(
        "api-path-removed-with-deprecation",
        Level.INFO,
        SPOTS,
        f"{_ENDED} Nothing is left of its path.",
        "Nothing.",
        _removed(_announced, path=True),
    ),
    Rule(
        "api-path-removed-before-sunset",
        Level.ERROR,
        SPOTS,
        f"{_EARLY} Nothing is left of its path.",
        WAIT,
        _removed(_too_early, path=True),
    ),
    Rule(
        "api-path-sunset-parse",
        Level.ERROR,
        SPOTS,
        "{place} was removed, and was to stay until {date}, which is no date.",
        WRITE_A_DATE,
        _removed(_unreadable, path=None),
    ),
    Rule("webhook-removed", Level.ERROR, SPOTS, "{place} was removed.", STILL_CALL, _webhook(removed=True)),
    Rule("webhook-added", Level.INFO, SPOTS, "{place} was added.", "Nothing.", _webhook(removed=False)),
    Rule("callback-removed", Level.ERROR, (Spot.CALLBACK,), "{place} was removed.", STILL_CALL, _gone),
    Rule("endpoint-added", Level.INFO, SPOTS, "{place} was added.", "Nothing.", _added),
    Rule(
        "api-operation-id-removed",
        Level.WARNING,
        SPOTS,
        "The operation id {before} of {place} was {instead}.",
        KEEP_ID,
        _id_removed,
    ),
    Rule(
        "api-operation-id-added",
        Level.INFO,
        SPOTS,
        "{place} has the operation id {after}, and had none.",
        "Nothing.",
        _id_added,
    ),
    Rule(
        "api-tag-removed",
        Level.INFO,
        SPOTS,
        "{place} no longer has the tags {values}.",
        "Nothing.",
        _lost("tags", _tag),
    ),
    Rule(
        "api-tag-added",
        Level.INFO,
        SPOTS,
        "{place} has the new tags {values}.",
        "Nothing.",
        _lost("tags", _tag, turned=True),
    ),
    Rule(
        "api-server-removed",
        Level.WARNING,
        SPOTS,
        "{place} is no longer offered at {values}.",
        KEEP_SERVER,
        _lost("servers", _server),
    ),
)
