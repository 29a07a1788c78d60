"""Observations in ClickHouse, for those who have outgrown PostgreSQL. Traces, and what sent them, stay there.

ClickHouse is written first. What it then has, and PostgreSQL does not know of because its transaction failed, is sent
again by whoever was not answered, and found to be there. So a trace is marked for each row that ClickHouse had not, and
for each that came there later than what PostgreSQL knows to have come.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.clock import now
from models import Trace
from workers.traces.base import Body, Derived, Found, Outlines, Place, Said, Sought, Span, Stored
from workers.traces.mapping.aliases import MAPPING_VERSION
from workers.traces.saying import Sayings
from workers.traces.store import clickhouse_reads, resources
from workers.traces.store.clickhouse_tables import command, insert, query
from workers.traces.store.rows import MICROSECOND, STATUSES, Lines, signed
from workers.traces.store.touching import touch

AT_ONCE = 2_000
KNOWN = """
SELECT trace_id, span_id, digest, toUnixTimestamp64Micro(received_at) FROM observations
WHERE project_id = {project:UUID} AND trace_id IN {traces:Array(UUID)}
  AND toUnixTimestamp64Micro(started_at) BETWEEN {first:Int64} AND {last:Int64}
  AND (trace_id, span_id, digest) IN {keys:Array(Tuple(UUID, Int64, Int64))}
