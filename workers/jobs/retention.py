"""Deleting what is older than its project keeps it: ended jobs with their events and files, batches with their lines,
the events of everything else, and what came to hooks. What a webhook delivery is still to tell of stays until then.

Usage stays: it is the bill. Projects take turns, a batch each, so that one with millions delays nobody; every batch is
a short transaction of its own. Files go before the rows that name them: whoever is interrupted leaves a row, which the
next sweep finds again, and never a file that nobody knows of.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import TextClause, text

from infra import db, storage
from infra.errors import Unavailable
from infra.settings import settings

SECONDS = 2.0

log = structlog.get_logger(__name__)

# Where one sweep has no time for all projects, the next begins with others.
PROJECTS = text("""
SELECT p.id, p.before FROM (
  SELECT id, now() - make_interval(days => coalesce(retention_days, :days)) AS before FROM projects
) p WHERE (SELECT min(finished_at) FROM jobs j WHERE j.project_id = p.id AND j.finished_at IS NOT NULL) < p.before
  OR (SELECT min(finished_at) FROM batches b WHERE b.project_id = p.id) < p.before
  OR (SELECT created_at FROM job_events e WHERE e.project_id = p.id ORDER BY position, id LIMIT 1) < p.before
  OR (SELECT min(created_at) FROM inbox_messages m WHERE m.project_id = p.id AND m.status <> 'received') < p.before
ORDER BY random()
""")

# A delivery on its way needs the event, and perhaps the object that it is about.
_AWAITED = "EXISTS (SELECT FROM webhook_deliveries d WHERE d.subject_id = {}.id AND d.status = 'pending')"

# Those that are awaited are read too: a step along them costs the same, however many there are.
OLD_JOBS = text(f"""
SELECT id, result_key AS file_key, finished_at, {_AWAITED.format("j")} AS awaited FROM jobs j
WHERE project_id = :project_id AND finished_at >= :finished_at AND finished_at < :before
  AND NOT EXISTS (SELECT FROM batches b
    WHERE b.id = j.batch_id AND (b.finished_at IS NULL OR b.finished_at >= :before))
