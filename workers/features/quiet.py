"""Has quiet traces analysed: a job for each project that has some, one at a time, and not more often than it helps."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from infra import db
from infra.clock import now
from infra.errors import SwitchyardError
from infra.settings import settings
from workers.jobs.submit import Wish, submit
from workers.kinds import feature_analyze

AT_ONCE = 200
# A busy project's traces are looked at together.
MOST_PAUSE_SECONDS = 30.0

# From one project to the next along the index, however many traces each has.
WAITING = text("""
WITH RECURSIVE p AS (
  (SELECT project_id FROM traces WHERE analysed < revision ORDER BY project_id LIMIT 1)
  UNION ALL
  SELECT (SELECT t.project_id FROM traces t WHERE t.analysed < t.revision AND t.project_id > p.project_id
          ORDER BY t.project_id LIMIT 1)
  FROM p WHERE p.project_id IS NOT NULL)
SELECT p.project_id FROM p
WHERE p.project_id IS NOT NULL
  AND EXISTS (SELECT FROM traces t WHERE t.project_id = p.project_id AND t.analysed < t.revision
    AND t.received_at < :quiet_since)
  AND NOT EXISTS (SELECT FROM feature_learnt l WHERE l.project_id = p.project_id AND l.updated_at > :paused_since)
  AND NOT EXISTS (SELECT FROM outbox o WHERE o.project_id = p.project_id AND o.concurrency_key = :key)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.project_id = p.project_id AND j.concurrency_key = :key
    AND j.status = 'running')
LIMIT :at_most
""")

log = structlog.get_logger(__name__)


def submit_quiet() -> int:
    """Submits an analysis for each project whose traces are due, unless one waits or runs; returns how many. Each in a
    short transaction of its own."""
    moment, quiet = now(), settings().feature_quiet_seconds
    asked: dict[str, Any] = {
        "quiet_since": moment - timedelta(seconds=quiet),
        "paused_since": moment - timedelta(seconds=min(MOST_PAUSE_SECONDS, quiet / 2)),
        "key": feature_analyze.NAME,
        "at_most": AT_ONCE,
    }
    with db.transaction() as session:
        due = session.scalars(WAITING, asked).all()
    return sum(_submit(project_id) for project_id in due)


def _submit(project_id: UUID) -> bool:
    try:
        with db.transaction() as session:
            submit(session, kind=feature_analyze.NAME, payload={}, project_id=project_id, wish=Wish())
    except SwitchyardError as error:
        # A project whose queue is full gets its turn later, and keeps no other from theirs.
        log.warning("features.not_submitted", project_id=str(project_id), code=error.code)
        return False
    return True
