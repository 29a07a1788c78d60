"""Reading a job's events: the durable ones from PostgreSQL, the deltas of a live job from Redis, as one sequence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from infra import json
from infra.clock import now
from infra.redis import RedisError, client, live_key
from models import JobEvent
from schemas.event import envelope

Json = dict[str, Any]
# A durable event may become visible a moment after a delta with a higher number; older holes are expired deltas.
HOLE_MAY_FILL = timedelta(seconds=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive events; `hole` says that more are known, behind one that will be visible in a moment."""

    events: list[Json]
    hole: bool


def list_events(session: Session, *, project_id: UUID, job_id: UUID, after: int, limit: int) -> Stretch:
    """Up to `limit` envelopes with a sequence above `after`, in order; stops before a hole that may still fill."""
    durable = session.scalars(
        JobEvent.in_project(project_id)
        .where(JobEvent.job_id == job_id, JobEvent.sequence > after)
        .order_by(JobEvent.sequence)
        .limit(limit)
    )
    merged = {event["sequence"]: event for event in _live(job_id, after, limit)}
    for row in durable:
        merged[row.sequence] = envelope(
            id=row.id,
            type=row.type,
            created_at=row.created_at,
            project_id=row.project_id,
            sequence=row.sequence,
            data=row.data,
        )
    return _up_to_hole([merged[number] for number in sorted(merged)][:limit], after)


def _live(job_id: UUID, after: int, limit: int) -> list[Json]:
    try:
        entries: Any = client().xrange(live_key(job_id), min=f"{after + 1}-0", count=limit)
    except RedisError as error:
        log.warning("events.redis_unreachable", error=str(error))
        return []
    return [json.loads(fields[b"event"]) for _, fields in entries if b"event" in fields]


def _up_to_hole(events: list[Json], after: int) -> Stretch:
    fresh = now() - HOLE_MAY_FILL
    for index, event in enumerate(events):
        if event["sequence"] != after + 1 and datetime.fromisoformat(event["created_at"]) > fresh:
            return Stretch(events[:index], hole=True)
        after = event["sequence"]
    return Stretch(events, hole=False)
