"""What must happen although nobody asks: lost leases, due schedules, missed deadlines, old idempotency keys.

Each sweep handles a bounded batch and can run anywhere, any number of times at once.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from infra.errors import WorkerLost
from models import IdempotencyKey, JobStatus
from workers.jobs import fair, live, outbox
from workers.jobs.lifecycle import Move, move

BATCH = 500
LOST_LEASE_DELAY_SECONDS = 1.0
KEEP_IDEMPOTENCY_KEYS = timedelta(hours=24)

LOST = text("""
SELECT id, attempt, max_attempts FROM jobs WHERE status = 'running' AND lease_expires_at < now()
ORDER BY lease_expires_at LIMIT :batch FOR UPDATE SKIP LOCKED
""")

DUE = text("""
SELECT id FROM jobs WHERE status = 'scheduled' AND run_at <= now()
ORDER BY run_at LIMIT :batch FOR UPDATE SKIP LOCKED
""")

OVERDUE_SCHEDULED = text("""
SELECT id, status FROM jobs WHERE status = 'scheduled' AND deadline_at <= now()
ORDER BY deadline_at LIMIT :batch FOR UPDATE SKIP LOCKED
""")

# Of these the place in the queue is locked, and first, as a claim does it (outbox.hold).
OVERDUE_QUEUED = text("""
SELECT job_id AS id, 'queued' AS status FROM outbox WHERE job_id = ANY(ARRAY(
  SELECT id FROM jobs WHERE status = 'queued' AND deadline_at <= now() ORDER BY deadline_at LIMIT :batch))
ORDER BY job_id FOR UPDATE SKIP LOCKED
""")


STANDING_IN = text("SELECT pg_try_advisory_xact_lock(hashtextextended('sweep_jobs', 0))")


def sweep_jobs() -> int:
    """All that jobs need although nobody asks, each in a short transaction of its own; returns how many were moved."""
    live.swept()
    moved = 0
    for step in (requeue_lost, queue_due, expire_overdue):
        with db.transaction() as session:
            moved += step(session)
    return moved


def stand_in() -> None:
    """The same by a worker of its own accord, one at a time, in case beat or the broker is away; and what is needed
    only where something went wrong."""
    for step in (requeue_lost, queue_due, expire_overdue, fair.admit_forgotten):
        with db.transaction() as session:
            if session.execute(STANDING_IN).scalar():
                step(session)


def requeue_lost(session: Session) -> int:
    """Gives jobs whose worker died to another, or fails them as dead letters after their last attempt."""
    rows = session.execute(LOST, {"batch": BATCH}).all()
    numbers = live.fence([row.id for row in rows])
    moves = [_lost(row, numbers.get(row.id)) for row in rows]
    return len(outbox.tell(session, move(session, moves)))


def _lost(row: Any, sequence: int | None) -> Move:
    error = WorkerLost().as_json()
    last = row.attempt >= row.max_attempts
    return Move(
        job_id=row.id,
        source=JobStatus.RUNNING,
        target=JobStatus.FAILED if last else JobStatus.QUEUED,
        event="job.failed" if last else "job.retrying",
        data={"error": error},
        attempt=row.attempt,
        sequence=sequence,
        error=error,
        delay_seconds=LOST_LEASE_DELAY_SECONDS,
        dead_letter=last,
    )


def queue_due(session: Session) -> int:
    """Queues the scheduled jobs whose time has come."""
    rows = session.execute(DUE, {"batch": BATCH}).all()
    moves = [Move(row.id, JobStatus.SCHEDULED, JobStatus.QUEUED, "job.queued") for row in rows]
    return len(outbox.tell(session, move(session, moves)))


def expire_overdue(session: Session) -> int:
    """Expires jobs that did not start before their deadline."""
    rows = [row for found in (OVERDUE_SCHEDULED, OVERDUE_QUEUED) for row in session.execute(found, {"batch": BATCH})]
    moves = [Move(row.id, JobStatus(row.status), JobStatus.EXPIRED, "job.expired") for row in rows]
    return len(outbox.tell(session, move(session, moves)))


def forget_idempotency_keys(session: Session) -> int:
    """Deletes kept answers older than a day, a batch at a time."""
    deleted = session.execute(IdempotencyKey.older_than(now() - KEEP_IDEMPOTENCY_KEYS, BATCH * 10))
    return int(getattr(deleted, "rowcount", 0))
