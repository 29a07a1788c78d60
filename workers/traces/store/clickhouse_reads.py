"""Reading observations from ClickHouse: of known traces, and sought by time.

A time without a bound is looked through in stretches, a short one first, then longer ones, until a page is full or its
time is used up; partitions and the index on times keep what lies outside of a stretch unread.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from models import TraceResource
from workers.traces.base import Found, Outline, Outlines, Place, Sought, Stored
from workers.traces.store.clickhouse_tables import query
from workers.traces.store.outlining import whole_traces
from workers.traces.store.postgres_reads import BYTES_A_PAGE, NAMED
from workers.traces.store.postgres_traces import NARROW, OUTLINE
from workers.traces.store.rows import EPOCH

Json = dict[str, Any]

DERIVED = ("kind", "service", "operation", "provider", "model", "session_id", "user_id", "release", "environment",
           "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens",
           "cost")  # fmt: skip
TIMES_OF = ("started_at", "received_at")
BODIES = ("attributes", "events", "links")
_NARROW = ", ".join(f"toUnixTimestamp64Micro({name})" if name in TIMES_OF else name for name in NARROW)
_WHOLE = ", ".join((_NARROW, *BODIES))
_OUTLINE = ", ".join(f"toUnixTimestamp64Micro({name})" if name in TIMES_OF else name for name in OUTLINE)
OF_TRACES = f"""
SELECT {_WHOLE}, resource FROM observations WHERE project_id = {{project:UUID}} AND trace_id IN {{traces:Array(UUID)}}
ORDER BY trace_id, started_at, span_id, digest
"""
OUTLINES = f"""
SELECT {_OUTLINE}, trace_id FROM observations
WHERE project_id = {{project:UUID}} AND trace_id IN {{traces:Array(UUID)}} ORDER BY trace_id LIMIT {{at_most:UInt32}}
"""
AT_PLACES = f"""
SELECT {_WHOLE} FROM observations WHERE project_id = {{project:UUID}} AND trace_id IN {{traces:Array(UUID)}}
  AND (toUnixTimestamp64Micro(started_at), trace_id, span_id, digest) IN
    {{places:Array(Tuple(Int64, UUID, Int64, Int64))}}
