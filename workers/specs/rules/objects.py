"""Properties of objects: added, removed, required, optional; and who may send or get them."""

from collections.abc import Callable, Iterator

from workers.specs.rules.base import BODIES, RESPONSE, Found, Level, Rule, Spot, family, listed, shown
from workers.specs.rules.view import BRANCHES, View
from workers.specs.rules.walk import SchemaPair

Finder = Callable[[SchemaPair], Iterator[Found]]
OBJECTS = (Spot.PARAMETER_SCHEMA, Spot.PARAMETER_PROPERTY)

MAKE_OPTIONAL = "Make it optional, or ask for it in a new version of the operation only."
STILL_IGNORE = "Accept the property without using it, and say in its description that it is deprecated."
KEEP_GIVING = "Go on giving the property, and deprecate it first."
ALWAYS_GIVE = "Give it in every answer, as was promised."
LET_OTHERS = "Go on passing over properties that are not described."
TELL_READERS = "Tell clients that there may be properties that they do not know."
STILL_OPTIONAL = "Do not refuse requests without it."


def _view(pair: SchemaPair, name: str, *, after: bool) -> View:
    view, side = (pair.after, pair.sides[1]) if after else (pair.before, pair.sides[0])
    return side.view(view.properties[name])


def _alike(pair: SchemaPair, name: str) -> bool:
    """Whether a property says the same on both sides, in its own words: a quick look before the thorough one."""
    one, other = pair.before.properties[name], pair.after.properties[name]
    words = [site.schema for site in one]
    plain = all(isinstance(said, dict) and not said.keys() & {"$ref", "allOf", *BRANCHES} for said in words)
    return plain and words == [site.schema for site in other]


def _named(pair: SchemaPair, name: str) -> dict[str, str]:
    return {"name": f"`{pair.deeper('.' + name)}`", "whole": pair.whole.place}


def _new(*, required: bool, default: bool | None = None, header: bool | None = None) -> Finder:
    """Finds new properties of a request that clients are to send."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        if header is not None and header is not (pair.whole.about.get("in") == "header"):
            return
        for name in sorted(pair.after.properties.keys() - pair.before.properties.keys()):
            view = _view(pair, name, after=True)
            fits = default is None or default is ("default" in view.keywords)
            if "readOnly" not in view.keywords and fits and required is (name in pair.after.required):
                yield Found(_named(pair, name), None, view.pointer)

    return find


def _new_given(*, required: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        for name in sorted(pair.after.properties.keys() - pair.before.properties.keys()):
            view = _view(pair, name, after=True)
            if "writeOnly" not in view.keywords and required is (name in pair.after.required):
                yield Found(_named(pair, name), None, view.pointer)

    return find


def _gone_from_request(pair: SchemaPair) -> Iterator[Found]:
    for name in sorted(pair.before.properties.keys() - pair.after.properties.keys()):
        view = _view(pair, name, after=False)
        if "readOnly" not in view.keywords:
            yield Found(_named(pair, name), view.pointer, None)


def _gone_from_response(*, required: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        for name in sorted(pair.before.properties.keys() - pair.after.properties.keys()):
            view = _view(pair, name, after=False)
            if "writeOnly" not in view.keywords and required is (name in pair.before.required):
                yield Found(_named(pair, name), view.pointer, None)

    return find


def _required(*, now: bool, unless: str, default: bool | None = None, header: bool | None = None) -> Finder:
    """Finds properties on both sides that became required (`now`) or optional, of those that are not `unless`."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        if header is not None and header is not (pair.whole.about.get("in") == "header"):
            return
        one, other = (pair.after, pair.before) if now else (pair.before, pair.after)
        for name in sorted(
            (one.required - other.required) & pair.before.properties.keys() & pair.after.properties.keys()
        ):
            view = _view(pair, name, after=True)
            if unless not in view.keywords and default in (None, "default" in view.keywords):
                yield Found(_named(pair, name), pair.before.place("required"), pair.after.place("required"))

    return find


