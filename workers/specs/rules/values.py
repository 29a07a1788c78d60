"""Values that are named: enums, constants, defaults, patterns, and what a text contains."""

from collections.abc import Callable, Iterator
from typing import Any

from workers.specs.rules.base import BODIES, REQUEST, RESPONSE, Found, Level, Rule, Spot, family, listed, shown
from workers.specs.rules.walk import SchemaPair

EXTENSIBLE = "x-extensible-enum"

KEEP_VALUE = "Go on accepting the value, and say in its description that it is deprecated."
KEEP_VALUES = "Go on accepting the values that were accepted."
KEEP_FREE = "Go on accepting other values, or make sure that no client sends any."
NEW_VALUE = (
    "Tell clients before they meet the new value, and list such values under `x-extensible-enum`, which says that "
    "there will be others."
)
SAME_DEFAULT = "Keep the default: who leaves the parameter out gets another answer now."
KEEP_PATTERN = "Make sure that the new pattern takes everything that the former one took."
KEEP_CONTENT = "Keep how the content is written, or offer the new way under another property."

Finder = Callable[[SchemaPair], Iterator[Found]]


def _gone(keyword: str, *, turned: bool = False) -> Finder:
    """Finds values of a list that the other side's list lacks; both sides have one. A null is the business of types."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = pair.before.keywords.get(keyword), pair.after.keywords.get(keyword)
        if not before or not after:
            return
        one, other = (after, before) if turned else (before, after)
        gone = [value for key, value in one.items() if key not in other and value is not None]
        if gone:
            yield Found({"values": listed(gone)}, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _added_values(pair: SchemaPair) -> Iterator[Found]:
    """Finds new values in an answer, unless the schema said that there will be."""
    if EXTENSIBLE not in pair.before.keywords:
        yield from _gone("enum", turned=True)(pair)


def _became_enum(pair: SchemaPair) -> Iterator[Found]:
    before, after = pair.before.keywords, pair.after.keywords
    if "enum" in after and "enum" not in before and "const" not in before:
        values = listed(list(after["enum"].values()))
        yield Found({"values": values}, None, pair.after.place("enum"))


def _became_header_enum(pair: SchemaPair) -> Iterator[Found]:
    if pair.whole.about.get("in") == "header":
        yield from _became_enum(pair)


def _no_enum(pair: SchemaPair) -> Iterator[Found]:
    before, after = pair.before.keywords, pair.after.keywords
    if "enum" in before and "enum" not in after and "const" not in after and EXTENSIBLE not in before:
        values = listed(list(before["enum"].values()))
        yield Found({"values": values}, pair.before.place("enum"), None)


def came(keyword: str) -> Finder:
    """Finds a keyword that is new."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        if keyword in pair.after.keywords and keyword not in pair.before.keywords:
            yield Found({"after": _value(pair.after.keywords[keyword])}, None, pair.after.place(keyword))

    return find