"""
SOUGHT = """
SELECT {columns}, length(attributes) + length(coalesce(events, '')) + length(coalesce(links, '')) AS bytes
FROM observations WHERE {conditions} ORDER BY {order} LIMIT {{at_most:UInt32}}
"""
TIMES = text("SELECT min(began_from), max(began_until) FROM traces WHERE project_id = :project_id")
SECONDS_A_PAGE = 2.0
FIRST_STRETCH, GROWTH = timedelta(minutes=10), 8


def microseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment(microseconds: int) -> datetime:
    """The time that was so long after 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def of_traces(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> Mapping[UUID, list[Stored]]:
    """As TraceStore says it."""
    rows = query(OF_TRACES, {"project": project_id, "traces": list(trace_ids)})
    resources = _resources(session, project_id, {row[-1] for row in rows})
    found: dict[UUID, list[Stored]] = {}
    for row in rows:
        one = _stored(row)
        one.resource = resources.get(row[-1], {})
        found.setdefault(one.trace_id, []).append(one)
    return found


def outlines_of(project_id: UUID, trace_ids: Sequence[str], at_most: int) -> Outlines:
    """As TraceStore says it."""
    # One more than that tells whether there are more.
    rows = query(OUTLINES, {"project": project_id, "traces": list(trace_ids), "at_most": at_most + 1})
    return whole_traces(map(_outline, rows), at_most)


def _outline(row: Sequence[Any]) -> Outline:
    started, *rest, trace = row
    one = Outline._make((moment(started), *rest, str(trace)))
    return one if one.cost is None else one._replace(cost=_plain(one.cost))


def at_places(project_id: UUID, places: Sequence[Place]) -> Mapping[Place, Stored]:
    """Single observations with their bodies; those that are not there are left out."""
    if not places:
        return {}
    keys = [(microseconds(one.started_at), one.trace_id, one.span_id, one.digest) for one in places]
    asked = {"project": project_id, "traces": list({one.trace_id for one in places}), "places": keys}
    return {_place(one): one for one in map(_stored, query(AT_PLACES, asked))}


def _resources(session: Session, project_id: UUID, digests: set[int | None]) -> dict[int | None, Json]:
    wanted = [one for one in digests if one is not None]
    found = TraceResource.in_project(project_id).where(TraceResource.digest.in_(wanted))
    return {one.digest: one.attributes for one in session.scalars(found)}


class Search:
    """What is sought in a project, from one end of the time to the other."""

    def __init__(self, project_id: UUID, sought: Sought, newest_first: bool) -> None:
        self.project_id, self.sought, self.newest_first = project_id, sought, newest_first

    def page(self, session: Session, limit: int, after: Place | None, *, bodies: bool) -> Found:
        """A page of it; with bodies it ends early where they are large."""
        rows: list[tuple[Any, ...]] = []
        give_up_at = time.monotonic() + SECONDS_A_PAGE
        next_place = None
        for begin, end in self._stretches(session, after):
            rows += self._within(begin, end, limit + 1 - len(rows), after)
            if len(rows) > limit:
                break
            if time.monotonic() > give_up_at:
                next_place = self._edge(begin, end)
                break
        page, cut = self._fitting(rows[:limit]) if bodies else (rows[:limit], False)
        found = [_stored(row[:-1]) for row in page]
        if cut or len(rows) > limit:
            next_place = _place(found[-1])
        if bodies:
            whole = at_places(self.project_id, [_place(one) for one in found])
            found = [whole[_place(one)] for one in found if _place(one) in whole]
        return Found(found, next_place)

    def _fitting(self, rows: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], bool]:
        """The first of them whose bodies fit into a page, at least one; and whether that leaves some out."""
        total = 0
        for number, row in enumerate(rows):
            total += row[-1]
            if number and total > BYTES_A_PAGE:
                return rows[:number], True
        return rows, False

    def _stretches(self, session: Session, after: Place | None) -> Iterator[tuple[datetime, datetime]]:
        """Pieces of the time in which there is anything, nearest first; each begins at its first, and excludes its
        second."""
        first, last = session.execute(TIMES, {"project_id": self.project_id}).one()
        if first is None:
            return
        low = max(first, self.sought.started_after or first)
        high = last + timedelta(microseconds=1)
        high = min(high, self.sought.started_before or high)
        if after is not None and self.newest_first:
            high = min(high, after.started_at + timedelta(microseconds=1))
        elif after is not None:
            low = max(low, after.started_at)
        if self.sought.trace_ids:
            yield (low, high)
            return
        edges = list(self._edges(low, high))
        yield from pairwise(edges) if not self.newest_first else ((begin, end) for end, begin in pairwise(edges))

    def _edges(self, low: datetime, high: datetime) -> Iterator[datetime]:
        length = FIRST_STRETCH
        at, end = (high, low) if self.newest_first else (low, high)
        while low <= at <= high and at != end:
            yield at
            left = abs(end - at)
            step = min(length, left)
            at = at - step if self.newest_first else at + step
            length = min(length * GROWTH, timedelta(days=36_500))
        yield end

    def _edge(self, begin: datetime, end: datetime) -> Place:
        """The place behind all of a stretch."""
        if self.newest_first:
            return Place(begin, UUID(int=0), -(2**63), -(2**63))
        return Place(end - timedelta(microseconds=1), UUID(int=2**128 - 1), 2**63 - 1, 2**63 - 1)

    def _within(self, begin: datetime, end: datetime, at_most: int, after: Place | None) -> list[tuple[Any, ...]]:
        conditions, asked = self._conditions(begin, end, after)
        direction = "DESC" if self.newest_first else "ASC"
        order = ", ".join(f"{name} {direction}" for name in ("started_at", "trace_id", "span_id", "digest"))
        statement = SOUGHT.format(columns=_NARROW, conditions=conditions, order=order)
        return query(statement, {**asked, "at_most": at_most})

    def _conditions(self, begin: datetime, end: datetime, after: Place | None) -> tuple[str, Json]:
        sought = self.sought
        asked: Json = {"project": self.project_id, "begin": microseconds(begin), "end": microseconds(end)}
        found = [
            "project_id = {project:UUID}",
            "started_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC')",
            "started_at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')",
        ]

        def say(condition: str, **more: Any) -> None:
            found.append(condition)
            asked.update(more)

        if sought.trace_ids:
            say("trace_id IN {traces:Array(UUID)}", traces=list(sought.trace_ids))
        for name, value in sought.columns.items():
            if name not in NAMED:
                raise KeyError(name)
            say(f"{name} = {{of_{name}:String}}", **{f"of_{name}": value})
        if sought.shortest is not None:
            say("duration_us >= {shortest:Int64}", shortest=sought.shortest)
        if sought.longest is not None:
            say("duration_us <= {longest:Int64}", longest=sought.longest)
        if after is not None:
            behind = "<" if self.newest_first else ">"
            say(
                "(toUnixTimestamp64Micro(started_at), trace_id, span_id, digest)"
                f" {behind} ({{at:Int64}}, {{at_trace:UUID}}, {{at_span:Int64}}, {{at_digest:Int64}})",
                at=microseconds(after.started_at), at_trace=after.trace_id, at_span=after.span_id,
                at_digest=after.digest,
            )  # fmt: skip
        return " AND ".join(found), asked


def _place(row: Stored) -> Place:
    return Place(row.started_at, row.trace_id, row.span_id, row.digest)


_STARTED, _RECEIVED, _COST = (NARROW.index(name) for name in ("started_at", "received_at", "cost"))


def _plain(cost: Decimal) -> Decimal:
    """Without the zeros that the column has behind it."""
    return Decimal(f"{cost.normalize():f}")


def _stored(row: Sequence[Any]) -> Stored:
    """A row of _NARROW or _WHOLE."""
    values = list(row[: len(NARROW)])
    values[_STARTED], values[_RECEIVED] = moment(values[_STARTED]), moment(values[_RECEIVED])
    values[_COST] = None if values[_COST] is None else _plain(values[_COST])
    one = Stored(*values)
    if len(row) >= len(NARROW) + len(BODIES):
        attributes, events, links = row[len(NARROW) : len(NARROW) + len(BODIES)]
        one.attributes = json.loads(attributes)
        one.events = json.loads(events) if events else []
        one.links = json.loads(links) if links else []
    return one
