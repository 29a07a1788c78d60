"""Reading a job's events: the durable ones from PostgreSQL, the deltas of a live job from Redis, as one sequence.

A batch has its own sequence of events, which is read in the same way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from infra import json
from infra.clock import now
from infra.errors import NotFound
from infra.redis import RedisError, client, live_key
from models import BATCH_FINAL, FINAL, Batch, Job
from schemas.event import envelope

Json = dict[str, Any]
# A durable event may become visible a moment after a delta with a higher number; older holes are expired deltas.
HOLE_MAY_FILL = timedelta(seconds=1)

log = structlog.get_logger(__name__)


_READ = """
SELECT j.status, j.event_sequence, e.sequence, e.id, e.type, e.data, e.created_at
FROM {table} j LEFT JOIN LATERAL (
  SELECT * FROM job_events WHERE job_id = j.id AND sequence > :after ORDER BY sequence LIMIT :limit) e ON true
WHERE j.id = :job_id AND j.project_id = :project_id ORDER BY e.sequence
"""
_OWNERS: dict[type[Job | Batch], tuple[TextClause, Collection[str]]] = {
    Job: (text(_READ.format(table="jobs")), FINAL),
    Batch: (text(_READ.format(table="batches")), BATCH_FINAL),
}

_NEWEST = text("""
SELECT id, event_sequence FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) UNION ALL
SELECT id, event_sequence FROM batches WHERE id = ANY(CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive events. `hole`: more are known, behind one that will be visible in a moment. `ended`: nothing can
    follow, unless somebody has the job tried again."""

    events: list[Json]
    hole: bool
    ended: bool


def read_events(
    session: Session, *, project_id: UUID, job_id: UUID, after: int, limit: int, of: type[Job | Batch] = Job
) -> Stretch:
    """Up to `limit` envelopes with a sequence above `after`, in order; stops before a hole that may still fill.

    Raises NotFound if the project has no such job, or batch where they are `of` one.
    """
    statement, final = _OWNERS[of]
    live = _live(job_id, after, limit)
    wanted = {"project_id": project_id, "job_id": job_id, "after": after, "limit": limit}
    rows = session.execute(statement, wanted).all()
    if not rows:
        raise NotFound(f"There is no such {of.__name__.lower()}.")
    merged = {event["sequence"]: event for event in live}
    for row in rows:
        if row.sequence is not None:
            merged[row.sequence] = envelope(
                id=row.id,
                type=row.type,
                created_at=row.created_at,
                project_id=project_id,
                sequence=row.sequence,
                data=row.data,
            )
    found, hole = _up_to_hole([merged[number] for number in sorted(merged)][:limit], after)
    newest = found[-1]["sequence"] if found else after
    ended = rows[0].status in final and newest >= rows[0].event_sequence
    return Stretch(found, hole, ended)


def newest(session: Session, ids: Sequence[UUID], *, live: bool) -> dict[UUID, int]:
    """The number of the newest event of each of these jobs and batches; with `live`, of those kept in Redis, too."""
    rows = session.execute(_NEWEST, {"ids": [str(one) for one in ids]}).all()
    found = {row.id: row.event_sequence for row in rows}
    for job_id, top in (_live_tops(ids) if live else {}).items():
        found[job_id] = max(top, found.get(job_id, 0))
    return found


def _live(job_id: UUID, after: int, limit: int) -> list[Json]:
    try:
        entries: Any = client().xrange(live_key(job_id), min=f"{after + 1}-0", count=limit)
    except RedisError as error:
        log.warning("events.redis_unreachable", error=str(error))
        return []
    return [json.loads(fields[b"event"]) for _, fields in entries if b"event" in fields]


def _live_tops(ids: Sequence[UUID]) -> dict[UUID, int]:
    try:
        with client().pipeline(transaction=False) as pipeline:
            for one in ids:
                pipeline.xrevrange(live_key(one), count=1)
            newest: Any = pipeline.execute()
    except RedisError as error:
        log.warning("events.redis_unreachable", error=str(error))
        return {}
    return {one: int(entries[0][0].split(b"-")[0]) for one, entries in zip(ids, newest, strict=True) if entries}


def _up_to_hole(events: list[Json], after: int) -> tuple[list[Json], bool]:
    fresh = now() - HOLE_MAY_FILL
    for index, event in enumerate(events):
        if event["sequence"] != after + 1 and datetime.fromisoformat(event["created_at"]) > fresh:
            return events[:index], True
        after = event["sequence"]
    return events, False
