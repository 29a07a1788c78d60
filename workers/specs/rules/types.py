"""Types, formats and null: a request may take more than before, a response may give less."""

from collections.abc import Callable, Iterator

from workers.specs.rules.base import (
    BODIES,
    REQUEST,
    RESPONSE,
    Found,
    Level,
    Rule,
    Spot,
    family,
    listed,
    shown,
)
from workers.specs.rules.view import View
from workers.specs.rules.walk import SchemaPair

Types = frozenset[str] | None
HEADERS = (*RESPONSE, Spot.RESPONSE_HEADER)

KEEP_TYPE = "Keep the former type, or take the new one under another name or in a new version of the operation."
KEEP_TYPES = "Go on accepting the types that were accepted, or offer a new version of the operation."
KEEP_GIVEN = "Go on giving what clients can read, or give the new type under another name."
NO_NULL = "Go on accepting null, or treat it as a missing value."
NO_NEW_NULL = "Leave the property out, or give a value that the type had before, instead of null."

STRING, ARRAY = frozenset(("string",)), frozenset(("array",))
SPELLED = frozenset(("number", "integer", "boolean"))  # what a text may spell out
# Formats whose values are all values of another: from the first to the second is wider.
WIDER_FORMATS = {
    ("number", "float", "double"),
    ("integer", "int32", "int64"),
    ("integer", "int32", "bigint"),
    ("integer", "int64", "bigint"),
    ("string", "date", "date-time"),
    ("string", "time", "date-time"),
}


def covers(wide: Types, narrow: Types) -> bool:
    """Whether every value of the narrow types is one of the wide ones; None is any type."""
    if wide is None or narrow is None:
        return wide is None
    return all(one in wide or (one == "integer" and "number" in wide) for one in narrow)


def format_covers(wide: View, narrow: View) -> bool:
    """Whether the format of one takes all that the other's takes."""
    one, other = wide.keywords.get("format"), narrow.keywords.get("format")
    types = wide.types or frozenset()
    return one is None or one == other or any((kind, other, one) in WIDER_FORMATS for kind in types if len(types) == 1)


def _kind(pair: SchemaPair) -> str | None:
    """What became of the types: `narrowed` and `widened` where some stay, `changed` where it is another; None: as was.

    Where values travel as text (parameters, headers, forms), a text takes them all.
    """
    before, after = pair.before.types, pair.after.types
    if covers(after, before) and covers(before, after):
        return _format_kind(pair)
    if pair.whole.about.get("text") and before and after:
        wide, narrow = (before, after) if pair.spot.startswith("response") else (after, before)
        if wide == STRING or _repeats(pair):
            return None
        if narrow == STRING and wide <= SPELLED:
            return "narrowed" if narrow is before else "changed"
    several = before is not None and after is not None and max(len(before), len(after)) > 1 and bool(before & after)
    if covers(after, before):
        return _joined("types widened" if several else "widened", _format_kind(pair), "widened")
    if covers(before, after):
        return _joined("types narrowed" if several else "narrowed", _format_kind(pair), "narrowed")
    return "types mixed" if several else "changed"


def _repeats(pair: SchemaPair) -> bool:
    """Whether a single value is a list of one: `?tag=a`, where each item takes what the value could be."""
    if pair.spot is not Spot.PARAMETER_SCHEMA or not pair.whole.about.get("repeats"):
        return False
    if pair.after.types != ARRAY or "array" in (pair.before.types or ()) or "items" not in pair.after.children:
        return False
    item = pair.sides[1].view(pair.after.children["items"])
    takes = item.types == STRING or covers(item.types, pair.before.types)
    return takes and all(pair.before.keywords.get(word) == value for word, value in item.keywords.items())


def _joined(kind: str, form: str | None, fits: str) -> str:
    return kind if form in (None, fits) else "changed"


def _format_kind(pair: SchemaPair) -> str | None:
    wider, narrower = format_covers(pair.after, pair.before), format_covers(pair.before, pair.after)
    if wider and narrower:
        return None
    return "widened" if wider else "narrowed" if narrower else "changed"


