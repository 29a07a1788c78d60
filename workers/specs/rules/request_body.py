"""Request bodies as a whole: there or not, required, and in which media types."""

from collections.abc import Callable, Iterator

from workers.specs.rules.base import Found, Json, Level, Pair, Rule, Spot, mapping, step

SPOTS = (Spot.CONTENT,)
TYPES = (Spot.MEDIA_TYPE,)

MAKE_OPTIONAL = "Do without a body where there is none."
STILL_TAKE = "Go on accepting a body, and pass over what is in it."
STILL_READ = "Go on reading that media type, or offer a new version of the operation."
STAY_OPEN = "Check that the schema takes everything that clients send."
SAME_PARTS = "Go on reading the parts as they were written."


def _required(thing: Json | None) -> bool:
    return mapping(thing).get("required") is True


def _added(*, required: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is None and pair.after is not None and _required(pair.after) is required:
            yield Found()

    return find


def _removed(pair: Pair) -> Iterator[Found]:
    if pair.before is not None and pair.after is None:
        yield Found()


def _became(*, required: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is None or pair.after is None or _required(pair.before) is _required(pair.after):
            return
        if _required(pair.after) is required:
            places = [
                step(at, "required") if "required" in thing else at
                for at, thing in ((pair.at_before, pair.before), (pair.at_after, pair.after))
            ]
            yield Found({}, *places)

    return find


def schema_came(pair: Pair) -> Iterator[Found]:
    """Finds a schema where there was none."""
    if pair.before is not None and pair.after is not None and "schema" in pair.after and "schema" not in pair.before:
        yield Found({}, None, step(pair.at_after, "schema"))


def schema_went(pair: Pair) -> Iterator[Found]:
    """Finds a schema gone."""
    if pair.before is not None and pair.after is not None and "schema" in pair.before and "schema" not in pair.after:
        yield Found({}, step(pair.at_before, "schema"), None)


def _encoded(pair: Pair) -> Iterator[Found]:
    if pair.before is None or pair.after is None:
        return
    before, after = mapping(pair.before.get("encoding")), mapping(pair.after.get("encoding"))
    for name in sorted(before.keys() | after.keys()):
        one, other = (
            {key: value for key, value in mapping(side.get(name)).items() if key != "headers"}
            for side in (before, after)
        )
        if one != other:
            places = [
                step(step(at, "encoding"), name) if name in side else at
                for at, side in ((pair.at_before, before), (pair.at_after, after))
            ]
            yield Found({"name": f"`{name}`"}, *places)


RULES: tuple[Rule, ...] = (
    Rule(
        "request-body-added-required",
        Level.ERROR,
        SPOTS,
        "{place} is new and required.",
        MAKE_OPTIONAL,
        _added(required=True),
    ),
    Rule(
        "request-body-added-optional",
        Level.INFO,
        SPOTS,
        "{place} is new, and may be left out.",
        "Nothing.",
        _added(required=False),
    ),
    Rule("request-body-removed", Level.ERROR, SPOTS, "{place} was removed.", STILL_TAKE, _removed),
    Rule(
        "request-body-became-required",
        Level.ERROR,
        SPOTS,
        "{place} became required.",
        MAKE_OPTIONAL,
        _became(required=True),
    ),
    Rule(
        "request-body-became-optional",
        Level.INFO,
        SPOTS,
        "{place} became optional.",
        "Nothing.",
        _became(required=False),
    ),
    Rule("request-body-media-type-removed", Level.ERROR, TYPES, "{place} is no longer read.", STILL_READ, _removed),
    Rule(
        "request-body-media-type-added",
        Level.INFO,
        TYPES,
        "{place} is read, too.",
        "Nothing.",
        lambda pair: [Found()] if pair.before is None else [],
    ),
    Rule(
        "request-body-media-type-schema-added",
        Level.ERROR,
        TYPES,
        "{place} must fit a schema, and had none.",
        STAY_OPEN,
        schema_came,
    ),
    Rule(
        "request-body-media-type-schema-removed",
        Level.INFO,
        TYPES,
        "{place} no longer has a schema.",
        "Nothing.",
        schema_went,
    ),
    Rule(
        "request-body-encoding-changed",
        Level.WARNING,
        TYPES,
        "The part {name} of {place} is written in another way.",
        SAME_PARTS,
        _encoded,
    ),
)
