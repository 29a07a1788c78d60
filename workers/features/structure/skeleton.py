"""What was done in a trace: its root operation, its steps, and the places from which models were called.

Spans may come without their parent, in a circle or twice; each trace has one root all the same: the earliest span
without a parent in it, else the earliest of all.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from models import ObservationKind
from workers.features.structure import templates
from workers.features.structure.routes import Routes
from workers.traces.base import CLIENT, SERVER, Stored

METHODS = ("http.request.method", "http.method")
PATHS = ("url.path", "http.target", "url.full", "http.url")
NAMED = re.compile(r"(?:HTTP )?(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)(?: (/\S*|https?://\S+))?$")
# gpt-4o-mini-2024-07-18 and gpt-4.1 are of the family gpt.
FAMILY = re.compile(r"[a-z]+")
LONGEST_WAY = 6
STEPS = frozenset(
    {
        ObservationKind.GENERATION,
        ObservationKind.TOOL,
        ObservationKind.RETRIEVAL,
        ObservationKind.EMBEDDING,
        ObservationKind.RERANKER,
        ObservationKind.AGENT,
        ObservationKind.CHAIN,
        ObservationKind.GUARDRAIL,
    }
)


def root_of(observations: Sequence[Stored]) -> Stored:
    """The one that all others are below of, as far as can be told."""
    own = {one.span_id for one in observations}
    for one in observations:
        if one.parent_id is None:
            return one
    for one in observations:
        if one.parent_id not in own:
            return one
    return observations[0]


def entry_of(observations: Sequence[Stored], root: Stored) -> Stored:
    """The one that says what the trace began with: the root, or where that is a client's own span of its request, the
    server's, which knows of which route the path is that the client asked for."""
    if root.span_kind != CLIENT:
        return root
    served = (one for one in observations if one.span_kind == SERVER and one.parent_id == root.span_id)
    return next(served, root)


def label(one: Stored, routes: Routes) -> str:
    """What it did, without what varies: `POST /orders/{}`, `tool get_weather`, `chat gpt`."""
    if one.kind == ObservationKind.GENERATION:
        return f"chat {family(one.model)}"
    if one.kind == ObservationKind.TOOL:
        return f"tool {tool(one)}"
    request = http(one, routes)
    if request is not None:
        return request
    plain = templates.name(one.name)
    return plain if one.kind == ObservationKind.SPAN else f"{one.kind} {plain}"


def http(one: Stored, routes: Routes) -> str | None:
    """The method and route of an HTTP span, None for others."""
    said = one.attributes
    method = next((said[name] for name in METHODS if isinstance(said.get(name), str)), None)
    named = None if method else NAMED.match(one.name)
    if method is None and named is None:
        return None
    method = str(method or (named and named[1])).upper()
    route = said.get("http.route")
    if isinstance(route, str) and route:
        return f"{method} {templates.path(route)}"
    path = next((said[name] for name in PATHS if isinstance(said.get(name), str)), None)
    if path is None:
        named = named or NAMED.match(one.name)
        path = named[2] if named else None
    if path is None:
        return f"{method} {templates.name(one.name)}" if not named else method
    if one.span_kind == CLIENT:
        return f"{method} {templates.path(path)}"
    return f"{method} {routes.template(method, path, one.service, learn=one.span_kind == SERVER)}"


def tool(one: Stored) -> str:
    """A tool's name."""
    said: Any = one.attributes.get("gen_ai.tool.name") or one.attributes.get("tool.name")
    return templates.name(str(said) if said else one.name.removeprefix("execute_tool ").removeprefix("tool "))


@lru_cache(1000)
def family(model: str | None) -> str:
    """A model's family: what its name says before its version."""
    found = FAMILY.match((model or "").rpartition("/")[2].lower())
    return found[0] if found else ""


def is_step(one: Stored) -> bool:
    """Whether it says what the trace was for; queries and calls on the way do not."""
    return one.kind in STEPS or one.span_kind == SERVER


def ways(observations: Sequence[Stored], names: dict[int, str]) -> dict[int, tuple[str, ...]]:
    """For each span id the names from the root to it, the nearest six."""
    parents = {one.span_id: one.parent_id for one in observations}
    made: dict[int, tuple[str, ...]] = {}
    for one in observations:
        way: list[str] = []
        at: int | None = one.span_id
        seen: set[int] = set()
        while at is not None and at in names and at not in seen and len(way) < LONGEST_WAY:
            seen.add(at)
            way.append(names[at])
            at = parents.get(at)
        made[one.span_id] = tuple(reversed(way))
    return made
