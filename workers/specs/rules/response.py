"""Responses as a whole: statuses, media types, headers."""

from collections.abc import Callable, Iterator

from workers.specs.rules.base import Found, Json, Level, Pair, Rule, Spot, mapping, shown, step
from workers.specs.rules.request_body import schema_came, schema_went

SPOTS = (Spot.RESPONSE,)
TYPES = (Spot.RESPONSE_MEDIA_TYPE,)
HEADERS = (Spot.HEADER,)

KEEP_STATUS = "Go on answering with that status."
STILL_WRITE = "Go on writing that media type for those who ask for it."
STILL_SEND = "Go on sending the header."
KEEP_SCHEMA = "Describe the answer again, so that clients know what comes."


def success(status: str) -> bool:
    """Whether a status of a description is a success: `200`, `2XX`."""
    return len(status) == 3 and status.startswith("2")


def _there(pair: Pair, *, removed: bool, well: bool) -> bool:
    one, other = (pair.before, pair.after) if removed else (pair.after, pair.before)
    return one is not None and other is None and success(str(pair.about.get("status"))) is well


def _status(*, removed: bool, well: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if _there(pair, removed=removed, well=well):
            yield Found()

    return find


def _one_sided(*, removed: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        one, other = (pair.before, pair.after) if removed else (pair.after, pair.before)
        if one is not None and other is None and not pair.about.get("renamed"):
            yield Found()

    return find


def _renamed(*, wider: bool) -> Callable[[Pair], Iterator[Found]]:
    """Finds a media type that became a range which has it, or that was one of it."""

    def find(pair: Pair) -> Iterator[Found]:
        names = pair.about.get("renamed")
        if names and ("*" in names[1]) is wider:
            yield Found({"before": shown(names[0]), "after": shown(names[1])})

    return find


def _required(thing: Json | None) -> bool:
    return mapping(thing).get("required") is True


def _header_gone(*, required: bool) -> Callable[[Pair], Iterator[Found]]:
    def find(pair: Pair) -> Iterator[Found]:
        if pair.before is not None and pair.after is None and _required(pair.before) is required:
            yield Found()

    return find


def _header_optional(pair: Pair) -> Iterator[Found]:
    if pair.before is not None and pair.after is not None and _required(pair.before) and not _required(pair.after):
        after = step(pair.at_after, "required") if "required" in pair.after else pair.at_after
        yield Found({}, step(pair.at_before, "required"), after)


RULES: tuple[Rule, ...] = (
    Rule(
        "response-success-status-removed",
        Level.ERROR,
        SPOTS,
        "{place} was removed.",
        KEEP_STATUS,
        _status(removed=True, well=True),
    ),
    Rule(
        "response-non-success-status-removed",
        Level.INFO,
        SPOTS,
        "{place} was removed.",
        "Nothing.",
        _status(removed=True, well=False),
    ),
    Rule(
        "response-success-status-added",
        Level.INFO,
        SPOTS,
        "{place} was added.",
        "Nothing.",
        _status(removed=False, well=True),
    ),
    Rule(
        "response-non-success-status-added",
        Level.INFO,
        SPOTS,
        "{place} was added.",
        "Nothing.",
        _status(removed=False, well=False),
    ),
    Rule(
        "response-media-type-removed",
        Level.ERROR,
        TYPES,
        "{place} is no longer written.",
        STILL_WRITE,
        _one_sided(removed=True),
    ),
    Rule(
        "response-media-type-added",
        Level.INFO,
        TYPES,
        "{place} is written, too.",
        "Nothing.",
        _one_sided(removed=False),
    ),
    Rule(
        "response-media-type-name-generalized",
        Level.ERROR,
        TYPES,
        "{place} is any of {after} instead of {before}.",
        STILL_WRITE,
        _renamed(wider=True),
    ),
    Rule(
        "response-media-type-name-specialized",
        Level.INFO,
        TYPES,
        "{place} is {after}, one of {before}.",
        "Nothing.",
        _renamed(wider=False),
    ),
    Rule(
        "response-body-media-type-schema-removed",
        Level.WARNING,
        TYPES,
        "{place} no longer has a schema.",
        KEEP_SCHEMA,
        schema_went,
    ),
    Rule(
        "response-body-media-type-schema-added",
        Level.INFO,
        TYPES,
        "{place} has a schema, and had none.",
        "Nothing.",
        schema_came,
    ),
    Rule(
        "required-response-header-removed",
        Level.ERROR,
        HEADERS,
        "{place} was removed, and was always sent.",
        STILL_SEND,
        _header_gone(required=True),
    ),
    Rule(
        "optional-response-header-removed",
        Level.WARNING,
        HEADERS,
        "{place} was removed.",
        STILL_SEND,
        _header_gone(required=False),
    ),
    Rule(
        "response-header-became-optional",
        Level.ERROR,
        HEADERS,
        "{place} is no longer always sent.",
        STILL_SEND,
        _header_optional,
    ),
    Rule("response-header-added", Level.INFO, HEADERS, "{place} was added.", "Nothing.", _one_sided(removed=False)),
)
