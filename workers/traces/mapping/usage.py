"""Tokens and dollars: what a span says of its own use, and which spans' use counts.

Instrumentations disagree on whether the input holds what came from a cache. Here it does, as OpenTelemetry says it: a
span whose own figures show that it left cached (or reasoned) tokens out gets them added.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from infra import json
from workers.providers import prices
from workers.traces.base import Outline, Stored
from workers.traces.mapping import aliases

Json = dict[str, Any]

_MOST = 2_147_483_647
_LONGEST_OBJECT = 65_536
_LARGEST_COST = Decimal(1_000_000_000)
_PLACES = Decimal("1e-12")
_KEYS = aliases.places(aliases.USAGE_KEYS)


def count(value: Any) -> int | None:
    """A number of tokens, also from text or a float; None for what is none or does not fit a column."""
    if type(value) is str and len(value) < 30:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) is float and isfinite(value):
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MOST else None


def dollars(value: Any) -> Decimal | None:
    """A cost, also from text; None for what is none."""
    if type(value) not in (int, float, str, Decimal) or (type(value) is str and len(value) > 40):
        return None
    try:
        cost = Decimal(repr(value) if type(value) is float else value)
        return cost.quantize(_PLACES).normalize() if 0 <= cost < _LARGEST_COST else None
    except (InvalidOperation, ValueError):
        return None


def unpacked(value: Any) -> Any:
    """An object that may have come as JSON text; None if that is none, or too large to look into here."""
    if type(value) is not str:
        return value
    if not value or value[0] not in "{[" or len(value) > _LONGEST_OBJECT:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def complete(given: Json) -> None:
    """Makes `given` (fields of aliases.USAGE) say tokens as numbers by the fields' names, cached and reasoned ones
    within the sums; looks into usage objects only for what is not said outright."""
    for field in ("input_tokens", "output_tokens", "total_tokens", *_PARTS):
        if field in given:
            given[field] = count(given[field])
    if "usage_object" in given and given.get("input_tokens") is None:
        _merge(given, unpacked(given["usage_object"]))
    if "response_object" in given and given.get("input_tokens") is None:
        _merge(given, _used(unpacked(given["response_object"])))
    if "provider_object" in given and given.get("cached_tokens") is None:
        _merge_cached(given, unpacked(given["provider_object"]))
    _include(given)


_PARTS = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")


def _include(given: Json) -> None:
    """Adds to the sums the parts that they evidently leave out."""
    taken, made, total = given.get("input_tokens"), given.get("output_tokens"), given.get("total_tokens")
    cached = (given.get("cached_tokens") or 0) + (given.get("cache_write_tokens") or 0)
    reasoned = given.get("reasoning_tokens") or 0
    if not cached and not reasoned and total is None:
        return
    if taken is None and total is not None:
        given["input_tokens"] = taken = max(0, total - (made or 0))
    missing = 0 if total is None else total - (taken or 0) - (made or 0)
    apart = given.pop("apart", False) and total is None
    if taken is not None and cached and (apart or cached > taken or missing in (cached, cached + reasoned)):
        given["input_tokens"] = min(_MOST, taken + cached)
    if made is not None and reasoned and (apart or reasoned > made or missing in (reasoned, cached + reasoned)):
        given["output_tokens"] = min(_MOST, made + reasoned)


def _used(response: Any) -> Any:
    """The usage object of a vendor's answer."""
    if not isinstance(response, dict):
        return None
    return next((response[name] for name in ("usage_metadata", "usageMetadata", "usage") if name in response), None)


def _merge(given: Json, used: Any) -> None:
    """Fills in from a usage object what is not said yet. Parts beside the sums are counted apart from them (Langfuse's
    and Anthropic's way), parts in objects within are not."""
    if not isinstance(used, dict):
        return
    said = _read(used)
    beside = any(field in said for field in _PARTS)
    for name in aliases.USAGE_DETAILS:
        inner = used.get(name)
        if isinstance(inner, dict):
            said = {**{field: n for field, n in _read(inner).items() if field in _PARTS}, **said}
    for field, number in said.items():
        if given.get(field) is None:
            given[field] = number
    given["apart"] = beside and "prompt_token_count" not in used


