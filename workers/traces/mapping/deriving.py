"""The columns of an observation, from what a span says of itself.

Called for every span that arrives, so: one look at the names, and an early end for spans that know nothing of AI.
Nothing in a span makes it raise; a value that does not fit its column is as if it were not there.
"""

from typing import Any

from models import ObservationKind
from workers.traces.base import Derived, Span
from workers.traces.mapping import aliases, kinds, usage
from workers.traces.mapping.providers import normalised

Json = dict[str, Any]
# By field: how good the name is that it was given by (0: the best), and the value.
Given = dict[str, tuple[int, Any]]

_LONGEST = 200

_PLACES = aliases.places(aliases.ORIGIN, aliases.MODEL, aliases.USAGE, aliases.MARKS, aliases.PLAIN)
_KIND_RANKS = {name: rank for rank, name in enumerate(aliases.KIND_NAMES)}
_KNOWN = frozenset(_PLACES) | frozenset(_KIND_RANKS)
_AI = frozenset((*aliases.MODEL, *aliases.USAGE, *aliases.MARKS, "told")) - {"said_model"}
_LAST = len(aliases.KIND_NAMES)
_ORIGIN = tuple(aliases.ORIGIN.items())
_DETAILS = "gen_ai.client.inference.operation.details"


def derive(span: Span) -> Derived:
    """What the columns of this span's observation say."""
    found: Given = {}
    named: list[tuple[int, Any]] = []
    _gather(span.attributes, found, named)
    if span.events:
        _gather_events(span.events, found, named)
    given = {field: value for field, (_, value) in found.items()}
    derived = Derived(ObservationKind.SPAN)
    _origin(derived, given, span.resource)
    if named or not _AI.isdisjoint(given):
        if kinds.by_name(span.name):
            named.append((_LAST, span.name))
        _ai(derived, given, named, span.attributes)
    if derived.operation is None:
        derived.operation = _plain_operation(given)
    return derived


def _gather(attributes: Json, found: Given, named: list[tuple[int, Any]]) -> None:
    for name in _KNOWN.intersection(attributes):
        value = attributes[name]
        if value is None or value == "" or value == "{}" or value == "[]":
            continue
        place = _PLACES.get(name)
        if place is None:
            named.append((_KIND_RANKS[name], value))
            continue
        field, rank = place
        before = found.get(field)
        if before is None or rank < before[0]:
            found[field] = (rank, value)


def _gather_events(events: list[Json], found: Given, named: list[tuple[int, Any]]) -> None:
    """Older conventions tell messages as events, some SDKs everything as one event."""
    for event in events[:100]:
        name = event.get("name")
        if type(name) is not str or not name.startswith("gen_ai."):
            continue
        attributes = event.get("attributes")
        if name == _DETAILS and isinstance(attributes, dict):
            found.setdefault("generation", (0, name))
            _gather(attributes, found, named)
        else:
            # An agent's own span tells messages, too.
            found.setdefault("told", (0, name))


def _origin(derived: Derived, given: Json, resource: Json) -> None:
    for field, names in _ORIGIN:
        value = text(given[field]) if field in given else None
        if value is None:
            for name in names:
                if name in resource:
                    value = text(resource[name])
                    break
        if value is not None:
            setattr(derived, field, value)


def _ai(derived: Derived, given: Json, named: list[tuple[int, Any]], attributes: Json) -> None:
    named.sort()
    kind = kinds.kind_of([value for _, value in named], given)
    derived.kind = kind
    derived.operation = kinds.operation_of(kind, text(attributes.get("gen_ai.operation.name")))
    said = given.get("model")
    if said is None and kind is not ObservationKind.SPAN:
        said = given.get("said_model")
    provider, model = text(given.get("provider")), text(said)
    derived.provider, derived.model = normalised(provider, model)
    usage.complete(given)
    derived.input_tokens = given.get("input_tokens")
    derived.output_tokens = given.get("output_tokens")
    derived.cached_tokens = given.get("cached_tokens")
    derived.cache_write_tokens = given.get("cache_write_tokens")
    derived.reasoning_tokens = given.get("reasoning_tokens")
    derived.cost = usage.cost_of(given, derived.provider, derived.model)
    if derived.cost is None and derived.model is not None:
        asked = text(attributes.get("gen_ai.request.model"))
        if asked is not None and asked != model:
            derived.cost = usage.cost_of(given, *normalised(provider, asked))


def _plain_operation(given: Json) -> str | None:
    """`POST /orders/{id}`, `OrderService/Get`, `SELECT`: what a span does that calls no model, where that is few
    values."""
    route, method = text(given.get("http_route")), text(given.get("http_method"))
    if route is not None:
        return f"{method} {route}" if method else route
    procedure = text(given.get("rpc_method"))
    if procedure is not None:
        service = text(given.get("rpc_service"))
        return f"{service}/{procedure}" if service else procedure
    return text(given.get("db_operation")) or text(given.get("messaging"))


def text(value: Any) -> str | None:
    """A value as a column's text: at most 200 characters, without the quotes of JSON; None for what is no text."""
    if (type(value) is int and value.bit_length() < 64) or type(value) is float:
        value = str(value)
    if type(value) is not str:
        return None
    value = value[: _LONGEST + 2].strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    return value[:_LONGEST] or None