ORDER BY finished_at LIMIT :at_most
""")

# A job may have been queued again since it was looked at.
DELETE_JOBS = text(f"""
WITH old AS (
  SELECT id FROM jobs j WHERE id = ANY(CAST(:ids AS uuid[])) AND finished_at < :before
  AND status IN ('succeeded', 'failed', 'cancelled', 'expired') AND NOT {_AWAITED.format("j")} FOR UPDATE SKIP LOCKED
), events AS (
  DELETE FROM job_events e USING old WHERE e.job_id = old.id
)
DELETE FROM jobs j USING old WHERE j.id = old.id
""")

OLD_BATCHES = text(f"""
SELECT id, file_key, finished_at, {_AWAITED.format("b")} AS awaited FROM batches b
WHERE project_id = :project_id AND finished_at >= :finished_at AND finished_at < :before
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.batch_id = b.id)
ORDER BY finished_at LIMIT :at_most
""")

DELETE_BATCHES = text(f"""
WITH old AS (
  SELECT id FROM batches b WHERE id = ANY(CAST(:ids AS uuid[])) AND finished_at < :before
  AND NOT {_AWAITED.format("b")} FOR UPDATE SKIP LOCKED
), lines AS (
  DELETE FROM batch_lines l USING old WHERE l.batch_id = old.id
), events AS (
  DELETE FROM job_events e USING old WHERE e.job_id = old.id
)
DELETE FROM batches b USING old WHERE b.id = old.id
""")

# The log from its beginning, up to what is young. The jobs and batches in it are few: they are old and have not ended.
OLD_EVENTS = text("""
SELECT job_id AS id, NULL AS file_key, position, event_id, false AS awaited FROM (
  SELECT job_id, position, id AS event_id, created_at FROM job_events
  WHERE project_id = :project_id AND (position, id) > (:position, CAST(:event_id AS uuid))
  ORDER BY position, id LIMIT :at_most
) e WHERE created_at < :before ORDER BY position, event_id
""")

DELETE_EVENTS = text(f"""
DELETE FROM job_events e USING (
  SELECT DISTINCT id FROM unnest(CAST(:ids AS uuid[])) AS x(id)
  WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = x.id) AND NOT EXISTS (SELECT FROM batches b WHERE b.id = x.id)
    AND NOT {_AWAITED.format("x")}
) other WHERE e.job_id = other.id AND e.project_id = :project_id AND e.created_at < :before
""")

OLD_MESSAGES = text("""
SELECT id, NULL AS file_key, created_at, false AS awaited FROM inbox_messages
WHERE project_id = :project_id AND created_at >= :created_at AND created_at < :before AND status <> 'received'
ORDER BY created_at LIMIT :at_most
""")

# One that failed may be tried again at this moment.
DELETE_MESSAGES = text("""
WITH old AS (
  SELECT id FROM inbox_messages WHERE id = ANY(CAST(:ids AS uuid[])) AND status <> 'received' FOR UPDATE SKIP LOCKED
)
DELETE FROM inbox_messages m USING old WHERE m.id = old.id
""")


@dataclass(frozen=True, slots=True)
class Table:
    """What is deleted, how many rows at once, and where a walk through them begins: columns they are ordered by."""

    old: TextClause
    delete: TextClause
    at_most: int
    beginning: Mapping[str, Any]


JOBS = Table(OLD_JOBS, DELETE_JOBS, 1000, {"finished_at": datetime.min.replace(tzinfo=UTC)})
BATCHES = Table(OLD_BATCHES, DELETE_BATCHES, 10, {"finished_at": datetime.min.replace(tzinfo=UTC)})
EVENTS = Table(OLD_EVENTS, DELETE_EVENTS, 1000, {"position": 0, "event_id": str(UUID(int=0))})

MESSAGES = Table(OLD_MESSAGES, DELETE_MESSAGES, 500, {"created_at": datetime.min.replace(tzinfo=UTC)})
TABLES = (JOBS, BATCHES, EVENTS, MESSAGES)


@dataclass(slots=True)
class Walk:
    """A project's way through what it keeps no longer, oldest first; `after` is None at its end."""

    table: Table
    project_id: UUID
    before: datetime
    after: Mapping[str, Any] | None


def sweep(seconds: float = SECONDS) -> int:
    """Deletes for about so long; returns how many jobs, batches, other events and inbox messages went."""
    give_up_at = time.monotonic() + seconds
    walks = deque(_walks())
    deleted = 0
    while walks and time.monotonic() < give_up_at:
        walk = walks.popleft()
        deleted += _step(walk, give_up_at)
        if walk.after is not None:
            walks.append(walk)
    if deleted:
        log.info("retention.deleted", count=deleted)
    return deleted


def _walks() -> list[Walk]:
    with db.transaction() as session:
        projects = session.execute(PROJECTS, {"days": settings().retention_days}).all()
    return [Walk(table, row.id, row.before, table.beginning) for table in TABLES for row in projects]


def _step(walk: Walk, give_up_at: float) -> int:
    """One batch of a project; what cannot be deleted now is passed over until the next sweep."""
    table, wanted = walk.table, {"project_id": walk.project_id, "before": walk.before}
    with db.transaction() as session:
        rows = session.execute(table.old, {**wanted, **(walk.after or {}), "at_most": table.at_most}).all()
    last = {name: getattr(rows[-1], name) for name in table.beginning} if rows else None
    walk.after = last if len(rows) == table.at_most else None
    free = _without_files(rows, give_up_at)
    if not free:
        return 0
    with db.transaction() as session:
        done = session.execute(table.delete, {**wanted, "ids": [str(one) for one in free]})
    return int(getattr(done, "rowcount", 0))


def _without_files(rows: Sequence[Any], give_up_at: float) -> list[UUID]:
    """Deletes the files of rows that may go, as long as there is time; returns those that have none left."""
    free, failures = [], []
    for row in rows:
        if row.awaited:
            continue
        if row.file_key is not None:
            if time.monotonic() >= give_up_at:
                continue
            try:
                storage.store().delete(row.file_key)
            except Unavailable as error:
                failures.append(error.detail)
                continue
        free.append(row.id)
    if failures:
        log.warning("retention.files_not_deleted", count=len(failures), error=failures[0])
    return free