def went(keyword: str) -> Finder:
    """Finds a keyword that is gone."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        if keyword in pair.before.keywords and keyword not in pair.after.keywords:
            yield Found({"before": _value(pair.before.keywords[keyword])}, pair.before.place(keyword), None)

    return find


def became(keyword: str) -> Finder:
    """Finds a keyword with another value."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = pair.before.keywords.get(keyword), pair.after.keywords.get(keyword)
        if before is not None and after is not None and before != after:
            values = {"before": _value(before), "after": _value(after)}
            yield Found(values, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _value(value: Any) -> str:
    """`const` and `default` are kept in a list of one, so that null is a value, too."""
    return shown(value[0] if isinstance(value, list) else value)


def _of_optional(find: Finder) -> Finder:
    """Only where the parameter may be left out: a default of a required one is never used."""

    def only(pair: SchemaPair) -> Iterator[Found]:
        if not pair.whole.about.get("required"):
            yield from find(pair)

    return only


def _general(pattern: str) -> bool:
    return pattern in (".*", "^.*$", "^.*", ".*$", "")


def _pattern(*, general: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = (_general(view.keywords.get("pattern", "")) for view in (pair.before, pair.after))
        if after is general and not before:
            yield from became("pattern")(pair)

    return find


def _pattern_added(pair: SchemaPair) -> Iterator[Found]:
    before, after = (view.keywords.get("pattern", "") for view in (pair.before, pair.after))
    if _general(before) and not _general(after):
        yield Found({"after": _value(after)}, pair.before.place("pattern"), pair.after.place("pattern"))


PARAMETER = (Spot.PARAMETER_SCHEMA,)
HEADER_PROPERTY = "request-header-property-became-enum"
_ENUM = "{place} takes only {values} now, and took others."

RULES: tuple[Rule, ...] = (
    *family(REQUEST, "enum-value-removed", Level.ERROR, "{place} no longer takes {values}.", KEEP_VALUE, _gone("enum")),
    *family(
        REQUEST, "enum-value-added", Level.INFO, "{place} also takes {values}.", "Nothing.", _gone("enum", turned=True)
    ),
    *family((Spot.PARAMETER_SCHEMA, *BODIES), "became-enum", Level.ERROR, _ENUM, KEEP_FREE, _became_enum),
    Rule(HEADER_PROPERTY, Level.ERROR, (Spot.PARAMETER_PROPERTY,), _ENUM, KEEP_FREE, _became_header_enum),
    *family(RESPONSE, "enum-value-added", Level.WARNING, "{place} may also be {values}.", NEW_VALUE, _added_values),
    *family(
        RESPONSE,
        "became-not-enum",
        Level.WARNING,
        "{place} may be anything, and was one of {values}.",
        NEW_VALUE,
        _no_enum,
    ),
    *family(
        RESPONSE[1:], "enum-value-removed", Level.INFO, "{place} is never {values} now.", "Nothing.", _gone("enum")
    ),
    *family(
        (*PARAMETER, Spot.PROPERTY),
        "x-extensible-enum-value-removed",
        Level.ERROR,
        "{place} no longer takes {values}.",
        KEEP_VALUE,
        _gone(EXTENSIBLE),
    ),
    *family(REQUEST, "const-added", Level.ERROR, "{place} must be {after} now.", KEEP_VALUES, came("const")),
    *family(
        REQUEST,
        "const-changed",
        Level.ERROR,
        "{place} must be {after} instead of {before}.",
        KEEP_VALUES,
        became("const"),
    ),
    *family(RESPONSE, "const-removed", Level.ERROR, "{place} is no longer always {before}.", NEW_VALUE, went("const")),
    *family(
        RESPONSE, "const-changed", Level.ERROR, "{place} is {after} instead of {before}.", NEW_VALUE, became("const")
    ),
    *family(
        PARAMETER,
        "default-value-changed",
        Level.ERROR,
        "The default of {place} changed from {before} to {after}.",
        SAME_DEFAULT,
        _of_optional(became("default")),
    ),
    *family(
        PARAMETER,
        "default-value-added",
        Level.ERROR,
        "{place} has a default of {after}, and had none.",
        SAME_DEFAULT,
        _of_optional(came("default")),
    ),
    *family(
        PARAMETER,
        "default-value-removed",
        Level.ERROR,
        "{place} no longer has its default of {before}.",
        SAME_DEFAULT,
        _of_optional(went("default")),
    ),
    *family(
        BODIES,
        "default-value-changed",
        Level.INFO,
        "The default of {place} changed from {before} to {after}.",
        "Tell clients that leave it out.",
        became("default"),
    ),
    *family(
        REQUEST,
        "pattern-added",
        Level.ERROR,
        "{place} must match the pattern {after}, and needed not.",
        KEEP_FREE,
        _pattern_added,
    ),
    *family(
        REQUEST,
        "pattern-changed",
        Level.WARNING,
        "The pattern of {place} changed from {before} to {after}.",
        KEEP_PATTERN,
        _pattern(general=False),
    ),
    *family(
        REQUEST,
        "pattern-generalized",
        Level.INFO,
        "The pattern of {place} changed from {before} to {after}.",
        "Nothing.",
        _pattern(general=True),
    ),
    *family(
        RESPONSE[1:],
        "pattern-changed",
        Level.WARNING,
        "The pattern of {place} changed from {before} to {after}.",
        NEW_VALUE,
        became("pattern"),
    ),
    *family(
        RESPONSE[1:],
        "pattern-removed",
        Level.WARNING,
        "{place} need not match the pattern {before} any more.",
        NEW_VALUE,
        went("pattern"),
    ),
    *family(
        (*BODIES, *RESPONSE),
        "content-media-type-changed",
        Level.ERROR,
        "The content of {place} is {after} instead of {before}.",
        KEEP_CONTENT,
        became("contentMediaType"),
    ),
    *family(
        (*BODIES, *RESPONSE),
        "content-encoding-changed",
        Level.ERROR,
        "The content of {place} is encoded as {after} instead of {before}.",
        KEEP_CONTENT,
        became("contentEncoding"),
    ),
)
