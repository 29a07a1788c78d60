"""What a rule is: an id, a level and a sentence as data, and a function that finds where it applies."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from infra import json

Json = dict[str, Any]

SHOWN_AT_MOST = 80  # characters of a value in a sentence


class Level(StrEnum):
    """`error` breaks a client that kept to the old description, `warning` may break one, `info` breaks none."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Spot(StrEnum):
    """The places that rules look at; those of schemas are how the ids of their rules begin."""

    OPERATION = "operation"
    SECURITY = "security"
    PARAMETER = "parameter"
    CONTENT = "request content"
    MEDIA_TYPE = "request media type"
    RESPONSE = "response"
    RESPONSE_MEDIA_TYPE = "response media type"
    HEADER = "header"
    CALLBACK = "callback"
    PARAMETER_SCHEMA = "request-parameter"
    PARAMETER_PROPERTY = "request-parameter-property"
    BODY = "request-body"
    PROPERTY = "request-property"
    RESPONSE_BODY = "response-body"
    RESPONSE_PROPERTY = "response-property"
    RESPONSE_HEADER = "response-header"


PARAMETERS = (Spot.PARAMETER_SCHEMA, Spot.PARAMETER_PROPERTY)
BODIES = (Spot.BODY, Spot.PROPERTY)
REQUEST = (*PARAMETERS, *BODIES)
RESPONSE = (Spot.RESPONSE_BODY, Spot.RESPONSE_PROPERTY)
INNER = {
    Spot.PARAMETER_SCHEMA: Spot.PARAMETER_PROPERTY,
    Spot.BODY: Spot.PROPERTY,
    Spot.RESPONSE_BODY: Spot.RESPONSE_PROPERTY,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Something of an operation before and after; None is missing on that side.

    `place` names it in a sentence, `at_before` and `at_after` are JSON pointers into the two records, `about` has what
    the rules of this spot need to know besides.
    """

    spot: Spot
    place: str
    before: Json | None
    after: Json | None
    at_before: str
    at_after: str
    today: date
    about: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A place where a rule applies: the values of its sentence, and pointers where they differ from the pair's."""

    values: Json = field(default_factory=dict)
    at_before: str | None = None
    at_after: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """`text` is a template whose values come from a Found (`place` from the pair), `what_to_do` is for whoever owns the
    API. `find` gets what its spots hold: a Pair, or a SchemaPair (walk.py)."""

    id: str
    level: Level
    spots: tuple[Spot, ...]
    text: str
    what_to_do: str
    find: Callable[[Any], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Change:
    """A difference that a rule found, said in a sentence. The pointers are JSON pointers into the expanded records, to
    what changed or to what holds it; None where the operation, parameter, body, response or header is not there."""

    id: str
    level: Level
    operation: str
    text: str
    pointer_before: str | None
    pointer_after: str | None
    what_to_do: str

    def as_json(self) -> Json:
        """As events, results and answers show it."""
        return asdict(self)


def family(
    spots: Iterable[Spot],
    suffix: str,
    level: Level,
    text: str,
    what_to_do: str,
    find: Callable[[Any], Iterable[Found]],
) -> tuple[Rule, ...]:
    """The same rule at several spots, at each with an id of its own: `request-body-…`, `request-property-…`."""
    return tuple(Rule(f"{spot}-{suffix}", level, (spot,), text, what_to_do, find) for spot in spots)


def shown(value: Any) -> str:
    """A value of a description in a sentence, in backquotes and cut."""
    text = value if isinstance(value, str) else canonical(value)
    return f"`{text if len(text) <= SHOWN_AT_MOST else text[:SHOWN_AT_MOST] + '…'}`"


def listed(values: Sequence[Any], at_most: int = 10) -> str:
    """Some values in a sentence: the first ones, and how many more there are."""
    more = f" and {len(values) - at_most} more" if len(values) > at_most else ""
    return ", ".join(shown(value) for value in values[:at_most]) + more


def canonical(value: Any) -> str:
    """The same text for equal JSON values, so that they can be compared and kept in sets (`1` is not `true`)."""
    try:
        return json.dump_canonical(value).decode()
    except (TypeError, ValueError):  # beyond what JSON can say: a huge integer, a lone surrogate, great depth
        return repr(value)


def step(pointer: str, name: str | int) -> str:
    """A JSON pointer to a member of what `pointer` points to."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def mapping(value: Any) -> Json:
    """The value if it is an object, else an empty one: descriptions in the wild have anything anywhere."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
