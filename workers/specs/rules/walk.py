"""Two schemas side by side, then their properties, items and alternatives: every pair of schemas once.

The walk goes in breadth, so that a schema reached in several ways is named by the shortest. Parts that are equal on
both sides, and whatever they refer to is, too, are passed over.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workers.specs.rules.base import INNER, Json, Pair, Spot, canonical, mapping
from workers.specs.rules.view import BRANCHES, Node, Side, Site, View, label

WALKED = ("items", "additionalProperties", "contains", "propertyNames", "then", "else", "contentSchema")
STEPS = {"items": "[]", "additionalProperties": ".*", "contains": "[contains]"}


@dataclass(slots=True)
class Budget:
    """How many pairs of schemas may still be looked at."""

    left: int
    spent: bool = False

    def take(self) -> bool:
        """Whether one more may be looked at."""
        self.left -= 1
        self.spent = self.spent or self.left < 0
        return not self.spent


@dataclass(frozen=True)
class SchemaPair:
    """A schema before and after. `whole` is the parameter, body or header it belongs to, `path` where in that."""

    spot: Spot
    whole: Pair
    path: str
    before: View
    after: View
    sides: tuple[Side, Side]

    @property
    def place(self) -> str:
        """Its name in a sentence."""
        return f"the property `{self.path}` of {self.whole.place}" if self.path else self.whole.place

    @property
    def at_before(self) -> str:
        """Where it is in the record before."""
        return self.before.pointer

    @property
    def at_after(self) -> str:
        """Where it is in the record after."""
        return self.after.pointer

    @property
    def wrapped(self) -> bool:
        """Whether one side is a plain schema, and the other nothing but alternatives."""
        groups = [any(view.branches.values()) for view in (self.before, self.after)]
        if groups[0] == groups[1]:
            return False
        group, plain = (self.before, self.after) if groups[0] else (self.after, self.before)
        return not group.properties and bool(plain.types or plain.properties or "enum" in plain.keywords)

    @cached_property
    def matched(self) -> dict[str, "Matched"]:
        """The alternatives of both sides by keyword; a plain schema beside alternatives is one of them."""
        sites = {}
        for keyword in BRANCHES:
            before, after = (view.branches.get(keyword, []) for view in (self.before, self.after))
            if self.wrapped and (before or after):
                before = before or [(_site(self.before, self.sides[0]),)]
                after = after or [(_site(self.after, self.sides[1]),)]
            sites[keyword] = match(before, after, *self.sides)
        return sites

    def deeper(self, step: str) -> str:
        """The path of a member."""
        return (self.path + step).lstrip(".")


@dataclass(frozen=True, slots=True)
class Matched:
    """Alternatives that both sides have, and those of one side only."""

    both: list[tuple[Node, Node]]
    removed: list[Node]
    added: list[Node]


def _site(view: View, side: Side) -> Site:
    """The schema at the view's own pointer, or its only alternative."""
    return view.alone or side.target("#" + view.pointer) or Site({}, view.pointer)


def match(before: list[Node], after: list[Node], one: Side, other: Side) -> Matched:
    """Pairs alternatives by the name of their reference, their title, or what they say; of those that are left, one
    inline schema on each side is the same one, changed."""
    left, right = list(before), list(after)
    both: list[tuple[Node, Node]] = []
    for name in (_called, _said):
        known = {name(node, other): node for node in reversed(right)}
        for node in list(left):
            key = name(node, one)
            twin = known.pop(key, None) if key else None
            if twin is not None:
                both.append((node, twin))
                left.remove(node)
                right.remove(twin)
    if len(left) == len(right) == 1 and not any("$ref" in mapping(node[0].schema) for node in (left[0], right[0])):
        return Matched([*both, (left[0], right[0])], [], [])
    return Matched(both, left, right)


def _called(node: Node, side: Side) -> str | None:
    schema = mapping(node[0].schema)
    name = schema.get("$ref", schema.get("title"))
    if isinstance(name, str):
        return name
    return "#" + node[0].pointer if node[0].pointer.startswith("/$defs/") else None


def _said(node: Node, side: Side) -> str:
    schema = mapping(node[0].schema)
    target = side.target(schema["$ref"]) if schema.keys() == {"$ref"} else None
    return canonical(target.schema if target else node[0].schema)


