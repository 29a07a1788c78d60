"""What is deprecated, until when (`x-sunset`), and how settled it is (`x-stability-level`): operations, parameters,
properties."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from workers.specs.rules.base import Found, Json, Level, Pair, Rule, Spot, family, shown, step
from workers.specs.rules.walk import SchemaPair

STABILITY = ("draft", "alpha", "beta", "stable")

NAME_A_DAY = "Say by `x-sunset` until when it stays, so that clients can plan."
WRITE_A_DATE = "Write `x-sunset` as a date, such as 2030-01-31."
NAME_A_LATER_DAY = "Name a day that is still to come, and not before the one that was promised."
KEEP_STABLE = "Keep what is called stable as it is, or release the unstable one beside it."

Thing = tuple[Json, Json, str | None, str | None]  # what is said before and after, and where


def sunset(thing: Json) -> date | str | None:
    """The day until when it stays; the text that is no date; None: nothing is said."""
    said = thing.get("x-sunset", thing.get("sunset"))
    if said is None:
        return None
    try:
        return date.fromisoformat(str(said)[:10])
    except ValueError:
        return str(said)


def _things(pair: Any) -> Iterator[Thing]:
    """What both an operation or parameter and a schema say of themselves."""
    if isinstance(pair, SchemaPair):
        yield pair.before.keywords, pair.after.keywords, pair.at_before, pair.at_after
    elif pair.before is not None and pair.after is not None:
        yield pair.before, pair.after, pair.at_before, pair.at_after


def _today(pair: Pair | SchemaPair) -> date:
    return pair.whole.today if isinstance(pair, SchemaPair) else pair.today


def _deprecated(fits: Callable[[date | str | None, date], bool]) -> Callable[[Any], Iterator[Found]]:
    """Finds what became deprecated, where its sunset fits."""

    def find(pair: Any) -> Iterator[Found]:
        for before, after, at_before, at_after in _things(pair):
            until = sunset(after)
            if after.get("deprecated") is True and not before.get("deprecated") and fits(until, _today(pair)):
                yield Found({"date": shown(str(until))}, at_before, step(at_after or "", "deprecated"))

    return find


def _reactivated(pair: Any) -> Iterator[Found]:
    for before, after, at_before, at_after in _things(pair):
        if before.get("deprecated") is True and not after.get("deprecated"):
            yield Found({}, step(at_before or "", "deprecated"), at_after)


def _sunset_gone(pair: Any) -> Iterator[Found]:
    for before, after, at_before, at_after in _things(pair):
        if after.get("deprecated") is True and sunset(before) is not None and sunset(after) is None:
            yield Found({"date": shown(str(sunset(before)))}, at_before, at_after)


def _sunset_earlier(pair: Any) -> Iterator[Found]:
    for before, after, at_before, at_after in _things(pair):
        one, other = sunset(before), sunset(after)
        if isinstance(one, date) and isinstance(other, date) and other < one:
            yield Found({"before": shown(str(one)), "after": shown(str(other))}, at_before, at_after)


def _stability(*, fell: bool) -> Callable[[Any], Iterator[Found]]:
    def find(pair: Any) -> Iterator[Found]:
        for before, after, at_before, at_after in _things(pair):
            one, other = (thing.get("x-stability-level", "stable") for thing in (before, after))
            if one not in STABILITY or other not in STABILITY:
                continue
            if STABILITY.index(other) < STABILITY.index(one) if fell else STABILITY.index(other) > STABILITY.index(one):
                yield Found({"before": shown(one), "after": shown(other)}, at_before, at_after)

    return find


def _no_level(pair: Any) -> Iterator[Found]:
    for before, after, at_before, at_after in _things(pair):
        level = after.get("x-stability-level", "stable")
        if level not in STABILITY and level != before.get("x-stability-level"):
            yield Found({"after": shown(level)}, at_before, at_after)


def _unsaid(until: date | str | None, _: date) -> bool:
    return until is None


def _no_date(until: date | str | None, _: date) -> bool:
    return isinstance(until, str)


def _past(until: date | str | None, today: date) -> bool:
    return isinstance(until, date) and until < today


def _to_come(until: date | str | None, today: date) -> bool:
    return isinstance(until, date) and until >= today


_DEPRECATED = "{place} is deprecated."
_UNTIL = "{place} is deprecated, and stays until {date}."
_NO_DAY = "{place} is deprecated, and nothing says until when it stays."
_NO_DATE = "{place} is deprecated until {date}, which is no date."
_PAST = "{place} is deprecated until {date}, which is over."
_AGAIN = "{place} is no longer deprecated."
_LESS = "The stability of {place} fell from {before} to {after}."
_MORE = "The stability of {place} rose from {before} to {after}."
_SUNSET_GONE = "{place} stays deprecated, and no longer says that it stays until {date}."
_EARLIER = "{place} stays until {after}, and was to stay until {before}."

OPERATION, PARAMETER = (Spot.OPERATION,), (Spot.PARAMETER,)
PROPERTIES = (Spot.PROPERTY, Spot.RESPONSE_PROPERTY)

RULES: tuple[Rule, ...] = (
    Rule("api-deprecated-sunset-missing", Level.WARNING, OPERATION, _NO_DAY, NAME_A_DAY, _deprecated(_unsaid)),
    Rule("api-deprecated-sunset-parse", Level.ERROR, OPERATION, _NO_DATE, WRITE_A_DATE, _deprecated(_no_date)),
    Rule("api-sunset-date-too-small", Level.ERROR, OPERATION, _PAST, NAME_A_LATER_DAY, _deprecated(_past)),
    Rule("endpoint-deprecated-with-sunset", Level.INFO, OPERATION, _UNTIL, "Nothing.", _deprecated(_to_come)),
    Rule("endpoint-reactivated", Level.INFO, OPERATION, _AGAIN, "Nothing.", _reactivated),
    Rule("sunset-deleted", Level.ERROR, OPERATION, _SUNSET_GONE, NAME_A_DAY, _sunset_gone),
    Rule("api-sunset-date-changed-too-small", Level.ERROR, OPERATION, _EARLIER, NAME_A_LATER_DAY, _sunset_earlier),
    Rule("api-stability-decreased", Level.ERROR, OPERATION, _LESS, KEEP_STABLE, _stability(fell=True)),
    Rule("api-stability-increased", Level.INFO, OPERATION, _MORE, "Nothing.", _stability(fell=False)),
    Rule(
        "api-invalid-stability-level",
        Level.ERROR,
        OPERATION,
        "{place} has a stability of {after}, which is no level.",
        "Use one of draft, alpha, beta and stable.",
        _no_level,
    ),
    Rule("request-parameter-deprecated", Level.INFO, PARAMETER, _UNTIL, "Nothing.", _deprecated(_to_come)),
    Rule(
        "request-parameter-deprecated-sunset-missing",
        Level.WARNING,
        PARAMETER,
        _NO_DAY,
        NAME_A_DAY,
        _deprecated(_unsaid),
    ),
    Rule(
        "request-parameter-sunset-date-too-small", Level.ERROR, PARAMETER, _PAST, NAME_A_LATER_DAY, _deprecated(_past)
    ),
    Rule("request-parameter-reactivated", Level.INFO, PARAMETER, _AGAIN, "Nothing.", _reactivated),
    Rule("request-parameter-sunset-deleted", Level.ERROR, PARAMETER, _SUNSET_GONE, NAME_A_DAY, _sunset_gone),
    Rule(
        "request-parameter-sunset-date-changed-too-small",
        Level.ERROR,
        PARAMETER,
        _EARLIER,
        NAME_A_LATER_DAY,
        _sunset_earlier,
    ),
    *family(PROPERTIES, "deprecated", Level.INFO, _DEPRECATED, "Nothing.", _deprecated(_unsaid)),
    *family(PROPERTIES, "deprecated-with-sunset", Level.INFO, _UNTIL, "Nothing.", _deprecated(_to_come)),
    *family(PROPERTIES, "deprecated-sunset-invalid", Level.ERROR, _NO_DATE, WRITE_A_DATE, _deprecated(_no_date)),
    *family(PROPERTIES, "sunset-date-too-small", Level.ERROR, _PAST, NAME_A_LATER_DAY, _deprecated(_past)),
    *family(PROPERTIES, "reactivated", Level.INFO, _AGAIN, "Nothing.", _reactivated),
    *family(PROPERTIES, "stability-decreased", Level.ERROR, _LESS, KEEP_STABLE, _stability(fell=True)),
)
