"""Parameters as a whole: added, removed, required, moved, written in another way. Their schemas are in other files."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from workers.specs.rules.base import Found, Json, Level, Pair, Rule, Spot, mapping, shown, step
from workers.specs.rules.lifecycle import sunset

SPOTS = (Spot.PARAMETER,)
# Said elsewhere in a description, and to be passed over here.
RESERVED_HEADERS = {"accept", "content-type", "authorization"}
STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}

STILL_IGNORE = "Accept the parameter without using it, and mark it as deprecated first."
MAKE_OPTIONAL = "Make it optional, with a default that does what was done without it."
WAIT = "Keep the parameter until the day that was promised."
WRITE_A_DATE = "Write `x-sunset` as a date, such as 2030-01-31."
BOTH_PATHS = "Offer the new path beside the former one."
BOTH_PLACES = "Take the parameter from its former place, too."
SAME_STYLE = "Go on reading it as it was written, or take the new way under another name."


def _is(thing: Json | None, *, required: bool) -> bool:
    return (mapping(thing).get("required") is True) is required


def _removed(*, deprecated: bool, fits: Callable[[Any, date], bool]) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is not None and pair.after is None and not pair.about.get("moved"):
            until = sunset(pair.before)
            if bool(pair.before.get("deprecated")) is deprecated and fits(until, pair.today):
                yield Found({"date": shown(str(until))})

    return find


def _new(*, required: bool, path: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is None and pair.after is not None and not pair.about.get("moved"):
            in_path = pair.after.get("in") == "path"
            if in_path is path and (path or _is(pair.after, required=required)):
                yield Found()

    return find


def _became(*, required: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is None or pair.after is None or pair.about.get("moved"):
            return
        if _is(pair.before, required=not required) and _is(pair.after, required=required):
            yield Found({}, _at(pair.at_before, pair.before), _at(pair.at_after, pair.after))

    return find


def _at(pointer: str, thing: Json) -> str:
    return step(pointer, "required") if "required" in thing else pointer


def _moved(pair: Pair) -> Iterator[Found]:
    if pair.before is not None and pair.after is not None and pair.about.get("moved"):
        yield Found({"before": shown(pair.before.get("in")), "after": shown(pair.after.get("in"))})


def style_of(parameter: Json) -> tuple[Any, Any]:
    """How it is written: its style, and whether a list repeats it; both have defaults."""
    style = parameter.get("style", STYLES.get(str(parameter.get("in")), "form"))
    return style, parameter.get("explode", style == "form")


def _compound(parameter: Json) -> bool:
    """Whether the value may be a list or an object, which is what a style is about."""
    schema = mapping(parameter.get("schema"))
    return schema.get("type") not in ("string", "integer", "number", "boolean")


def _rewritten(pair: Pair) -> Iterator[Found]:
    if pair.before is None or pair.after is None or pair.about.get("moved"):
        return
    one, other = style_of(pair.before), style_of(pair.after)
    compound = _compound(pair.before) and _compound(pair.after)
    # A style of its own (matrix, label) is written before any value.
    if one != other and (compound or (one[0] != other[0] and pair.after.get("in") == "path")):
        said = [f"{style}{', exploded' if explode else ''}" for style, explode in (one, other)]
        yield Found({"before": shown(said[0]), "after": shown(said[1])})


def _content(pair: Pair) -> Iterator[Found]:
    if pair.before is None or pair.after is None:
        return
    one, other = (next(iter(mapping(side.get("content"))), "text") for side in (pair.before, pair.after))
    if one != other:
        yield Found({"before": shown(one), "after": shown(other)})


def _any(until: Any, today: date) -> bool:
    return True


def _over(until: Any, today: date) -> bool:
    return until is None or (isinstance(until, date) and until <= today)


def _early(until: Any, today: date) -> bool:
    return isinstance(until, date) and until > today


def _no_date(until: Any, today: date) -> bool:
    return isinstance(until, str)


RULES: tuple[Rule, ...] = (
    Rule(
        "request-parameter-removed",
        Level.WARNING,
        SPOTS,
        "{place} was removed.",
        STILL_IGNORE,
        _removed(deprecated=False, fits=_any),
    ),
    Rule(
        "request-parameter-removed-with-deprecation",
        Level.INFO,
        SPOTS,
        "{place} was removed after it had been deprecated.",
        "Nothing.",
        _removed(deprecated=True, fits=_over),
    ),
    Rule(
        "request-parameter-removed-before-sunset",
        Level.ERROR,
        SPOTS,
        "{place} was removed, and was to stay until {date}.",
        WAIT,
        _removed(deprecated=True, fits=_early),
    ),
    Rule(
        "request-parameter-sunset-parse",
        Level.ERROR,
        SPOTS,
        "{place} was removed, and was to stay until {date}, which is no date.",
        WRITE_A_DATE,
        _removed(deprecated=True, fits=_no_date),
    ),
    Rule(
        "new-required-request-parameter",
        Level.ERROR,
        SPOTS,
        "{place} is new and required.",
        MAKE_OPTIONAL,
        _new(required=True, path=False),
    ),
    Rule(
        "new-optional-request-parameter",
        Level.INFO,
        SPOTS,
        "{place} is new, and may be left out.",
        "Nothing.",
        _new(required=False, path=False),
    ),
    Rule(
        "new-request-path-parameter", Level.ERROR, SPOTS, "{place} is new.", BOTH_PATHS, _new(required=True, path=True)
    ),
    Rule(
        "request-parameter-became-required",
        Level.ERROR,
        SPOTS,
        "{place} became required.",
        MAKE_OPTIONAL,
        _became(required=True),
    ),
    Rule(
        "request-parameter-became-optional",
        Level.INFO,
        SPOTS,
        "{place} became optional.",
        "Nothing.",
        _became(required=False),
    ),
    Rule(
        "request-parameter-location-changed",
        Level.ERROR,
        SPOTS,
        "{place} moved from {before} to {after}.",
        BOTH_PLACES,
        _moved,
    ),
    Rule(
        "request-parameter-style-changed",
        Level.ERROR,
        SPOTS,
        "{place} is written as {after} instead of {before}.",
        SAME_STYLE,
        _rewritten,
    ),
    Rule(
        "request-parameter-content-changed",
        Level.ERROR,
        SPOTS,
        "{place} is written as {after} instead of {before}.",
        SAME_STYLE,
        _content,
    ),
)