def name_of(node: Node) -> str:
    """An alternative in a sentence: the schema's name, its title, or its text."""
    schema = mapping(node[0].schema)
    for name in (schema.get("$ref"), schema.get("title"), node[0].pointer if "$defs" in node[0].pointer else None):
        if isinstance(name, str):
            return name.removeprefix("#").removeprefix("/$defs/")
    return label(node[0])


class Walk:
    """Goes through the schemas of two records."""

    def __init__(self, before: Json, after: Json, budget: Budget) -> None:
        self.sides = Side(before), Side(after)
        self.budget = budget
        self._changed = changed_definitions(before, after)
        self._references: dict[int, frozenset[str]] = {}

    def pairs(self, spot: Spot, whole: Pair, before: Site, after: Site) -> Iterator[SchemaPair]:
        """The two schemas, and below them every pair that may differ."""
        waiting: deque[tuple[Spot, str, Node, Node]] = deque([(spot, "", (before,), (after,))])
        seen = set()
        while waiting:
            at, path, one, other = waiting.popleft()
            if self._equal(one, other):
                continue
            views = self.sides[0].view(one), self.sides[1].view(other)
            key = tuple(site.pointer for site in one), tuple(site.pointer for site in other)
            where = (views[0].pointer, views[1].pointer) if len(one) == len(other) == 1 else key
            if where in seen:
                continue
            if not self.budget.take():
                return
            seen.add(where)
            pair = SchemaPair(at, whole, path, *views, self.sides)
            if unseen(pair):
                continue
            yield pair
            inner = INNER.get(at, at)
            waiting.extend((inner, pair.deeper(step), left, right) for step, left, right in members(pair))

    def _equal(self, one: Node, other: Node) -> bool:
        if [site.schema for site in one] != [site.schema for site in other]:
            return False
        return not self._changed or all(not self._changed & self._names(site.schema) for site in one)

    def _names(self, schema: Any) -> frozenset[str]:
        """The definitions that a schema refers to; schemas live as long as the walk, so their id() names them."""
        if id(schema) not in self._references:
            self._references[id(schema)] = frozenset(references(schema))
        return self._references[id(schema)]


def unseen(pair: SchemaPair) -> bool:
    """Whether no client sends or gets it: read-only in a request, write-only in a response, on both sides."""
    flag = "writeOnly" if pair.spot.startswith("response") else "readOnly"
    return flag in pair.before.keywords and flag in pair.after.keywords


def members(pair: SchemaPair) -> Iterator[tuple[str, Node, Node]]:
    """What both sides have: properties, items, alternatives and so on, each with its step in the path."""
    before, after = pair.before, pair.after
    for matched in pair.matched.values():
        yield from (("", one, other) for one, other in matched.both)
    if pair.wrapped:
        return
    for keyword, prefix in (("properties", "."), ("patternProperties", ".~"), ("dependentSchemas", ".?")):
        others = after.keyed.get(keyword, {})
        for name, node in before.keyed.get(keyword, {}).items():
            if name in others:
                yield prefix + name, node, others[name]
    for keyword in WALKED:
        if keyword in before.children and keyword in after.children:
            yield STEPS.get(keyword, f"[{keyword}]"), before.children[keyword], after.children[keyword]
    for n, (one, other) in enumerate(zip(before.prefix_items, after.prefix_items, strict=False)):
        yield f"[{n}]", one, other


def references(schema: Any) -> Iterator[str]:
    """The names of the definitions that a schema refers to, at any depth."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            reference = one.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/$defs/"):
                yield reference.removeprefix("#/$defs/").split("/")[0].replace("~1", "/").replace("~0", "~")
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def changed_definitions(before: Json, after: Json) -> frozenset[str]:
    """The names of definitions that differ, or that lead to one that does."""
    one, other = mapping(before.get("$defs")), mapping(after.get("$defs"))
    changed = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}
    if not changed:
        return frozenset()
    users: dict[str, set[str]] = {}
    for name in one.keys() & other.keys():
        for used in references(one[name]):
            users.setdefault(used, set()).add(name)
    waiting = list(changed)
    while waiting:
        for user in users.get(waiting.pop(), set()) - changed:
            changed.add(user)
            waiting.append(user)
    return frozenset(changed)
