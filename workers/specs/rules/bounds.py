"""Bounds of numbers, texts, lists and objects: tightened in a request, loosened in a response."""

from collections.abc import Callable, Iterator
from fractions import Fraction

from workers.specs.rules.base import BODIES, REQUEST, RESPONSE, Found, Level, Rule, Spot, family, shown
from workers.specs.rules.walk import SchemaPair

UPPER = {
    "max": "maximum",
    "exclusive-max": "exclusiveMaximum",
    "max-length": "maxLength",
    "max-items": "maxItems",
    "max-properties": "maxProperties",
    "max-contains": "maxContains",
}
LOWER = {
    "min": "minimum",
    "exclusive-min": "exclusiveMinimum",
    "min-length": "minLength",
    "min-items": "minItems",
    "min-properties": "minProperties",
    "min-contains": "minContains",
}
# A lower bound of a size that says nothing.
NOTHING = {"minLength": 0, "minItems": 0, "minProperties": 0}
# Of a bound that a response no longer has, oasdiff calls these breaking, and is silent about the others.
BREAKING_UNSET = {"max-length", "min-items"}

CONFIRM = "Make sure that no client sends more than that; a new limit is often right, and still refuses some requests."
KEEP_BOUND = "Go on accepting what was accepted, or offer a new version of the operation."
KEEP_PROMISE = "Go on giving what stays within the former bound, or tell clients before they meet other values."

Finder = Callable[[SchemaPair], Iterator[Found]]


def _bounds(pair: SchemaPair, keyword: str) -> tuple[float | None, float | None]:
    before, after = (view.keywords.get(keyword) for view in (pair.before, pair.after))
    void = NOTHING.get(keyword)
    return (None if before == void else before), (None if after == void else after)


def _found(pair: SchemaPair, keyword: str, before: float | None, after: float | None) -> Found:
    values = {"keyword": f"`{keyword}`", "before": shown(before), "after": shown(after)}
    return Found(values, pair.before.place(keyword), pair.after.place(keyword))


def _moved(keyword: str, *, up: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = _bounds(pair, keyword)
        if before is not None and after is not None and (after > before if up else after < before):
            yield _found(pair, keyword, before, after)

    return find


def _set(keyword: str) -> Finder:
    """Finds a bound where there was none."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = _bounds(pair, keyword)
        if before is None and after is not None:
            yield _found(pair, keyword, before, after)

    return find


def _unset(keyword: str) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = _bounds(pair, keyword)
        if before is not None and after is None:
            yield _found(pair, keyword, before, after)

    return find


_UP = "{keyword} of {place} went up from {before} to {after}."
_DOWN = "{keyword} of {place} went down from {before} to {after}."
_SET = "{place} has a {keyword} of {after}, and had none."
_UNSET = "{place} no longer has its {keyword} of {before}."


def _spots(name: str) -> tuple[Spot, ...]:
    """Nobody sends a list in a parameter that must contain something."""
    return BODIES if name.endswith("-contains") else REQUEST


def _of_requests() -> Iterator[Rule]:
    for name, keyword in UPPER.items():
        spots = _spots(name)
        yield from family(spots, f"{name}-decreased", Level.ERROR, _DOWN, KEEP_BOUND, _moved(keyword, up=False))
        yield from family(spots, f"{name}-increased", Level.INFO, _UP, "Nothing.", _moved(keyword, up=True))
        yield from family(spots, f"{name}-set", Level.WARNING, _SET, CONFIRM, _set(keyword))
    for name, keyword in LOWER.items():
        spots = _spots(name)
        yield from family(spots, f"{name}-increased", Level.ERROR, _UP, KEEP_BOUND, _moved(keyword, up=True))
        yield from family(spots, f"{name}-decreased", Level.INFO, _DOWN, "Nothing.", _moved(keyword, up=False))
        yield from family(spots, f"{name}-set", Level.WARNING, _SET, CONFIRM, _set(keyword))


def _of_responses() -> Iterator[Rule]:
    for name, keyword in UPPER.items():
        level = Level.ERROR if name in BREAKING_UNSET else Level.WARNING
        yield from family(RESPONSE, f"{name}-increased", Level.ERROR, _UP, KEEP_PROMISE, _moved(keyword, up=True))
        yield from family(RESPONSE, f"{name}-unset", level, _UNSET, KEEP_PROMISE, _unset(keyword))
    for name, keyword in LOWER.items():
        level = Level.ERROR if name in BREAKING_UNSET else Level.WARNING
        yield from family(RESPONSE, f"{name}-decreased", Level.ERROR, _DOWN, KEEP_PROMISE, _moved(keyword, up=False))
        yield from family(RESPONSE, f"{name}-unset", level, _UNSET, KEEP_PROMISE, _unset(keyword))


def _multiple(pair: SchemaPair) -> Iterator[Found]:
    """Finds a step of which the former step is no multiple, so that former values are refused."""
    before, after = _bounds(pair, "multipleOf")
    if before and after and Fraction(str(before)) % Fraction(str(after)):
        yield _found(pair, "multipleOf", before, after)


def _unique(pair: SchemaPair) -> Iterator[Found]:
    if "uniqueItems" in pair.after.keywords and "uniqueItems" not in pair.before.keywords:
        yield Found({}, None, pair.after.place("uniqueItems"))


RULES: tuple[Rule, ...] = (
    *_of_requests(),
    *_of_responses(),
    *family(
        REQUEST,
        "multiple-of-changed",
        Level.ERROR,
        "{keyword} of {place} changed from {before} to {after}.",
        KEEP_BOUND,
        _multiple,
    ),
    *family(REQUEST, "multiple-of-set", Level.WARNING, _SET, CONFIRM, _set("multipleOf")),
    *family(
        REQUEST,
        "unique-items-set",
        Level.WARNING,
        "The items of {place} must be unique, and needed not.",
        CONFIRM,
        _unique,
    ),
)
