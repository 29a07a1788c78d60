"""Deleting deliveries that ended 14 days ago, and giving up those that could not leave for as long.

A project that keeps its jobs for a shorter time keeps its deliveries as short, since they quote receivers; but for two
days at least, as long as the attempts at one may take. Given up are those of endpoints that were disabled and not
enabled again, or that are gone. Projects take turns; every batch is a short transaction of its own.
"""

import time
from collections import deque
from datetime import timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, json
from infra.clock import now, rfc3339
from infra.settings import settings
from workers.webhooks import claiming
from workers.webhooks.claiming import NOWHERE, Lane

KEPT_DAYS = 14
KEPT_DAYS_AT_LEAST = 2
SECONDS = 2.0
AT_ONCE = 1000
GIVEN_UP = (
    f"Given up: for {KEPT_DAYS} days it could not be sent; its endpoint was disabled, or gets more than its rate."
)

log = structlog.get_logger(__name__)

# Where one sweep has no time for all, the next begins with others.
PROJECTS = text("""
SELECT p.id, p.before FROM (
  SELECT id, now() - make_interval(
    days => least(:at_most, greatest(:at_least, coalesce(retention_days, :days)))) AS before FROM projects
) p WHERE (SELECT min(finished_at) FROM webhook_deliveries d
  WHERE d.project_id = p.id AND d.finished_at IS NOT NULL) < p.before
ORDER BY random()
""")

DELETE = text("""
DELETE FROM webhook_deliveries WHERE id IN (
  SELECT id FROM webhook_deliveries WHERE project_id = :project_id AND finished_at < :before
  ORDER BY finished_at LIMIT :at_most FOR UPDATE SKIP LOCKED)
""")

GIVE_UP = text("""
UPDATE webhook_deliveries SET status = 'failed', finished_at = now(), next_attempt_at = NULL,
  attempts = attempts || CAST(:entries AS jsonb)
WHERE id IN (
  SELECT d.id FROM jsonb_to_recordset(CAST(:lanes AS jsonb)) AS l(endpoint_id uuid, host text) CROSS JOIN LATERAL (
    SELECT d.id FROM webhook_deliveries d
    WHERE d.endpoint_id = l.endpoint_id AND d.host = l.host AND d.status = 'pending'
      AND d.next_attempt_at < CAST(:due_before AS timestamptz)
    ORDER BY d.next_attempt_at LIMIT :at_most FOR NO KEY UPDATE SKIP LOCKED) d
  LIMIT :at_most)
""")


def sweep(seconds: float = SECONDS) -> int:
    """Gives up and deletes for about so long; returns how many deliveries that were."""
    done = _give_up_all(seconds / 2) + _delete_all(seconds / 2)
    if done:
        log.info("webhooks.retention", count=done)
    return done


def _give_up_all(seconds: float) -> int:
    until, done, after = time.monotonic() + seconds, 0, NOWHERE
    while time.monotonic() < until:
        with db.transaction() as session:
            count, after = _give_up(session, after)
        done += count
        if after == NOWHERE and not count:
            break
    return done


def _delete_all(seconds: float) -> int:
    until, done = time.monotonic() + seconds, 0
    days = {"days": settings().retention_days, "at_most": KEPT_DAYS, "at_least": KEPT_DAYS_AT_LEAST}
    with db.transaction() as session:
        projects = deque(session.execute(PROJECTS, days).all())
    while projects and time.monotonic() < until:
        project = projects.popleft()
        wanted = {"project_id": project.id, "before": project.before, "at_most": AT_ONCE}
        with db.transaction() as session:
            count = _count(session.execute(DELETE, wanted))
        done += count
        if count == AT_ONCE:
            projects.append(project)
    return done


def _give_up(session: Session, after: Lane) -> tuple[int, Lane]:
    """One step along the lanes: how many were given up, and where to go on."""
    before = now() - timedelta(days=KEPT_DAYS)
    lanes, following = claiming.lanes_after(session, after, steps=AT_ONCE, due_before=before, also_closed=True)
    if not lanes:
        return 0, following
    entry = {"at": rfc3339(now()), "milliseconds": None, "status": None, "error": GIVEN_UP, "body": None}
    parameters = {
        "lanes": json.dumps([{"endpoint_id": endpoint_id, "host": host} for endpoint_id, host in lanes]),
        "entries": json.dumps([entry]),
        "due_before": before,
        "at_most": AT_ONCE,
    }
    count = _count(session.execute(GIVE_UP, parameters))
    return count, after if count == AT_ONCE else following


def _count(result: object) -> int:
    return int(getattr(result, "rowcount", 0))