def _became(keyword: str, *, on: bool, required: bool) -> Finder:
    """Finds properties that became read-only, write-only, or neither."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        for name in sorted(pair.before.properties.keys() & pair.after.properties.keys()):
            if _alike(pair, name):
                continue
            before, after = _view(pair, name, after=False), _view(pair, name, after=True)
            changed = (keyword in after.keywords) is on and (keyword in before.keywords) is not on
            if changed and required is (name in pair.after.required):
                yield Found(_named(pair, name), before.place(keyword), after.place(keyword))

    return find


def denied(keyword: str, *, before: bool) -> Finder:
    """Finds members without a description that are no longer allowed, or (`before`) that are allowed now."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        one, other = (pair.before, pair.after) if before else (pair.after, pair.before)
        if keyword in one.denied - other.denied:
            yield Found({"keyword": shown(keyword)}, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _needs(pair: SchemaPair, *, turned: bool = False) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    before, after = (view.keywords.get("dependentRequired", {}) for view in (pair.before, pair.after))
    return (after, before) if turned else (before, after)


def _dependent(*, came: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = _needs(pair, turned=not came)
        for name in sorted(after.keys() - before.keys()):
            values = {"name": shown(name), "needs": listed(sorted(after[name]))}
            place = pair.before.place("dependentRequired"), pair.after.place("dependentRequired")
            yield Found(values, *place)

    return find


def _dependent_changed(*, more: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = _needs(pair, turned=not more)
        for name in sorted(before.keys() & after.keys()):
            if after[name] - before[name]:
                values = {"name": shown(name), "needs": listed(sorted(after[name] - before[name]))}
                place = pair.before.place("dependentRequired"), pair.after.place("dependentRequired")
                yield Found(values, *place)

    return find


_NEW_REQUIRED = "{whole} must have the new property {name}."
_REQUIRED = "The property {name} of {whole} became required."
_OPTIONAL = "The property {name} of {whole} became optional."
_READ_ONLY = "The property {name} of {whole} became read-only."
_NOT_READ_ONLY = "The property {name} of {whole} is no longer read-only."
_WRITE_ONLY = "The property {name} of {whole} became write-only."
_NOT_WRITE_ONLY = "The property {name} of {whole} is no longer write-only."
_GONE = "The property {name} was removed from {whole}."
_NEW = "{whole} may have the new property {name}."
_NEEDS = "{place} must have {needs} where it has {name}."
_NEEDS_NOT = "{place} need no longer have {needs} where it has {name}."


OF_REQUESTS: tuple[Rule, ...] = (
    Rule(
        "new-required-request-property",
        Level.ERROR,
        BODIES,
        _NEW_REQUIRED,
        MAKE_OPTIONAL,
        _new(required=True, default=False),
    ),
    Rule(
        "new-required-request-property-with-default",
        Level.ERROR,
        BODIES,
        _NEW_REQUIRED,
        MAKE_OPTIONAL,
        _new(required=True, default=True),
    ),
    Rule("new-optional-request-property", Level.INFO, BODIES, _NEW, "Nothing.", _new(required=False)),
    Rule("request-property-removed", Level.WARNING, BODIES, _GONE, STILL_IGNORE, _gone_from_request),
    Rule(
        "request-property-became-required",
        Level.ERROR,
        BODIES,
        _REQUIRED,
        MAKE_OPTIONAL,
        _required(now=True, unless="readOnly", default=False),
    ),
    Rule(
        "request-property-became-required-with-default",
        Level.ERROR,
        BODIES,
        _REQUIRED,
        MAKE_OPTIONAL,
        _required(now=True, unless="readOnly", default=True),
    ),
    Rule(
        "request-property-became-optional",
        Level.INFO,
        BODIES,
        _OPTIONAL,
        "Nothing.",
        _required(now=False, unless="readOnly"),
    ),
    Rule(
        "new-required-request-header-property",
        Level.ERROR,
        OBJECTS,
        _NEW_REQUIRED,
        MAKE_OPTIONAL,
        _new(required=True, header=True),
    ),
    Rule(
        "request-header-property-became-required",
        Level.ERROR,
        OBJECTS,
        _REQUIRED,
        MAKE_OPTIONAL,
        _required(now=True, unless="readOnly", header=True),
    ),
    Rule(
        "new-required-request-parameter-property",
        Level.ERROR,
        OBJECTS,
        _NEW_REQUIRED,
        MAKE_OPTIONAL,
        _new(required=True, header=False),
    ),
    Rule(
        "request-parameter-property-became-required",
        Level.ERROR,
        OBJECTS,
        _REQUIRED,
        MAKE_OPTIONAL,
        _required(now=True, unless="readOnly", header=False),
    ),
    Rule("request-parameter-property-removed", Level.WARNING, OBJECTS, _GONE, STILL_IGNORE, _gone_from_request),
    Rule(
        "request-required-property-became-not-read-only",
        Level.ERROR,
        BODIES,
        _NOT_READ_ONLY,
        STILL_OPTIONAL,
        _became("readOnly", on=False, required=True),
    ),
    Rule(
        "request-required-property-became-read-only",
        Level.INFO,
        BODIES,
        _READ_ONLY,
        "Nothing.",
        _became("readOnly", on=True, required=True),
    ),
    Rule(
        "request-optional-property-became-read-only",
        Level.INFO,
        BODIES,
        _READ_ONLY,
        STILL_IGNORE,
        _became("readOnly", on=True, required=False),
    ),
    *family(
        BODIES,
        "additional-properties-denied",
        Level.ERROR,
        "{place} may no longer have properties that are not described.",
        LET_OTHERS,
        denied("additionalProperties", before=False),
    ),
    *family(
        BODIES,
        "unevaluated-properties-added",
        Level.ERROR,
        "{place} may no longer have properties that are not described.",
        LET_OTHERS,
        denied("unevaluatedProperties", before=False),
    ),
    *family(
        BODIES,
        "unevaluated-items-added",
        Level.ERROR,
        "{place} may no longer have items that are not described.",
        LET_OTHERS,
        denied("unevaluatedItems", before=False),
    ),
    *family(BODIES, "dependent-required-added", Level.ERROR, _NEEDS, MAKE_OPTIONAL, _dependent(came=True)),
    *family(BODIES, "dependent-required-changed", Level.ERROR, _NEEDS, MAKE_OPTIONAL, _dependent_changed(more=True)),
)
OF_RESPONSES: tuple[Rule, ...] = (
    Rule(
        "response-required-property-removed",
        Level.ERROR,
        RESPONSE,
        _GONE,
        KEEP_GIVING,
        _gone_from_response(required=True),
    ),
    Rule(
        "response-optional-property-removed",
        Level.WARNING,
        RESPONSE,
        _GONE,
        KEEP_GIVING,
        _gone_from_response(required=False),
    ),
    Rule("response-required-property-added", Level.INFO, RESPONSE, _NEW, "Nothing.", _new_given(required=True)),
    Rule("response-optional-property-added", Level.INFO, RESPONSE, _NEW, "Nothing.", _new_given(required=False)),
    Rule(
        "response-property-became-optional",
        Level.ERROR,
        RESPONSE,
        _OPTIONAL,
        ALWAYS_GIVE,
        _required(now=False, unless="writeOnly"),
    ),
    Rule(
        "response-property-became-required",
        Level.INFO,
        RESPONSE,
        _REQUIRED,
        "Nothing.",
        _required(now=True, unless="writeOnly"),
    ),
    Rule(
        "response-required-property-became-write-only",
        Level.WARNING,
        RESPONSE,
        _WRITE_ONLY,
        KEEP_GIVING,
        _became("writeOnly", on=True, required=True),
    ),
    Rule(
        "response-optional-property-became-write-only",
        Level.INFO,
        RESPONSE,
        _WRITE_ONLY,
        KEEP_GIVING,
        _became("writeOnly", on=True, required=False),
    ),
    Rule(
        "response-required-property-became-not-write-only",
        Level.WARNING,
        RESPONSE,
        _NOT_WRITE_ONLY,
        ALWAYS_GIVE,
        _became("writeOnly", on=False, required=True),
    ),
    *family(
        RESPONSE,
        "additional-properties-allowed",
        Level.WARNING,
        "{place} may have properties that are not described, and had none.",
        TELL_READERS,
        denied("additionalProperties", before=True),
    ),
    *family(
        RESPONSE,
        "unevaluated-properties-removed",
        Level.ERROR,
        "{place} may have properties that are not described, and had none.",
        TELL_READERS,
        denied("unevaluatedProperties", before=True),
    ),
    *family(
        RESPONSE,
        "unevaluated-items-removed",
        Level.ERROR,
        "{place} may have items that are not described, and had none.",
        TELL_READERS,
        denied("unevaluatedItems", before=True),
    ),
    *family(RESPONSE, "dependent-required-removed", Level.ERROR, _NEEDS_NOT, ALWAYS_GIVE, _dependent(came=False)),
    *family(
        RESPONSE, "dependent-required-changed", Level.ERROR, _NEEDS_NOT, ALWAYS_GIVE, _dependent_changed(more=False)
    ),
)
RULES = (*OF_REQUESTS, *OF_RESPONSES)