def said(view: View) -> str:
    """Type and format in a sentence."""
    types = "any type" if view.types is None else "/".join(sorted(view.types)) or "null"
    form = view.keywords.get("format")
    return shown(f"{types} ({form})" if form else types)


def _when(*kinds: str) -> Callable[[SchemaPair], Iterator[Found]]:
    def find(pair: SchemaPair) -> Iterator[Found]:
        if _kind(pair) in kinds:
            before, after = pair.before.types or frozenset(), pair.after.types or frozenset()
            values = {
                "before": said(pair.before),
                "after": said(pair.after),
                "removed": listed(sorted(before - after)),
                "added": listed(sorted(after - before)),
            }
            keyword = "format" if before == after else "type"
            yield Found(values, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _null(before: bool) -> Callable[[SchemaPair], Iterator[Found]]:
    """Finds null gone, or come. A schema without types allows it without saying so."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        one, other = (pair.before, pair.after) if before else (pair.after, pair.before)
        silent = other.types is None and not any(other.branches.values()) and "enum" not in other.keywords
        if one.nullable and not other.nullable and not silent:
            yield Found({}, pair.before.place("type"), pair.after.place("type"))

    return find


_CHANGED = "The type of {place} changed from {before} to {after}."
_WIDENED = "The type of {place} was widened from {before} to {after}."
_NARROWED = "The type of {place} was narrowed from {before} to {after}."
_FEWER = "{place} no longer takes the types {removed}."
_MORE = "{place} may also have the types {added}."
_WAS_NULL = "{place} may no longer be null."
_NULL = "{place} may be null."

TYPED = (Spot.PARAMETER_SCHEMA, *BODIES)

TYPE_RULES: tuple[Rule, ...] = (
    *family(TYPED, "type-changed", Level.ERROR, _CHANGED, KEEP_TYPE, _when("changed", "narrowed")),
    *family(TYPED, "type-generalized", Level.INFO, _WIDENED, "Nothing.", _when("widened")),
    *family((Spot.PARAMETER_PROPERTY,), "type-changed", Level.WARNING, _CHANGED, KEEP_TYPE, _when("changed")),
    *family((Spot.PARAMETER_PROPERTY,), "type-specialized", Level.ERROR, _NARROWED, KEEP_TYPE, _when("narrowed")),
    *family((Spot.PARAMETER_PROPERTY,), "type-generalized", Level.INFO, _WIDENED, "Nothing.", _when("widened")),
    *family(REQUEST, "list-of-types-narrowed", Level.ERROR, _FEWER, KEEP_TYPES, _when("types narrowed", "types mixed")),
    *family(REQUEST, "list-of-types-widened", Level.INFO, _MORE, "Nothing.", _when("types widened")),
    *family(HEADERS, "type-changed", Level.ERROR, _CHANGED, KEEP_GIVEN, _when("changed")),
    *family(HEADERS, "type-generalized", Level.ERROR, _WIDENED, KEEP_GIVEN, _when("widened")),
    *family(HEADERS, "type-specialized", Level.INFO, _NARROWED, "Nothing.", _when("narrowed")),
    *family(RESPONSE, "list-of-types-widened", Level.ERROR, _MORE, KEEP_GIVEN, _when("types widened", "types mixed")),
    *family(RESPONSE, "list-of-types-narrowed", Level.INFO, _FEWER, "Nothing.", _when("types narrowed")),
)
NULL_RULES: tuple[Rule, ...] = (
    *family(REQUEST, "became-not-nullable", Level.ERROR, _WAS_NULL, NO_NULL, _null(before=True)),
    *family(REQUEST, "became-nullable", Level.INFO, _NULL, "Nothing.", _null(before=False)),
    *family(HEADERS, "became-nullable", Level.ERROR, _NULL, NO_NEW_NULL, _null(before=False)),
    *family(HEADERS, "became-not-nullable", Level.INFO, _WAS_NULL, "Nothing.", _null(before=True)),
)
RULES = (*TYPE_RULES, *NULL_RULES)
