"""Reading traces: one, many by time, and those that a filter finds, page by page.

What is wanted is either frequent, and then some of it is among the newest traces, or rare, and then an index knows
where. PostgreSQL guesses which, from statistics that say little of words, and wrongly walks through a million traces;
so the newest are looked at first, and where they are not enough it may not walk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, tuple_
from sqlalchemy.orm import Session, aliased

from infra.errors import InvalidParameter, NotFound
from models import Feature, Trace
from workers.features import following
from workers.paging import PageOf, Window
from workers.traces import facets
from workers.traces.previews import CONFIGURATION

Json = dict[str, Any]

# By the name of the filter: what must be equal.
EQUAL = ("user_id", "status", "service", "environment", "release", "name")
# So many of the newest are looked at: some milliseconds, and some tens of them.
PROBES = (2_000, 20_000)
# A bitmap of a million rows that remembers each: one that remembers pages has PostgreSQL make the facets of all that is
# on them, which takes seconds.
EXACT = text("SELECT set_config('work_mem', '64MB', true)")
LOOKED_AT = (Trace.id, Trace.started_at, Trace.name, Trace.status, Trace.service, Trace.user_id, Trace.release,
             Trace.environment, Trace.duration_ms, Trace.cost, Trace.input_tokens, Trace.output_tokens, Trace.errors,
             Trace.models, Trace.tags, Trace.words)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trace is among those of its project, in the order of time."""

    started_at: datetime
    id: UUID


def get_trace(session: Session, project_id: UUID, trace_id: UUID) -> Trace:
    """The project's trace of that id; raises NotFound."""
    found = session.scalars(Trace.in_project(project_id).where(Trace.id == trace_id)).first()
    if found is None:
        raise NotFound("There is no such trace.")
    return found


def list_traces(session: Session, project_id: UUID, wanted: Json, window: Window) -> PageOf[Any]:
    """The project's traces by the time they began; `wanted` is what TraceFilters loads. Raises InvalidParameter where
    `after` is no trace."""
    after = None if window.after is None else _place(session, project_id, window.after)
    newest_first = window.order == "desc"
    found = places(session, project_id, wanted, limit=window.limit + 1, after=after, newest_first=newest_first)
    rows = rows_of(session, project_id, [one.id for one in found[: window.limit]])
    return PageOf(rows, len(found) > window.limit)


def list_session(session: Session, trace: Trace, window: Window) -> PageOf[Any]:
    """The traces of the session that a trace belongs to; of one without a session, itself. Raises InvalidParameter."""
    if trace.session_id is None:
        return PageOf([trace] if window.after is None else [], False)
    return list_traces(session, trace.project_id, {"session_id": trace.session_id}, window)


def rows_of(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> list[Trace]:
    """The traces of these ids that are there, in that order."""
    query = Trace.in_project(project_id).where(Trace.id.in_(trace_ids))
    found = {one.id: one for one in session.scalars(query)} if trace_ids else {}
    return [found[one] for one in trace_ids if one in found]


def features_of(session: Session, project_id: UUID, traces: Iterable[Trace]) -> dict[UUID, Feature]:
    """The features that the traces belong to, by the id that they have."""
    return following.by_id(session, project_id, {one.feature_id for one in traces if one.feature_id is not None})


def places(
    session: Session,
    project_id: UUID,
    wanted: Json,
    *,
    limit: int,
    after: Place | None = None,
    newest_first: bool = True,
) -> list[Place]:
    """Where the traces are that are wanted, behind a place."""
    within = _within(session, project_id, wanted, after, newest_first)
    if not [*_conditions(Trace, wanted)]:
        return _found(session, within, Trace, newest_first, limit)
    for count in PROBES:
        looked_at = within.with_only_columns(*LOOKED_AT).order_by(*_order(Trace, newest_first)).limit(count)
        newest = aliased(Trace, looked_at.subquery())
        probed = _found(session, select(newest).where(*_conditions(newest, wanted)), newest, newest_first, limit)
        if len(probed) == limit:
            return probed
    session.execute(EXACT)
    narrowed = within.where(*_conditions(Trace, wanted), *facets.conditions(wanted))
    return _found(session, narrowed, Trace, newest_first, limit, walks=False)


def _found(
    session: Session, query: Select[Any], of: Any, newest_first: bool, limit: int, *, walks: bool = True
) -> list[Place]:
    """The first places of a query; without `walks` no index can give them in their order."""
    at = of.started_at if walks else of.started_at + timedelta(0)
    query = query.with_only_columns(of.started_at, of.id).order_by(*_order(of, newest_first, at)).limit(limit)
    return [Place(row.started_at, row.id) for row in session.execute(query)]


def _order(of: Any, newest_first: bool, at: Any = None) -> list[Any]:
    return [one.desc() if newest_first else one.asc() for one in (of.started_at if at is None else at, of.id)]


def _within(session: Session, project_id: UUID, wanted: Json, after: Place | None, newest_first: bool) -> Select[Any]:
    """The traces among which is looked: those that an index has in the order of time."""
    query: Select[Any] = Trace.in_project(project_id)
    if wanted.get("started_after") is not None:
        query = query.where(Trace.started_at >= wanted["started_after"])
    if wanted.get("started_before") is not None:
        query = query.where(Trace.started_at < wanted["started_before"])
    if wanted.get("session_id") is not None:
        query = query.where(Trace.session_id == wanted["session_id"])
    if wanted.get("feature_id") is not None:
        ids = following.ids_of(session, project_id, wanted["feature_id"])
        query = query.where(Trace.feature_id == ids[0] if len(ids) == 1 else Trace.feature_id.in_(ids))
    if after is not None:
        place, there = tuple_(Trace.started_at, Trace.id), (after.started_at, after.id)
        query = query.where(place < there if newest_first else place > there)
    return query


def _conditions(of: Any, wanted: Json) -> Iterator[Any]:
    """What else must hold."""
    for name in EQUAL:
        if wanted.get(name) is not None:
            yield getattr(of, name) == wanted[name]
    for name, amount in (("duration_ms", of.duration_ms), ("cost_usd", of.cost)):
        if wanted.get(f"min_{name}") is not None:
            yield amount >= wanted[f"min_{name}"]
        if wanted.get(f"max_{name}") is not None:
            yield amount <= wanted[f"max_{name}"]
    if wanted.get("min_tokens") is not None:
        yield of.input_tokens + of.output_tokens >= wanted["min_tokens"]
    if wanted.get("has_errors") is not None:
        yield of.errors > 0 if wanted["has_errors"] else of.errors == 0
    for name, values in (("model", of.models), ("tag", of.tags)):
        if wanted.get(name) is not None:
            yield values.contains([wanted[name]])
    if wanted.get("q") is not None:
        yield of.words.op("@@")(func.plainto_tsquery(CONFIGURATION, wanted["q"]))


def _place(session: Session, project_id: UUID, trace_id: UUID) -> Place:
    query = Trace.in_project(project_id).where(Trace.id == trace_id)
    started_at = session.scalar(query.with_only_columns(Trace.started_at))
    if started_at is None:
        detail = "Is no trace that is there; begin again."
        raise InvalidParameter(detail, errors=[{"pointer": "/after", "detail": detail}])
    return Place(started_at, trace_id)
