"""What must happen although nobody asks: lost leases, due schedules, missed deadlines, old idempotency keys.

Each sweep handles a bounded batch and can run anywhere, any number of times at once.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import WorkerLost
from models import IdempotencyKey, JobStatus
from workers.jobs import live, outbox
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

OVERDUE = text("""
SELECT id, status FROM jobs WHERE status IN ('scheduled', 'queued') AND deadline_at <= now()
ORDER BY deadline_at LIMIT :batch FOR UPDATE SKIP LOCKED
""")


def sweep_jobs(session: Session) -> int:
    """All that jobs need although nobody asks; returns how many were moved."""
    return requeue_lost(session) + queue_due(session) + expire_overdue(session)


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
    rows = session.execute(OVERDUE, {"batch": BATCH}).all()
    moves = [Move(row.id, JobStatus(row.status), JobStatus.EXPIRED, "job.expired") for row in rows]
    return len(outbox.tell(session, move(session, moves)))


def forget_idempotency_keys(session: Session) -> int:
    """Deletes kept answers older than a day, a batch at a time."""
    deleted = session.execute(IdempotencyKey.older_than(now() - KEEP_IDEMPOTENCY_KEYS, BATCH * 10))
    return int(getattr(deleted, "rowcount", 0))
