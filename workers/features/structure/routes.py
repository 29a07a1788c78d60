"""Templates of routes: `/orders/8f3a` and `/orders/91bc` are one, and stay one however much traffic comes.

What the instrumentation says (`http.route`) stands; else a path that is an operation of the project's knowledge bases
gets its template. Else values are told by their form (templates.py), and what no form tells (names in a path) is
learnt in the manner of Drain: in a tree of segments, a place with more than 20 different values, most of them rare,
becomes a variable, once it was seen often enough to tell. Values that came often before that stay what they are, and so
does a place once it is a variable.
"""

import re
from collections.abc import Iterable
from typing import Any

from workers.features.structure import templates
from workers.features.structure.templates import PLACE

Json = dict[str, Any]

MOST_VALUES = 20
# Values are rare if they came less than three times, which tells something after so many visits, or of so many values.
RARE, TELLING, MANY = 3, 200, 60
# A value of a place with many that came so often is a word of the route.
OFTEN = 25
DEEPEST = 12
MOST_NODES = 5_000
_ENTRY = re.compile(r"(?:(.*) )?(GET|POST|PUT|PATCH|DELETE) (/\S*)$")


class Routes:
    """What is known of a project's routes. `state` is JSON to keep: `{"segment": [times seen, {…}]}` from the method
    on."""

    def __init__(self, state: Json | None = None, operations: Iterable[tuple[str, str]] = ()) -> None:
        self.state: Json = state or {}
        self._nodes = _count(self.state)
        self._operations: Json = {}
        for method, path in operations:
            self._know(method, path)

    def template(self, method: str, path: str, service: str | None = None, *, learn: bool = True) -> str:
        """The path's template, with `{}` for each value."""
        segments = [templates.segment(one) for one in _split(path)]
        known = _walk(self._operations.get(method.upper(), {}), segments)
        if known is not None:
            return "/" + "/".join(known)
        node = self.state.setdefault(f"{service or ''} {method}", [0, {}])[1]
        made = []
        for one in segments:
            one = self._step(node, one, learn)
            made.append(one)
            node = node[one][1] if one in node else {}
        return "/" + "/".join(made)

    def renewed(self, entry: str) -> str:
        """An entry (service, method, template) with the newest template of its route."""
        found = _ENTRY.match(entry)
        if found is None:
            return entry
        path = self.template(found[2], found[3], found[1] or None, learn=False)
        return f"{found[1] or ''} {found[2]} {path}".strip()

    def _step(self, node: Json, one: str, learn: bool) -> str:
        """The name of that segment in this node, which is made if it is to be learnt."""
        if one not in node and one != PLACE and node.get("*"):
            one = PLACE
        if not learn:
            return one
        if one not in node:
            if self._nodes >= MOST_NODES:
                return one if not node.get("*") else PLACE
            node[one] = [0, {}]
            self._nodes += 1
            if len(node) > MOST_VALUES and _is_variable(node):
                self._merge(node)
                return one if one in node else PLACE
        node[one][0] += 1
        return one

    def _merge(self, node: Json) -> None:
        """Makes the place a variable; below it is what was below the values."""
        gone = [name for name, one in node.items() if name not in ("*", PLACE) and one[0] < OFTEN]
        into = node.setdefault(PLACE, [0, {}])
        for name in gone:
            _join(into, node.pop(name))
        node["*"] = True
        self._nodes = _count(self.state)

    def _know(self, method: str, path: str) -> None:
        node = self._operations.setdefault(method.upper(), {})
        for one in _split(path):
            node = node.setdefault(templates.segment(one), {})
        node["$"] = True


def _split(path: str) -> list[str]:
    plain = path.partition("?")[0].partition("#")[0]
    if "://" in plain:
        plain = plain.partition("://")[2].partition("/")[2]
    return [one for one in plain.split("/") if one][:DEEPEST]


def _is_variable(node: Json) -> bool:
    counts = [one[0] for name, one in node.items() if name not in ("*", PLACE)]
    rare = sum(1 for count in counts if count < RARE)
    return rare > MOST_VALUES / 2 and rare * 2 > len(counts) and (sum(counts) >= TELLING or len(counts) > MANY)


def _walk(node: Json, segments: list[str]) -> list[str] | None:
    """The template of an operation that these segments are a path of: literals before variables."""
    if not segments:
        return [] if "$" in node else None
    for name in (segments[0], PLACE):
        if name in node and name != "$":
            rest = _walk(node[name], segments[1:])
            if rest is not None:
                return [name, *rest]
    return None


def _join(into: list[Any], other: list[Any]) -> None:
    into[0] += other[0]
    for name, one in other[1].items():
        if name == "*":
            into[1]["*"] = True
        elif name in into[1]:
            _join(into[1][name], one)
        else:
            into[1][name] = one


def _count(node: Json) -> int:
    return sum(1 + _count(one[1]) for name, one in node.items() if name != "*")
