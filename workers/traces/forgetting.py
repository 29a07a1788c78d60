"""Forgetting traces: what they have added to metrics and sessions is taken back; and those that are kept no longer.

    there = forget(session, project_id, trace_ids)     # rows of traces, sessions and metrics; not observations
    keep_days(), sweep()                               # by the clock (tasks/traces.py)

TRACE_RETENTION_DAYS counts from when a trace began; one that had been over for longer when it came, or whose clock runs
ahead, is kept for as long from then on. Observations go by whole days (workers/traces/store/partitions.py), once an
hour; the sums of their traces follow in batches, each a short transaction. 0 keeps everything.
"""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from infra.process import PerProcess
from infra.settings import settings
from workers import projects
from workers.features import counting
from workers.features.drift import forgetting as facts
from workers.traces import contributions, metric_rows, rolling_up, sessions
from workers.traces.contributions import Changes
from workers.traces.sessions import Shares
from workers.traces.store import store
from workers.traces.trace_rows import listed

AT_ONCE = 500
SERIES_AT_ONCE = 5_000
SECONDS = 2.0
HOUR = 3600

log = structlog.get_logger(__name__)

TAKE = text("""
WITH gone AS (
  SELECT id FROM traces WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE
)
DELETE FROM traces t USING gone WHERE t.project_id = :project_id AND t.id = gone.id
RETURNING t.id, t.feature_id, t.contribution, t.session_id, t.status, t.observations, t.input_tokens, t.output_tokens,
  t.cost, t.unpriced
""")
WHOSE = text("""
SELECT DISTINCT feature_id FROM traces
WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[])) AND feature_id IS NOT NULL
""")
# Both ends of an index, each up to what is young.
OLD = text("""
(SELECT id FROM traces WHERE project_id = :project_id AND started_at < :edge
    AND (received_at < :before OR received_at < started_at + make_interval(days => :days))
  ORDER BY started_at LIMIT :at_most)
UNION ALL
(SELECT id FROM traces WHERE project_id = :project_id AND started_at > :ahead AND received_at < :before
  ORDER BY started_at DESC LIMIT :at_most)
""")
PROJECTS = text("""
SELECT p.id FROM projects p WHERE EXISTS (
  SELECT FROM traces t WHERE t.project_id = p.id AND (t.started_at < :edge OR t.started_at > :ahead)
) ORDER BY random()
""")
# Whatever was added to them last is forgotten by then.
SERIES = text("""
DELETE FROM trace_series WHERE ctid = ANY(ARRAY(SELECT ctid FROM trace_series WHERE seen_at < :before LIMIT :at_most))
""")

# When this process last had the store make and drop days.
_kept_at: PerProcess[list[float]] = PerProcess(lambda: [float("-inf")])


def forget(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> list[UUID]:
    """Deletes these traces' rows, and takes back what they had added; returns those that were there. Their
    observations are the store's to delete. Waits for a roll-up of the project, and for who decides about its features,
    and keeps others away until the end of the transaction."""
    asked = {"project_id": project_id, "ids": listed(trace_ids)}
    projects.lock(session, project_id)
    rolling_up.locked(session, project_id)
    counting.lock(session, project_id, session.scalars(WHOSE, asked).all())
    rows = session.execute(TAKE, asked).all()
    facts.forget_traces(session, project_id, [row.id for row in rows])
    gone = Counter(row.feature_id for row in rows if row.feature_id is not None)
    counting.count(session, project_id, [{"id": one, "traces": -number} for one, number in gone.items()])
    changes, shares = Changes(), Shares()
    for row in rows:
        if row.contribution is not None:
            changes.add(contributions.read(row.contribution).parts, -1)
            shares.add(row, -1)
    metric_rows.apply(session, project_id, changes)
    sessions.refresh(session, project_id, shares)
    return [row.id for row in rows]


def keep_days() -> None:
    """Has the store drop the days that are too old and make those to come, if this process has not within the hour, or
    has left some."""
    kept_at, days = _kept_at(), settings().trace_retention_days
    if time.monotonic() - kept_at[0] < HOUR:
        return
    with db.transaction() as session:
        more = bool(days) and store().drop_days(session, days, now())
    # Apart, so that days which cannot be made keep nothing from being dropped.
    with db.transaction() as session:
        store().make_days(session, days, now())
    if not more:
        kept_at[0] = time.monotonic()


def sweep(seconds: float = SECONDS) -> int:
    """Forgets traces that are too old for about so long; returns how many."""
    days, moment, give_up_at = settings().trace_retention_days, now(), time.monotonic() + seconds
    if not days:
        return 0
    deleted = sum(_forget_old(project_id, days, moment, give_up_at) for project_id in _projects(days, moment))
    with db.transaction() as session:
        before = moment - timedelta(days=days + 2)
        session.execute(SERIES, {"before": before, "at_most": SERIES_AT_ONCE})
    if deleted:
        log.info("traces.forgotten", count=deleted)
    return deleted


def _bounds(days: int, moment: datetime) -> dict[str, Any]:
    """Days are dropped whole, so what began before midnight goes together."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = moment + timedelta(days=1)
    return {"edge": midnight - timedelta(days=days), "before": moment - timedelta(days=days), "ahead": ahead}


def _projects(days: int, moment: datetime) -> Sequence[UUID]:
    with db.transaction() as session:
        return session.scalars(PROJECTS, _bounds(days, moment)).all()


def _forget_old(project_id: UUID, days: int, moment: datetime, give_up_at: float) -> int:
    deleted = 0
    while time.monotonic() < give_up_at:
        with db.transaction() as session:
            asked = {"project_id": project_id, "days": days, "at_most": AT_ONCE, **_bounds(days, moment)}
            found = session.scalars(OLD, asked).all()
            deleted += len(forget(session, project_id, found)) if found else 0
        if len(found) < AT_ONCE:
            break
    return deleted
