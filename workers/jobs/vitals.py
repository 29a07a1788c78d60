"""What an operator must know of all projects' jobs, in figures that cost little however many jobs there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.settings import settings

COUNT_AT_MOST = 100_000
DEAD_LETTERS_AT_MOST = 10_000
SHOWN_AT_MOST = 20
OVERDUE_SECONDS = 60
GRACE_SECONDS = 5

QUEUES = text("""
SELECT q.queue,
  (SELECT count(*) FROM (SELECT FROM outbox o WHERE o.queue = q.queue ORDER BY o.project_id LIMIT :bound) o)
    AS queued,
  (SELECT extract(epoch FROM now() - o.created_at)::float8 FROM outbox o WHERE o.queue = q.queue AND o.ready
    ORDER BY o.job_id LIMIT 1) AS oldest
FROM unnest(CAST(:queues AS text[])) AS q(queue)
""")

LEASES = text("""
SELECT count(*) AS jobs, extract(epoch FROM now() - min(lease_expires_at))::float8 AS oldest
FROM jobs WHERE status = 'running' AND lease_expires_at < now() - make_interval(secs => :grace)
""")

LIMITS = text("""
WITH RECURSIVE waiting(queue, project_id) AS (
  SELECT q.queue, (SELECT o.project_id FROM outbox o WHERE o.queue = q.queue ORDER BY o.project_id LIMIT 1)
  FROM unnest(CAST(:queues AS text[])) AS q(queue)
  UNION ALL
  SELECT w.queue, (SELECT o.project_id FROM outbox o WHERE o.queue = w.queue AND o.project_id > w.project_id
    ORDER BY o.project_id LIMIT 1)
  FROM waiting w WHERE w.project_id IS NOT NULL
), limits AS (
  SELECT p.id, p.name, coalesce(p.max_running, :max_running) AS max_running,
    coalesce(p.max_queued, :max_queued) AS max_queued
  FROM projects p WHERE p.id IN (SELECT project_id FROM waiting)
), used AS (
  SELECT l.*, CASE WHEN l.max_running IS NOT NULL THEN
      (SELECT count(*) FROM jobs r WHERE r.project_id = l.id AND r.status = 'running') END AS running,
    (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.project_id = l.id AND j.status = 'queued'
      AND j.status <> 'succeeded' LIMIT l.max_queued) q)
    + (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.project_id = l.id AND j.status = 'scheduled'
      AND j.status <> 'succeeded' LIMIT l.max_queued) s) AS queued
  FROM limits l
)
SELECT id, name, running, max_running, queued, max_queued FROM used
WHERE running >= max_running OR queued >= max_queued ORDER BY name, id LIMIT :at_most
""")

DEAD_LETTERS = text("""
SELECT code, count(*) AS jobs FROM (
  SELECT coalesce(error ->> 'code', 'unknown') AS code FROM jobs WHERE dead_letter LIMIT :bound) d
GROUP BY code ORDER BY count(*) DESC, code
""")

SCHEDULES = text("""
SELECT id, name, next_run_at, last_error ->> 'message' AS error FROM schedules
WHERE last_error ->> 'message' IS NOT NULL OR next_run_at < now() - make_interval(secs => :overdue)
ORDER BY id LIMIT :at_most
""")

ALL_WAITING = text("SELECT count(*) FROM (SELECT FROM outbox LIMIT :bound) o")


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue: how many wait in it (`more`: at least), and the age of the oldest that may be claimed."""

    queued: int
    more: bool
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class AtLimit:
    """A project that has jobs waiting and uses all that it may of something."""

    project_id: UUID
    name: str
    running: int | None
    max_running: int | None
    queued: int
    max_queued: int


@dataclass(frozen=True, slots=True)
class Failing:
    """A schedule that could not submit its job, or is late."""

    schedule_id: UUID
    name: str
    next_run_at: datetime | None
    error: str | None


def depths(session: Session, queues: Sequence[str]) -> dict[str, Depth]:
    """Each queue's entries."""
    rows = session.execute(QUEUES, {"queues": list(queues), "bound": COUNT_AT_MOST + 1})
    return {row.queue: Depth(min(row.queued, COUNT_AT_MOST), row.queued > COUNT_AT_MOST, row.oldest) for row in rows}


def waiting(session: Session) -> int:
    """How many jobs wait in all queues, as far as their bound."""
    return int(session.execute(ALL_WAITING, {"bound": settings().max_queued}).scalar_one())


def expired_leases(session: Session) -> tuple[int, float | None]:
    """Running jobs whose lease should have been noticed by now, and since how many seconds the first."""
    row = session.execute(LEASES, {"grace": GRACE_SECONDS}).one()
    return row.jobs, row.oldest


def at_limits(session: Session, queues: Sequence[str]) -> list[AtLimit]:
    """Projects that wait because of their own limits."""
    parameters = {
        "queues": list(queues),
        "max_running": settings().project_max_running or None,
        "max_queued": settings().project_max_queued,
        "at_most": SHOWN_AT_MOST,
    }
    return [AtLimit(*row) for row in session.execute(LIMITS, parameters)]


def dead_letters(session: Session) -> dict[str, int]:
    """How many by error code, of the first ten thousand."""
    rows: Any = session.execute(DEAD_LETTERS, {"bound": DEAD_LETTERS_AT_MOST})
    return {row.code: row.jobs for row in rows}


def failing_schedules(session: Session) -> list[Failing]:
    """Schedules whose last time brought an error, or whose next has passed."""
    rows = session.execute(SCHEDULES, {"overdue": OVERDUE_SECONDS, "at_most": SHOWN_AT_MOST})
    return [Failing(*row) for row in rows]
