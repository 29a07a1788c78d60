"""Sending nothing more to an endpoint that says so (410), or that failed for five days; the project is told by an
event, which its other endpoints get."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now, rfc3339
from models import DisabledReason, WebhookEndpoint
from workers import events
from workers.jobs.happened import Happened

HOPELESS_AFTER_DAYS = 5

log = structlog.get_logger(__name__)

# The callback endpoint stands for many receivers, and is never disabled because of one.
DISABLE = text("""
WITH found AS MATERIALIZED (
  SELECT id FROM webhook_endpoints WHERE id = ANY(CAST(:ids AS uuid[])) AND url IS NOT NULL AND disabled_at IS NULL
), held AS MATERIALIZED (
  SELECT id FROM webhook_endpoints WHERE id IN (SELECT id FROM found) AND disabled_at IS NULL
  FOR NO KEY UPDATE SKIP LOCKED
), disabled AS (
  UPDATE webhook_endpoints w
  SET disabled_at = now(), disabled_reason = :reason, event_sequence = w.event_sequence + 1
  FROM held WHERE w.id = held.id RETURNING w.id, w.project_id, w.url, w.failing_since, w.event_sequence
)
SELECT f.id, d.id IS NULL AS locked, d.project_id, d.url, d.failing_since, d.event_sequence
FROM found f LEFT JOIN disabled d ON d.id = f.id
""")

HOPELESS = text("""
SELECT id FROM webhook_endpoints
WHERE id = ANY(CAST(:ids AS uuid[])) AND url IS NOT NULL AND disabled_at IS NULL
  AND failing_since < now() - make_interval(days => :days)
""")


def disable_hopeless(session: Session, errors: Mapping[UUID, str | None]) -> None:
    """Disables those of these endpoints that have failed for too long; `errors` is what each failed with now."""
    if not errors:
        return
    parameters = {"ids": [str(one) for one in errors], "days": HOPELESS_AFTER_DAYS}
    found = session.execute(HOPELESS, parameters).scalars().all()
    disable(session, {one: errors[one] for one in found}, DisabledReason.FAILING)


def disable(session: Session, errors: Mapping[UUID, str | None], reason: DisabledReason) -> set[UUID]:
    """Disables these endpoints and tells their projects; leaves out callback endpoints and disabled ones. Returns those
    that it could not disable now, since others have them locked."""
    if not errors:
        return set()
    rows = session.execute(DISABLE, {"ids": [str(one) for one in errors], "reason": reason}).all()
    for row in rows:
        if row.locked:
            continue
        data = {
            "webhook_endpoint_id": ids.show(WebhookEndpoint.prefix, row.id),
            "url": public_url(row.url),
            "reason": reason,
            "failing_since": None if row.failing_since is None else rfc3339(row.failing_since),
            "last_error": errors[row.id],
        }
        log.warning("webhook_endpoint.disabled", endpoint_id=data["webhook_endpoint_id"], reason=reason)
        told = Happened(
            row.id, row.event_sequence, ids.new_id(), row.project_id, "webhook_endpoint.disabled", data, now()
        )
        events.write(session, told)
    return {row.id for row in rows if row.locked}


def public_url(url: str) -> str:
    """The address without what may be a secret in it: user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
