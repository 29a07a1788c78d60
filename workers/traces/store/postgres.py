"""Observations in PostgreSQL: daily partitions, written by COPY, found by their traces.

A row is written once. What is there already is asked first, by the primary key, and the rest copied straight into the
partitions, inside a savepoint: if another request has written one of them meanwhile, COPY waits for its commit and
fails, and the question is asked again. Rows are written in the order of their keys, so two requests never wait for each
other at once. All is said in single statements: nothing stays on a connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from infra.errors import Unavailable
from workers.traces.base import Body, Derived, Found, Outlines, Place, Sought, Span, Stored
from workers.traces.saying import Sayings
from workers.traces.store import partitions, postgres_bodies, postgres_reads, postgres_traces, resources
from workers.traces.store.rows import COLUMNS, Lines, signed
from workers.traces.store.touching import array, touch

# A statement's worth: well within its time limit.
AT_ONCE = 4_000
MOST_TRIES = 5

COPY = f"COPY observations ({', '.join(COLUMNS)}) FROM STDIN"
# LATERAL and LIMIT have it look into the index of one partition a row, whatever the statistics say.
KNOWN = text("""
SELECT k.position FROM unnest(CAST(:traces AS uuid[]), CAST(:spans AS bigint[]), CAST(:digests AS bigint[]),
    CAST(:starts AS timestamptz[])) WITH ORDINALITY AS k(trace_id, span_id, digest, started_at, position)
  CROSS JOIN LATERAL (
    SELECT 1 FROM observations o WHERE o.project_id = :project_id AND o.trace_id = k.trace_id
      AND o.span_id = k.span_id AND o.digest = k.digest AND o.started_at = k.started_at
      AND o.started_at BETWEEN CAST(:first AS timestamptz) AND CAST(:last AS timestamptz) LIMIT 1) found
""")


@dataclass(slots=True)
class _Row:
    """A span to be written; `key` sorts them, and tells the ones that are the same."""

    key: tuple[bytes, bytes, int]
    start: int
    line: str
    moment: str


class PostgresStore:
    """As TraceStore says it."""

    def write(self, session: Session, project_id: UUID, spans: Sequence[tuple[Span, Derived]]) -> int:
        """Adds what is not there yet, and says in `traces` which have changed."""
        moment = now()
        lines, sayings = Lines(project_id, moment), Sayings()
        rows, shared = {}, {}
        for span, derived in spans:
            said = sayings.say(span)
            shared[said.resource] = span.resource
            key = (span.trace_id, span.span_id, said.digest)
            if key not in rows:
                rows[key] = _Row(key, span.start, lines.line(span, derived, said), lines.moment(span.start))
        resources.keep(session, project_id, shared, moment)
        ordered = [rows[key] for key in sorted(rows)]
        added = [row for part in _parts(ordered) for row in _add(session, project_id, part)]
        _touch(session, project_id, added, moment)
        return len(added)

    def of_traces(self, session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> Mapping[UUID, list[Stored]]:
        """The observations of these traces, each trace's in the order of their beginning."""
        return postgres_traces.of_traces(session, project_id, trace_ids)

    def outlines_of(self, session: Session, project_id: UUID, trace_ids: Sequence[str], *, at_most: int) -> Outlines:
        """What these traces are added up from."""
        return postgres_traces.outlines_of(session, project_id, trace_ids, at_most=at_most)

    def bodies_of(self, session: Session, project_id: UUID, places: Sequence[Place]) -> Sequence[Body | None]:
        """What these observations say."""
        return postgres_bodies.bodies_of(session, project_id, places)

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
        return postgres_reads.find(
            session, project_id, sought, limit=limit, after=after, newest_first=newest_first, bodies=bodies
        )

    def delete(self, session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> int:
        """Removes these traces' observations; returns how many there were."""
        return postgres_traces.delete(session, project_id, trace_ids)

    def make_days(self, session: Session, days: int, today: datetime) -> None:
        """Makes room for the days to come, and for those that are kept (0: for ever)."""
        partitions.make(session, days, today)

    def drop_days(self, session: Session, days: int, today: datetime) -> bool:
        """Drops what is older than that many days; whether there is more of it, for another transaction."""
        return partitions.drop(session, days, today)


def _parts(rows: list[_Row]) -> Iterator[list[_Row]]:
    for first in range(0, len(rows), AT_ONCE):
        yield rows[first : first + AT_ONCE]


def _add(session: Session, project_id: UUID, rows: list[_Row]) -> list[_Row]:
    """Writes those that are not there yet, and returns them."""
    for _ in range(MOST_TRIES):
        known = _known(session, project_id, rows)
        fresh = [row for position, row in enumerate(rows, start=1) if position not in known]
        if not fresh:
            return []
        try:
            with session.begin_nested():
                db.copy_in(session, COPY, "".join(row.line for row in fresh).encode())
            return fresh
        except IntegrityError:
            continue
    raise Unavailable("The same spans are being received several times at once; send them again in a moment.")


def _known(session: Session, project_id: UUID, rows: list[_Row]) -> set[int]:
    """Which of them are there already, by their positions, from 1."""
    asked = {
        "project_id": project_id,
        "traces": array(row.key[0].hex() for row in rows),
        "spans": array(str(signed(row.key[1])) for row in rows),
        "digests": array(str(row.key[2]) for row in rows),
        "starts": array(f'"{row.moment}"' for row in rows),
        "first": min(rows, key=_start).moment,
        "last": max(rows, key=_start).moment,
    }
    return set(session.scalars(KNOWN, asked))


def _start(row: _Row) -> int:
    return row.start


def _touch(session: Session, project_id: UUID, added: list[_Row], moment: datetime) -> None:
    """Says of the traces that have new rows that they have; they are sorted, as `added` is."""
    bounds: dict[bytes, tuple[_Row, _Row]] = {}
    for row in added:
        first, last = bounds.get(row.key[0], (row, row))
        bounds[row.key[0]] = (row if row.start < first.start else first, row if row.start > last.start else last)
    touch(
        session,
        project_id,
        {trace.hex(): (first.moment, last.moment) for trace, (first, last) in bounds.items()},
        moment,
    )
