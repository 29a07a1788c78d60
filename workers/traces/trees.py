"""The tree of a trace's observations, whatever their parents' ids say.

A parent that never came makes an orphan, which stands beside the roots until the parent comes. Parents in a circle are
cut at the observation that began first. Where several observations have one id, all are there, and children are of the
one that began first. Nothing here calls itself: a chain may be as deep as it likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workers.traces.base import Stored


class Position(StrEnum):
    """How an observation hangs in the tree; an orphan's parent is not there, a circle was cut at that one."""

    ROOT = "root"
    CHILD = "child"
    ORPHAN = "orphan"
    CIRCLE = "circle"


@dataclass(frozen=True, slots=True)
class Node:
    """An observation in its tree; `depth` is 0 at the top, `children` are those right below."""

    observation: Stored
    depth: int
    position: Position
    children: int


def tree(observations: Sequence[Stored]) -> list[Node]:
    """All of a trace's observations, each right before what is below it; siblings in the order of their beginning."""
    ordered = sorted(observations, key=lambda one: (one.started_at, one.span_id, one.digest))
    by_id: dict[int, int] = {}
    for index, one in enumerate(ordered):
        by_id.setdefault(one.span_id, index)
    above = [None if one.parent_id is None else by_id.get(one.parent_id) for one in ordered]
    below: dict[int, list[int]] = {}
    for index, parent in enumerate(above):
        if parent is not None:
            below.setdefault(parent, []).append(index)
    nodes: list[Node] = []
    seen: set[int] = set()
    tops = [index for index, parent in enumerate(above) if parent is None]
    for top in tops:
        _walk(ordered, top, Position.ROOT if ordered[top].parent_id is None else Position.ORPHAN, below, seen, nodes)
    # What no top leads to is in a circle, or below one.
    for index in range(len(ordered)):
        if index not in seen:
            _walk(ordered, _in_circle(index, above), Position.CIRCLE, below, seen, nodes)
    return nodes


def _walk(
    ordered: Sequence[Stored],
    top: int,
    position: Position,
    below: dict[int, list[int]],
    seen: set[int],
    nodes: list[Node],
) -> None:
    """Adds the top and what it leads to."""
    waiting = [(top, 0)]
    seen.add(top)
    while waiting:
        index, depth = waiting.pop()
        children = [child for child in below.get(index, ()) if child not in seen]
        seen.update(children)
        nodes.append(Node(ordered[index], depth, position if depth == 0 else Position.CHILD, len(children)))
        waiting += [(child, depth + 1) for child in reversed(children)]


def _in_circle(index: int, above: Sequence[int | None]) -> int:
    """The first in time of the circle that the way up from there ends in."""
    way: dict[int, None] = {}
    at: int | None = index
    while at is not None and at not in way:
        way[at] = None
        at = above[at]
    steps = list(way)
    return index if at is None else min(steps[steps.index(at) :])
