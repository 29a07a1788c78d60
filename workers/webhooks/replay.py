"""Sending an endpoint the events of a time again: what failed, what it never had, or all of it.

A replay is one statement. It reads a bounded number of rows, and writes all that is wanted or, of more than go out at
once, nothing. It waits for no row and leaves alone what is pending, so that senders and replays never stop each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import BadInput, ReplayTooLarge
from models import WebhookEndpoint
from schemas.event import FINAL_EVENTS
from workers.jobs import positions
from workers.webhooks import recording
from workers.webhooks.deliveries import highest_id, lowest_id, require_enabled
from workers.webhooks.endpoints import check_patterns, get_endpoint
from workers.webhooks.recording import COLUMNS, DELIVERY_ID, WANTED

AT_MOST = 10_000
LOOKED_AT = 100_000
OLDEST = timedelta(days=14)
# A request takes a moment, in which "14 days ago" becomes more.
GRACE = timedelta(minutes=5)
# A sender that hears of one looks for the others of its receiver.
HINTED = 50

_AGAIN = "status = 'pending', attempt = 0, next_attempt_at = now(), finished_at = NULL"
_TYPE = """(CAST(:patterns AS text[]) IS NULL
    OR CAST(:patterns AS text[]) && ARRAY['*', {0}, split_part({0}, '.', 1) || '.*'])"""
# Two replays of one endpoint would wait for each other's new rows. Its own row stays free: senders need it.
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('replay to ' || :endpoint_id, 0))")
_FITS = "(SELECT count(*) FROM looked) <= :looked_at AND (SELECT count(*) FROM chosen) <= :at_most"
_FOUND = """SELECT (SELECT count(*) FROM looked) AS looked, (SELECT count(*) FROM chosen) AS chosen,
  array(SELECT id FROM written) AS ids"""
# What ended, among the chosen; what somebody has at this moment is being sent again, or deleted.
_HELD = """held AS MATERIALIZED (
  SELECT d.id FROM webhook_deliveries d WHERE d.id = ANY(array(SELECT id FROM chosen)) AND d.status {0} AND {1}
  ORDER BY d.id FOR NO KEY UPDATE SKIP LOCKED
)"""

# The chosen ids as an array: joined to them, the planner may read every failed delivery once for each.
FAILED = text(f"""
WITH looked AS MATERIALIZED (
  SELECT id, event_type FROM webhook_deliveries
  WHERE endpoint_id = :endpoint_id AND status = 'failed' AND id >= :lowest AND id < :highest
    AND created_at >= :since AND created_at < :until
  ORDER BY id LIMIT :looked_at + 1
), chosen AS MATERIALIZED (
  SELECT id FROM looked WHERE {_TYPE.format("event_type")} LIMIT :at_most + 1
), {_HELD.format("= 'failed'", _FITS)}, written AS (
  UPDATE webhook_deliveries SET {_AGAIN} WHERE id = ANY(array(SELECT id FROM held)) RETURNING id
)
{_FOUND}
""")

# Each event's delivery is looked up by its id, since a join might read them all. A test was for one endpoint and once.
EVENTS = text(f"""
WITH looked AS MATERIALIZED (
  SELECT id, job_id, sequence, project_id, type, created_at FROM job_events
  WHERE project_id = :project_id AND position >= :first AND position < :after AND id >= :lowest AND id < :highest
    AND created_at >= :since AND created_at < :until
  ORDER BY position, id LIMIT :looked_at + 1
), chosen AS MATERIALIZED (
  SELECT {DELIVERY_ID} AS id, x.project_id, w.id AS endpoint_id, x.job_id, x.sequence, x.id AS event_id, x.type,
    x.created_at, CASE WHEN w.url IS NULL THEN coalesce(j.callback_url, b.callback_url) END AS url,
    d.id IS NULL AS is_new
  FROM looked x JOIN webhook_endpoints w ON w.id = :endpoint_id
    LEFT JOIN jobs j ON w.url IS NULL AND j.id = x.job_id
    LEFT JOIN batches b ON w.url IS NULL AND b.id = x.job_id
    LEFT JOIN LATERAL (
      SELECT d.id, d.status FROM webhook_deliveries d WHERE d.id = {DELIVERY_ID} LIMIT 1) d ON true
  WHERE x.type <> 'webhook.test' AND {_TYPE.format("x.type")}
    AND (d.id IS NULL OR d.status <> 'pending' AND NOT :missing)
    AND CASE WHEN w.url IS NULL
      THEN x.type = ANY(CAST(:final AS text[])) AND coalesce(j.callback_url, b.callback_url) IS NOT NULL
      ELSE {WANTED} END
  LIMIT :at_most + 1
), {_HELD.format("<> 'pending'", _FITS)}, again AS (
  UPDATE webhook_deliveries SET {_AGAIN} WHERE id = ANY(array(SELECT id FROM held)) RETURNING id
), made AS (
  INSERT INTO webhook_deliveries ({COLUMNS})
  SELECT id, project_id, endpoint_id, url, job_id, sequence, event_id, type, now(), created_at
  FROM chosen WHERE is_new AND {_FITS}
  ON CONFLICT (id) DO NOTHING RETURNING id
), written AS (
  SELECT id FROM again UNION ALL SELECT id FROM made
)
{_FOUND}
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to go out again: `which` is failed, missing or all; `event_types` narrows what the endpoint wants."""

    since: datetime
    until: datetime | None = None
    event_types: Sequence[str] | None = None
    which: str = "failed"


def replay(session: Session, project_id: UUID, endpoint_id: UUID, wanted: Wanted) -> int:
    """How many deliveries are on their way again. Raises Conflict where the endpoint is disabled, and with nothing
    written BadInput for a time that is not one or ReplayTooLarge."""
    moment = now()
    until = min(wanted.until or moment, moment)
    _check_time(wanted.since, until)
    patterns = None if wanted.event_types is None else check_patterns(wanted.event_types)
    endpoint = get_endpoint(session, project_id, endpoint_id)
    require_enabled(endpoint)
    session.execute(ONE_AT_A_TIME, {"endpoint_id": str(endpoint_id)})
    found = _write(session, endpoint, wanted, until, patterns)
    if found.looked > LOOKED_AT or found.chosen > AT_MOST:
        raise _too_large(wanted.which, looked=found.looked > LOOKED_AT)
    recording.hint(session, found.ids[:HINTED])
    return len(found.ids)


def _write(
    session: Session, endpoint: WebhookEndpoint, wanted: Wanted, until: datetime, patterns: list[str] | None
) -> Any:
    parameters: dict[str, Any] = {
        "endpoint_id": endpoint.id,
        "since": wanted.since,
        "until": until,
        "lowest": lowest_id(wanted.since),
        "highest": highest_id(until),
        "patterns": patterns,
        "looked_at": LOOKED_AT,
        "at_most": AT_MOST,
    }
    if wanted.which == "failed":
        return session.execute(FAILED, parameters).one()
    first, after = positions.between(session, endpoint.project_id, wanted.since, until)
    parameters |= {"project_id": endpoint.project_id, "first": first, "after": after}
    parameters |= {"missing": wanted.which == "missing", "final": sorted(FINAL_EVENTS)}
    return session.execute(EVENTS, parameters).one()


def _check_time(since: datetime, until: datetime) -> None:
    if since < now() - OLDEST - GRACE:
        pointer, problem = "/since", f"Lies more than {OLDEST.days} days back; later events can be sent again."
    elif since >= until:
        pointer, problem = ("/since", "Does not lie before `until`, which is now if it is left out.")
    else:
        return
    raise BadInput("No events can be sent again for that time.", errors=[{"pointer": pointer, "detail": problem}])


def _too_large(which: str, *, looked: bool) -> ReplayTooLarge:
    what = "failed deliveries" if which == "failed" else "events"
    if looked:
        sentence = f"That time has more than {LOOKED_AT:,} {what}, which is more than are looked through at once; "
        problem = f"{sentence}ask for a shorter time with `since` and `until`."
    else:
        sentence = f"More than {AT_MOST:,} {what} of that time would be sent again, which is the most at once; "
        problem = f"{sentence}ask for a shorter time with `since` and `until`, or for fewer `event_types`."
    return ReplayTooLarge(problem, errors=[{"pointer": "/since", "detail": problem}])
