"""Alternatives (`oneOf`, `anyOf`), additions (`allOf`), conditions, and the discriminator that picks among them."""

from collections.abc import Callable, Iterator

from workers.specs.rules.base import BODIES, REQUEST, RESPONSE, Found, Level, Rule, Spot, family, listed, mapping, shown
from workers.specs.rules.view import ANNOTATIONS, BRANCHES, Node, Site, View, label
from workers.specs.rules.walk import SchemaPair, name_of

Finder = Callable[[SchemaPair], Iterator[Found]]

KEEP_SHAPE = "Go on accepting that shape, or offer a new version of the operation."
KEEP_OPEN = "Do not ask for more than before; put what is new where it is optional."
NEW_SHAPE = "Tell clients before they meet the new shape, or give it in a new version of the operation."
KEEP_NAME = "Keep the property that says which shape it is, and its values."
SAY_ONE = "Make sure that what was sent before matches exactly one of the alternatives."
CHECK = "Check that the requests which were sent before still fit."


def _pointers(nodes: list[Node]) -> str:
    return nodes[0][0].pointer


def _gone(keyword: str) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        lost = pair.matched[keyword].removed
        if lost and (pair.after.branches.get(keyword) or pair.wrapped):
            values = {"values": listed([name_of(node) for node in lost])}
            yield Found(values, _pointers(lost), pair.after.place(keyword))

    return find


def _came(keyword: str) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        new = pair.matched[keyword].added
        if new and (pair.before.branches.get(keyword) or pair.wrapped):
            values = {"values": listed([name_of(node) for node in new])}
            yield Found(values, pair.before.place(keyword), _pointers(new))

    return find


def _wrapped(pair: SchemaPair) -> Iterator[Found]:
    """Finds an object that became one of several, where its properties live on in one of them."""
    group = pair.after.branches.get("oneOf", [])
    if pair.wrapped and group and pair.before.properties:
        inside = {name for node in group for name in pair.sides[1].view(node).properties}
        if inside & pair.before.properties.keys():
            values = {"values": listed([name_of(node) for node in group])}
            yield Found(values, None, pair.after.place("oneOf"))