"""
COUNT = """
SELECT count() FROM observations WHERE project_id = {project:UUID} AND trace_id IN {traces:Array(UUID)}
"""
DELETE = """
DELETE FROM observations WHERE project_id = {project:UUID} AND trace_id IN {traces:Array(UUID)}
"""
OLD = """
SELECT _partition_id FROM observations GROUP BY _partition_id
HAVING max(received_at) < fromUnixTimestamp64Micro({limit:Int64}, 'UTC')
"""

Key = tuple[UUID, int, int]
Row = tuple[Span, Derived, Said]


class ClickHouseStore:
    """As TraceStore says it."""

    def write(self, session: Session, project_id: UUID, spans: Sequence[tuple[Span, Derived]]) -> int:
        """Adds what is not there yet, and says in `traces` which have changed."""
        moment, sayings = now(), Sayings()
        rows: dict[Key, Row] = {}
        for span, derived in spans:
            said = sayings.say(span)
            rows.setdefault((UUID(bytes=span.trace_id), signed(span.span_id), said.digest), (span, derived, said))
        resources.keep(session, project_id, {said.resource: span.resource for span, _, said in rows.values()}, moment)
        heard = _heard(session, project_id, {key[0] for key in rows})
        added = 0
        marked: list[tuple[UUID, int]] = []
        ordered = sorted(rows)
        for first in range(0, len(ordered), AT_ONCE):
            part = {key: rows[key] for key in ordered[first : first + AT_ONCE]}
            known = _known(project_id, part)
            fresh = {key: row for key, row in part.items() if key not in known}
            if fresh:
                insert(_columns(project_id, fresh, moment))
            added += len(fresh)
            unheard = {key for key, came in known.items() if came > heard.get(key[0], 0)}
            marked += [(key[0], row[0].start) for key, row in part.items() if key in fresh or key in unheard]
        touch(session, project_id, _began(marked, Lines(project_id, moment)), moment)
        return added

    def of_traces(self, session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> Mapping[UUID, list[Stored]]:
        """The observations of these traces, each trace's in the order of their beginning."""
        return clickhouse_reads.of_traces(session, project_id, trace_ids)

    def outlines_of(self, session: Session, project_id: UUID, trace_ids: Sequence[str], *, at_most: int) -> Outlines:
        """What these traces are added up from."""
        return clickhouse_reads.outlines_of(project_id, trace_ids, at_most)

    def bodies_of(self, session: Session, project_id: UUID, places: Sequence[Place]) -> Sequence[Body | None]:
        """What these observations say."""
        found = clickhouse_reads.at_places(project_id, places)
        return [
            None if one is None else Body(one.kind, one.name, one.mapping_version, one.attributes, one.events)
            for one in map(found.get, places)
        ]

    def find(
        self,
        session: Session,
        project_id: UUID,
        sought: Sought,
        *,
        limit: int,
        after: Place | None = None,
        newest_first: bool = True,
        bodies: bool = False,
    ) -> Found:
        """A page of what is sought."""
        search = clickhouse_reads.Search(project_id, sought, newest_first)
        return search.page(session, limit, after, bodies=bodies)

    def delete(self, session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> int:
        """Removes these traces' observations; returns how many there were."""
        asked = {"project": project_id, "traces": list(trace_ids)}
        there = int(query(COUNT, asked)[0][0])
        if there:
            command(DELETE, asked)
        return there

    def make_days(self, session: Session, days: int, today: datetime) -> None:
        """Nothing: ClickHouse makes new days by itself."""

    def drop_days(self, session: Session, days: int, today: datetime) -> bool:
        """Drops the days of which all came more than so many days ago."""
        limit = clickhouse_reads.microseconds(today - timedelta(days=days))
        for (partition,) in query(OLD, {"limit": limit}):
            command(f"ALTER TABLE observations DROP PARTITION ID '{int(partition)}'")
        return False


def _heard(session: Session, project_id: UUID, trace_ids: set[UUID]) -> dict[UUID, int]:
    """When something of these traces came last, as far as PostgreSQL knows; in microseconds."""
    asked = Trace.in_project(project_id).where(Trace.id.in_(trace_ids)).with_only_columns(Trace.id, Trace.received_at)
    return {id: clickhouse_reads.microseconds(came) for id, came in session.execute(asked)}


def _known(project_id: UUID, part: Mapping[Key, Row]) -> dict[Key, int]:
    """Those that ClickHouse has, and when each came."""
    starts = [span.start // MICROSECOND for span, _, _ in part.values()]
    asked = {
        "project": project_id,
        "traces": list({key[0] for key in part}),
        "keys": list(part),
        "first": min(starts),
        "last": max(starts),
    }
    return {(trace, span, digest): came for trace, span, digest, came in query(KNOWN, asked)}


def _began(marked: Sequence[tuple[UUID, int]], lines: Lines) -> dict[str, tuple[str, str]]:
    """Of each trace when the first and the last of these began."""
    bounds: dict[str, tuple[int, int]] = {}
    for trace, start in marked:
        first, last = bounds.get(trace.hex, (start, start))
        bounds[trace.hex] = (min(first, start), max(last, start))
    return {trace: (lines.moment(first), lines.moment(last)) for trace, (first, last) in bounds.items()}


def _columns(project_id: UUID, rows: Mapping[Key, Row], received_at: datetime) -> dict[str, list[Any]]:
    keys, spans = [*rows], [span for span, _, _ in rows.values()]
    derived, said = [one for _, one, _ in rows.values()], [one for _, _, one in rows.values()]
    received, many = clickhouse_reads.microseconds(received_at), len(keys)
    found: dict[str, list[Any]] = {
        "project_id": [project_id] * many,
        "trace_id": [key[0] for key in keys],
        "span_id": [key[1] for key in keys],
        "digest": [key[2] for key in keys],
        "started_at": [one.start // MICROSECOND for one in spans],
        "duration_us": [max(0, one.end - one.start) // MICROSECOND for one in spans],
        "received_at": [received] * many,
        "parent_id": [None if one.parent_id is None else signed(one.parent_id) for one in spans],
        "span_kind": [one.kind for one in spans],
        "status": [STATUSES[one.status] for one in spans],
        "name": [one.name for one in spans],
        "status_message": [one.status_message for one in spans],
        "mapping_version": [MAPPING_VERSION] * many,
        "resource": [one.resource for one in said],
        "attributes": [one.attributes for one in said],
        "events": [one.events for one in said],
        "links": [one.links for one in said],
    }
    return found | {name: [getattr(one, name) for one in derived] for name in clickhouse_reads.DERIVED}
