"""How much work a JSON schema makes of a value, found out before it is done: a validator cannot be stopped, and holds
up the whole process while it works.

What multiplies is alternatives within alternatives: a value is looked at once for each way that leads to it. The ways
to one place are counted once for a schema; where several of them lead on to the values below, and those are nested so
deep that it may matter, all are counted along the value, each place once.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from infra.errors import BadInput
from workers.suites.assertions.references import KEYWORDS, References

Json = dict[str, Any]

# Looks at a value by one schema; about a tenth of a microsecond each.
MOST_LOOKS = 5_000_000
# So many ways to one place are nothing to look into.
FEW_WAYS = 1_000
MOST_WAYS = 10_000
# Schemas looked through without a value, and places of a value that are counted; some microseconds each.
MOST_SCHEMAS = 20_000
MOST_PLACES = 200_000
# What a pattern costs that needs backtracking, beside one that does not.
BACKTRACKING = 2_000
# How often a schema is looked at whose parent says `unevaluated…`, as measured.
AGAIN = 3

_LISTS = ("allOf", "anyOf", "oneOf")
_SINGLE = ("not", "if", "then", "else")
_MAPS = ("dependentSchemas", "dependencies")
_ITEMS = ("items", "additionalItems", "contains", "unevaluatedItems")
_REST = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_BELOW = frozenset(("properties", "patternProperties", "prefixItems", *_ITEMS, *_REST))
_AGAIN = ("unevaluatedProperties", "unevaluatedItems")
_IN_PLACE = frozenset((*_LISTS, *_SINGLE, *_MAPS, *KEYWORDS))


class Effort:
    """What one schema costs; keeps what it has found out."""

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._references = References(schema)
        self._schemas: dict[int, Any] = {}
        self._expanded: dict[int, tuple[Counter[int], int]] = {}
        self._steps = 0
        self._again = False
        try:
            self._ways, self._branches = self._widest()
        except RecursionError:
            raise _too_much() from None

    @property
    def is_even(self) -> bool:
        """Whether every value is little work, so that nothing is counted."""
        return self._ways <= self._few and self._branches <= 1

    def require_little(self, value: Any) -> None:
        """Raises BadInput where the schema looks at that value too often."""
        if not self.is_even and self._ways * self._branches ** min(_depth(value), 64) > self._few:
            self._count(value)

    @property
    def _few(self) -> int:
        return FEW_WAYS // 20 if self._again else FEW_WAYS

    def _widest(self) -> tuple[int, int]:
        """The most looks at one place that one schema there makes, and the most of them that look below it."""
        waiting, seen = [self._root], set[int]()
        ways, branches = 1, 0
        while waiting:
            schema = waiting.pop()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            if len(seen) > MOST_SCHEMAS:
                return MOST_WAYS, MOST_WAYS
            bases, weight = self._in_place(schema)
            ways = max(ways, weight)
            branches = max(branches, sum(n for one, n in bases.items() if _BELOW & self._schemas[one].keys()))
            for one in bases:
                waiting += _children(self._schemas[one])
        return ways, branches

    def _in_place(self, schema: Json) -> tuple[Counter[int], int]:
        """The schemas that look at the same place as this one, each with how often, and what that weighs."""
        found = self._expanded.get(id(schema))
        if found is None:
            bases, self._steps = Counter[int](), 0
            weight = self._walk(schema, bases, set(), 1)
            found = self._expanded[id(schema)] = bases, weight
        return found

    def _walk(self, schema: Any, bases: Counter[int], active: set[int], times: int) -> int:
        if not isinstance(schema, dict) or id(schema) in active:
            return times
        self._schemas[id(schema)] = schema
        bases[id(schema)] += times
        weight = times * _weight(schema)
        self._steps += 1
        if self._steps > MOST_WAYS or weight > MOST_LOOKS:
            raise _too_much()
        if not schema.keys() & _IN_PLACE:
            return weight
        active.add(id(schema))
        inner = times
        if any(name in schema for name in _AGAIN):
            inner, self._again = times * AGAIN, True
        for one in self._beside(schema):
            weight += self._walk(one, bases, active, inner)
        active.discard(id(schema))
        return weight

    def _beside(self, schema: Json) -> Iterator[Any]:
        """The schemas within this one that look at the same place."""
        yield from self._references.followed(schema)
        for name in _SINGLE:
            if name in schema:
                yield schema[name]
        for name in _LISTS:
            yield from schema.get(name, ())
        for name in _MAPS:
            yield from schema.get(name, {}).values()

    def _count(self, value: Any) -> None:
        """Counts along the value."""
        looks = places = 0
        waiting: list[tuple[Counter[int], Any]] = [(Counter({id(self._root): 1}), value)]
        self._schemas[id(self._root)] = self._root
        while waiting:
            ways, value = waiting.pop()
            here = Counter[int]()
            # What is looked at again is so for each value below.
            size = 1 + len(value) // 5 if self._again and isinstance(value, list | dict) else 1
            for one, times in ways.items():
                bases, weight = self._in_place(self._schemas[one])
                looks += times * weight * size
                for base, often in bases.items():
                    here[base] += times * often
            places += 1 + len(here)
            if looks > MOST_LOOKS or places > MOST_PLACES:
                raise _too_much()
            waiting += self._below(here, value)

    def _below(self, here: Counter[int], value: Any) -> Iterator[tuple[Counter[int], Any]]:
        inside: Any = ()
        if isinstance(value, dict):
            inside = value.items()
        elif isinstance(value, list):
            inside = enumerate(value)
        for name, one in inside:
            ways = Counter[int]()
            for base, times in here.items():
                for child in _applied(self._schemas[base], name):
                    if isinstance(child, dict):
                        self._schemas[id(child)] = child
                        ways[id(child)] += times
            if ways:
                yield ways, one


def _too_much() -> BadInput:
    return BadInput(
        "The schema has so many alternatives within alternatives that checking this answer would take too long; make "
        "it simpler, or check a part of the answer by `path`."
    )


def _applied(schema: Json, name: str | int) -> Iterator[Any]:
    """The schemas of an item, or a property; those by pattern all count."""
    if isinstance(name, int):
        first = schema.get("prefixItems") or (schema["items"] if isinstance(schema.get("items"), list) else [])
        if name < len(first):
            yield first[name]
        for keyword in _ITEMS:
            if isinstance(schema.get(keyword), dict) and (name >= len(first) or keyword == "contains"):
                yield schema[keyword]
        return
    properties = schema.get("properties") or {}
    if name in properties:
        yield properties[name]
    yield from (schema.get("patternProperties") or {}).values()
    for keyword in _REST:
        if isinstance(schema.get(keyword), dict) and (name not in properties or keyword == "propertyNames"):
            yield schema[keyword]


def _children(schema: Json) -> Iterator[Any]:
    """All schemas that look below this one's place."""
    for keyword in ("properties", "patternProperties"):
        yield from (schema.get(keyword) or {}).values()
    yield from schema.get("prefixItems") or ()
    for keyword in (*_ITEMS, *_REST):
        found = schema.get(keyword)
        yield from found if isinstance(found, list) else (found,)


def _weight(schema: Json) -> int:
    """How much one look costs."""
    weight = 1
    if isinstance(schema.get("enum"), list):
        weight += len(schema["enum"]) // 50
    if isinstance(schema.get("pattern"), str) and backtracks(schema["pattern"]):
        weight += BACKTRACKING
    for pattern in schema.get("patternProperties") or ():
        weight += BACKTRACKING if backtracks(pattern) else 1
    return weight


_SUSPICIOUS = re.compile(r"\(\?[=!<>(]|\\[1-9kgKG]|[*+?}]\+")


def backtracks(pattern: str) -> bool:
    """Whether the pattern has what no automaton can do: what stands around, or what was found before."""
    return _SUSPICIOUS.search(pattern) is not None


def _depth(value: Any) -> int:
    """How deep lists and objects are nested in the value."""
    depth, level = 0, [value]
    while level := [one for each in level if isinstance(each, list | dict) for one in _inside(each)]:
        depth += 1
    return depth


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value