def _read(used: Mapping[Any, Any]) -> dict[str, int]:
    said: dict[str, tuple[int, int]] = {}
    for name in _KEYS.keys() & used.keys():
        field, rank = _KEYS[name]
        number = count(used[name])
        if number is not None and (field not in said or rank < said[field][0]):
            said[field] = (rank, number)
    return {field: number for field, (_, number) in said.items()}


def _merge_cached(given: Json, metadata: Any) -> None:
    """The Vercel SDK's metadata of a provider: `{"anthropic": {"usage": {"cache_read_input_tokens": …}}}`."""
    for told in list(metadata.values())[:5] if isinstance(metadata, dict) else ():
        used = told.get("usage", told) if isinstance(told, dict) else None
        for field, number in (_read(used) if isinstance(used, dict) else {}).items():
            if field in _PARTS and given.get(field) is None:
                given[field] = number


def cost_of(given: Json, provider: str | None, model: str | None) -> Decimal | None:
    """US dollars: what the span says it cost, else what its `complete` tokens cost by the model's list price; None if
    that is not known."""
    stated = _stated(given)
    if stated is not None:
        return stated
    taken, made = given.get("input_tokens"), given.get("output_tokens")
    if model is None or (taken is None and made is None):
        return None
    taken = taken or 0
    cached = min(given.get("cached_tokens") or 0, taken)
    written = min(given.get("cache_write_tokens") or 0, taken - cached)
    return prices.listed_cost(
        provider,
        model,
        input_tokens=taken,
        output_tokens=made or 0,
        cached_tokens=cached,
        written_tokens=written,
    )


def _stated(given: Json) -> Decimal | None:
    if "cost" in given:
        cost = dollars(given["cost"])
        if cost is not None:
            return cost
    if "cost_object" in given:
        told = unpacked(given["cost_object"])
        if isinstance(told, dict):
            total = dollars(next((told[name] for name in ("total", "total_cost") if name in told), None))
            return _sum(list(told.values())[:50]) if total is None else total
    if "input_cost" in given or "output_cost" in given:
        return _sum([given.get("input_cost"), given.get("output_cost")])
    return None


def _sum(parts: Sequence[Any]) -> Decimal | None:
    costs = [cost for cost in map(dollars, parts) if cost is not None]
    return sum(costs, Decimal(0)) if costs else None


def has_usage(stored: Outline | Stored) -> bool:
    """Whether the observation used tokens or dollars itself; zeros are none."""
    return bool(stored.input_tokens or stored.output_tokens or stored.cost)


def counts(observations: Sequence[Outline | Stored]) -> set[int]:
    """The indexes of those of a trace's observations whose usage counts: those that have some and none below them,
    because agents' and SDKs' outer spans repeat what their children used.

    Linear. A parent that is not there makes a root; a circle of parents is cut at its first observation. Of several
    observations with one id the first is the parent of what names it.
    """
    using = [index for index, stored in enumerate(observations) if has_usage(stored)]
    if len(using) < 2:
        return set(using)
    parents = _parents(observations)
    _cut_circles(parents)
    above: set[int] = set()
    for index in using:
        parent = parents[index]
        while parent >= 0 and parent not in above:
            above.add(parent)
            parent = parents[parent]
    return {index for index in using if index not in above}


def _parents(observations: Sequence[Outline | Stored]) -> list[int]:
    """Each observation's parent as an index, -1 for none."""
    first: dict[int, int] = {}
    for index, stored in enumerate(observations):
        first.setdefault(stored.span_id, index)
    return [-1 if stored.parent_id is None else first.get(stored.parent_id, -1) for stored in observations]


def _cut_circles(parents: list[int]) -> None:
    """Makes a root of the first observation of each circle."""
    seen = [-1] * len(parents)
    for start in range(len(parents)):
        way = start
        while way >= 0 and seen[way] < 0:
            seen[way] = start
            way = parents[way]
        if way >= 0 and seen[way] == start:
            circle = [way]
            while parents[circle[-1]] != way:
                circle.append(parents[circle[-1]])
            parents[min(circle)] = -1
