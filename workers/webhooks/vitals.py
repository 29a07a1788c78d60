"""What an operator must know of webhooks: deliveries that do not leave, and endpoints that take none."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now
from workers.webhooks import claiming
from workers.webhooks.disabling import public_url
from workers.webhooks.retention import KEPT_DAYS

LANES_AT_MOST = 1000
SHOWN_AT_MOST = 20
LATE_SECONDS = 60
FAILING_HOURS = 1

# Those disabled by their owners are left out, and those whose deliveries are given up by now.
TROUBLED = text("""
SELECT id, url, disabled_at, disabled_reason, failing_since FROM webhook_endpoints
WHERE url IS NOT NULL AND CASE WHEN disabled_at IS NULL THEN failing_since < now() - make_interval(hours => :hours)
  ELSE disabled_reason <> 'manual' AND disabled_at > now() - make_interval(days => :days) END
ORDER BY id LIMIT :at_most
""")


@dataclass(frozen=True, slots=True)
class Troubled:
    """An endpoint that fails since over an hour, or was disabled because of it."""

    endpoint_id: UUID
    url: str
    disabled_at: datetime | None
    disabled_reason: str | None
    failing_since: datetime | None


def late(session: Session) -> int:
    """Endpoints with deliveries that are due for over a minute, among the first thousand that have any pending."""
    before = now() - timedelta(seconds=LATE_SECONDS)
    lanes, _ = claiming.lanes_after(session, claiming.NOWHERE, steps=LANES_AT_MOST, due_before=before)
    return len({endpoint_id for endpoint_id, _ in lanes})


def troubled(session: Session) -> list[Troubled]:
    """Endpoints that take nothing."""
    parameters = {"hours": FAILING_HOURS, "days": KEPT_DAYS, "at_most": SHOWN_AT_MOST}
    rows = session.execute(TROUBLED, parameters).all()
    return [Troubled(id, public_url(url), *others) for id, url, *others in rows]