def _group(*, came: bool) -> Finder:
    """Finds alternatives that came to (or went from) a schema which has more to say than those."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        one, other = (pair.after, pair.before) if came else (pair.before, pair.after)
        for keyword in BRANCHES:
            if not pair.wrapped and one.branches.get(keyword) and not any(other.branches.values()):
                values = {"values": listed([name_of(node) for node in one.branches[keyword]])}
                yield Found(values, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _all_of(*, came: bool) -> Finder:
    """Finds members of `allOf` that say what the other side did not say in any way."""

    def find(pair: SchemaPair) -> Iterator[Found]:
        one, other = (pair.after, pair.before) if came else (pair.before, pair.after)
        side = pair.sides[1 if came else 0]
        new = {key: site for key, site in one.all_of.items() if key not in other.all_of}
        old = [site for key, site in other.all_of.items() if key not in one.all_of and not _referred(site)]
        inline = [site for site in new.values() if not _referred(site)]
        if len(inline) == len(old) == 1:
            del new[label(inline[0])]
        telling = [site for site in new.values() if _tells(side.view((site,)), other)]
        if telling:
            values = {"values": listed([name_of((site,)) for site in telling])}
            places = (None, telling[0].pointer) if came else (telling[0].pointer, None)
            yield Found(values, *places)

    return find


def _referred(site: Site) -> bool:
    return "$ref" in mapping(site.schema)


def _tells(view: View, known: View) -> bool:
    """Whether a schema says something that the other view does not."""
    words = {key: value for key, value in view.keywords.items() if key not in {*ANNOTATIONS, "required"}}
    return (
        any(known.keywords.get(key) != value for key, value in words.items())
        or not view.required <= known.required
        or not view.properties.keys() <= known.properties.keys()
        or (view.types is not None and view.types != known.types)
        or not view.denied <= known.denied
        or not view.children.keys() <= known.children.keys()
        or not view.branches.keys() <= known.branches.keys()
    )


def _child(keyword: str, *, came: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        one, other = (pair.after, pair.before) if came else (pair.before, pair.after)
        if keyword in one.children and keyword not in other.children:
            yield Found({"keyword": shown(keyword)}, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _child_changed(keyword: str) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = (view.children.get(keyword) for view in (pair.before, pair.after))
        if before and after and [site.schema for site in before] != [site.schema for site in after]:
            yield Found({"keyword": shown(keyword)}, pair.before.place(keyword), pair.after.place(keyword))

    return find


def _keyed(keyword: str, *, came: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = (view.keyed.get(keyword, {}) for view in (pair.before, pair.after))
        one, other = (after, before) if came else (before, after)
        for name in sorted(one.keys() - other.keys()):
            place = one[name][0].pointer
            yield Found({"name": shown(name)}, *((None, place) if came else (place, None)))

    return find


def _prefix(*, more: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        before, after = len(pair.before.prefix_items), len(pair.after.prefix_items)
        if after > before if more else after < before:
            values = {"before": str(before), "after": str(after)}
            yield Found(values, pair.before.place("prefixItems"), pair.after.place("prefixItems"))

    return find


def _picked(pair: SchemaPair) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    before, after = (view.keywords.get("discriminator") for view in (pair.before, pair.after))
    if before is not None and after is not None:
        yield before, after


def _discriminator_named(pair: SchemaPair) -> Iterator[Found]:
    for before, after in _picked(pair):
        one, other = before.get("propertyName"), after.get("propertyName")
        if one != other:
            values = {"before": shown(one), "after": shown(other)}
            yield Found(values, pair.before.place("discriminator"), pair.after.place("discriminator"))


def _mapping(*, gone: bool) -> Finder:
    def find(pair: SchemaPair) -> Iterator[Found]:
        for one, other in _picked(pair):
            before, after = mapping(one.get("mapping")), mapping(other.get("mapping"))
            changed = [
                name
                for name in before
                if (name not in after if gone else after.get(name, before[name]) != before[name])
            ]
            if changed:
                place = pair.before.place("discriminator"), pair.after.place("discriminator")
                yield Found({"values": listed(changed)}, *place)

    return find


_LESS = "{place} may no longer be {values}."
_MORE = "{place} may also be {values}."
_WRAPPED = "{place} was one object, and is one of {values} now."
_ONLY = "{place} must fit one of {values} now."
_NOT_ONLY = "{place} need no longer fit one of {values}."
_NEW_PART = "{place} must also be {values}."
_OLD_PART = "{place} need no longer be {values}."
_KEYWORD = "{place} has a new condition: {keyword}."
_NO_KEYWORD = "{place} no longer has the condition {keyword}."
_OTHER_KEYWORD = "The condition {keyword} of {place} changed."
EVERYWHERE = (*BODIES, *RESPONSE)
CONDITIONS = {
    "if": "if",
    "then": "then",
    "else": "else",
    "contains": "contains",
    "property-names": "propertyNames",
    "content-schema": "contentSchema",
    "not": "not",
}
KEYED = {"dependent-schema": "dependentSchemas", "pattern-property": "patternProperties"}


def _alternatives() -> Iterator[Rule]:
    for name, keyword, level in (("one-of", "oneOf", Level.ERROR), ("any-of", "anyOf", Level.WARNING)):
        yield from family(REQUEST, f"{name}-removed", Level.ERROR, _LESS, KEEP_SHAPE, _gone(keyword))
        yield from family(REQUEST, f"{name}-added", Level.INFO, _MORE, "Nothing.", _came(keyword))
        yield from family(RESPONSE, f"{name}-added", level, _MORE, NEW_SHAPE, _came(keyword))
        yield from family(RESPONSE, f"{name}-removed", Level.INFO, _LESS, "Nothing.", _gone(keyword))


def _conditions() -> Iterator[Rule]:
    for name, keyword in CONDITIONS.items():
        yield from family(BODIES, f"{name}-added", Level.ERROR, _KEYWORD, KEEP_OPEN, _child(keyword, came=True))
        yield from family(RESPONSE, f"{name}-removed", Level.ERROR, _NO_KEYWORD, NEW_SHAPE, _child(keyword, came=False))
    for keyword in ("if", "not"):
        yield from family(
            EVERYWHERE, f"{keyword}-changed", Level.WARNING, _OTHER_KEYWORD, CHECK, _child_changed(keyword)
        )
    for name, keyword in KEYED.items():
        text = f"{{place}} has a new condition on {{name}}: `{keyword}`."
        yield from family(BODIES, f"{name}-added", Level.ERROR, text, KEEP_OPEN, _keyed(keyword, came=True))
        text = f"{{place}} no longer has its condition on {{name}}: `{keyword}`."
        yield from family(RESPONSE, f"{name}-removed", Level.ERROR, text, NEW_SHAPE, _keyed(keyword, came=False))


ALTERNATIVES: tuple[Rule, ...] = (
    *_alternatives(),
    *family((Spot.BODY, Spot.RESPONSE_BODY), "wrapped-in-one-of", Level.ERROR, _WRAPPED, SAY_ONE, _wrapped),
)
RULES: tuple[Rule, ...] = (
    *ALTERNATIVES,
    *family(REQUEST, "alternatives-set", Level.ERROR, _ONLY, KEEP_SHAPE, _group(came=True)),
    *family(RESPONSE, "alternatives-unset", Level.WARNING, _NOT_ONLY, NEW_SHAPE, _group(came=False)),
    *family(BODIES, "all-of-added", Level.ERROR, _NEW_PART, KEEP_OPEN, _all_of(came=True)),
    *family(
        BODIES,
        "all-of-removed",
        Level.WARNING,
        _OLD_PART,
        "Check that nothing else is asked for instead.",
        _all_of(came=False),
    ),
    *family(RESPONSE, "all-of-removed", Level.INFO, _OLD_PART, "Look at what else changed.", _all_of(came=False)),
    *_conditions(),
    *family(
        BODIES,
        "prefix-items-removed",
        Level.ERROR,
        "{place} had {before} items of their own kinds, and has {after}.",
        KEEP_SHAPE,
        _prefix(more=False),
    ),
    *family(
        RESPONSE,
        "prefix-items-added",
        Level.ERROR,
        "{place} had {before} items of their own kinds, and has {after}.",
        NEW_SHAPE,
        _prefix(more=True),
    ),
    *family(
        EVERYWHERE,
        "discriminator-property-name-changed",
        Level.WARNING,
        "{after} says which shape {place} has, instead of {before}.",
        KEEP_NAME,
        _discriminator_named,
    ),
    *family(
        EVERYWHERE,
        "discriminator-mapping-deleted",
        Level.WARNING,
        "The discriminator of {place} no longer knows {values}.",
        KEEP_NAME,
        _mapping(gone=True),
    ),
    *family(
        EVERYWHERE,
        "discriminator-mapping-changed",
        Level.WARNING,
        "The discriminator of {place} gives other shapes to {values}.",
        KEEP_NAME,
        _mapping(gone=False),
    ),
)
