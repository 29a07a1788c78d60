"""Sending nothing more to an endpoint that says so (410), or that failed for five days; the project is told by an
event, which its other endpoints get."""

from collections.abc import Mapping
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
UPDATE webhook_endpoints w
SET disabled_at = now(), disabled_reason = :reason, event_sequence = w.event_sequence + 1
FROM (SELECT id FROM webhook_endpoints WHERE id = ANY(CAST(:ids AS uuid[])) AND url IS NOT NULL AND disabled_at IS NULL
  ORDER BY id FOR NO KEY UPDATE) held
WHERE w.id = held.id RETURNING w.id, w.project_id, w.url, w.failing_since, w.event_sequence
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


def disable(session: Session, errors: Mapping[UUID, str | None], reason: DisabledReason) -> None:
    """Disables these endpoints and tells their projects; leaves out callback endpoints and disabled ones."""
    if not errors:
        return
    rows = session.execute(DISABLE, {"ids": [str(one) for one in errors], "reason": reason}).all()
    for row in rows:
        data = {
            "webhook_endpoint_id": ids.show(WebhookEndpoint.prefix, row.id),
            "url": row.url,
            "reason": reason,
            "failing_since": None if row.failing_since is None else rfc3339(row.failing_since),
            "last_error": errors[row.id],
        }
        log.warning("webhook_endpoint.disabled", endpoint_id=data["webhook_endpoint_id"], reason=reason)
        told = Happened(
            row.id, row.event_sequence, ids.new_id(), row.project_id, "webhook_endpoint.disabled", data, now()
        )
        events.write(session, told)
