"""Webhook deliveries as their project sees them: listed, shown with all attempts, sent again, given up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.orm import Session

from infra import ids, json
from infra.clock import now, rfc3339
from infra.errors import Conflict, NotFound
from infra.settings import settings
from models import DeliveryStatus, JobEvent, WebhookDelivery, WebhookEndpoint
from schemas.event import envelope
from workers.paging import PageOf, Window, page
from workers.webhooks import recording

Json = dict[str, Any]

# An event has its id a moment before, or after, its time.
MARGIN = timedelta(minutes=5)
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
CLOCKS_APART = timedelta(seconds=5)
GIVEN_UP_AT_ONCE = 20_000
DELETED = "endpoint_deleted"

# What a sender has at this moment is passed over: it ends by itself, or is given up by the sweep.
GIVE_UP = text("""
WITH waiting AS (
  SELECT id FROM webhook_deliveries WHERE endpoint_id = :endpoint_id AND status = 'pending'
  LIMIT :at_most FOR UPDATE SKIP LOCKED
)
UPDATE webhook_deliveries d SET status = 'failed', next_attempt_at = NULL, finished_at = now(),
  attempts = d.attempts || CAST(:entry AS jsonb)
FROM waiting WHERE d.id = waiting.id
""")

# Along the index from one endpoint to the next, however many deliveries each has.
ORPHANED = text("""
WITH RECURSIVE waiting(endpoint_id) AS (
  (SELECT endpoint_id FROM webhook_deliveries WHERE status = 'pending' ORDER BY endpoint_id LIMIT 1)
  UNION ALL
  SELECT (SELECT d.endpoint_id FROM webhook_deliveries d WHERE d.status = 'pending' AND d.endpoint_id > w.endpoint_id
    ORDER BY d.endpoint_id LIMIT 1)
  FROM waiting w WHERE w.endpoint_id IS NOT NULL
)
SELECT w.endpoint_id FROM waiting w WHERE w.endpoint_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM webhook_endpoints e WHERE e.id = w.endpoint_id)
""")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which deliveries are wanted; None means any. Times are the events'."""

    status: str | None = None
    event_type: str | None = None
    endpoint_id: UUID | None = None
    object_id: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


def wanted(query: Json) -> Filter:
    """The filter in a loaded DeliveriesQuery."""
    return Filter(**{name: query.get(name) for name in Filter.__dataclass_fields__})


def list_deliveries(session: Session, project_id: UUID, wanted: Filter, window: Window) -> PageOf[WebhookDelivery]:
    """The project's deliveries, by the time of their events."""
    query = _created_between(WebhookDelivery.in_project(project_id), wanted.created_after, wanted.created_before)
    for column, value in (
        (WebhookDelivery.status, wanted.status),
        (WebhookDelivery.event_type, wanted.event_type),
        (WebhookDelivery.endpoint_id, wanted.endpoint_id),
        (WebhookDelivery.subject_id, wanted.object_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return page(session, query, WebhookDelivery, window)


def _created_between(
    query: Select[WebhookDelivery], after: datetime | None, before: datetime | None
) -> Select[WebhookDelivery]:
    """Only deliveries of that time: a range of ids, which begin with the time of the event's."""
    if after:
        query = query.where(WebhookDelivery.id >= lowest_id(after), WebhookDelivery.created_at >= after)
    if before:
        query = query.where(WebhookDelivery.id < highest_id(before), WebhookDelivery.created_at < before)
    return query


def lowest_id(moment: datetime) -> UUID:
    """No event of that moment, nor a delivery of one, has a lower id."""
    return ids.lowest_id_at(max(moment, EARLIEST) - MARGIN)


def highest_id(moment: datetime) -> UUID:
    """All events of that moment, and their deliveries, have a lower id."""
    return ids.lowest_id_after(min(moment, LATEST) + MARGIN)


def get_delivery(session: Session, project_id: UUID, delivery_id: UUID, *, lock: bool = False) -> WebhookDelivery:
    """The project's delivery of that id, locked if it is to be changed; raises NotFound."""
    query = WebhookDelivery.in_project(project_id).where(WebhookDelivery.id == delivery_id)
    delivery = session.scalars(query.with_for_update() if lock else query).first()
    if delivery is None:
        raise NotFound("There is no such webhook delivery.")
    return delivery


def event_of(session: Session, delivery: WebhookDelivery) -> Json | None:
    """The envelope of the event; None where it is not kept any more."""
    found = session.scalars(
        JobEvent.in_project(delivery.project_id).where(
            JobEvent.job_id == delivery.subject_id,
            JobEvent.sequence == delivery.event_sequence,
            JobEvent.id == delivery.event_id,
        )
    ).first()
    if found is None:
        return None
    return envelope(
        id=found.id,
        type=found.type,
        created_at=found.created_at,
        project_id=found.project_id,
        sequence=found.sequence,
        data=found.data,
    )


def redeliver(session: Session, project_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """The delivery, to be sent at once and, if that fails, in a new round of attempts; raises Conflict where its
    endpoint is deleted or disabled, its event not kept any more, or an attempt under way."""
    delivery = get_delivery(session, project_id, delivery_id, lock=True)
    own = WebhookEndpoint.in_project(project_id).where(WebhookEndpoint.id == delivery.endpoint_id)
    endpoint = session.scalars(own).first()
    if endpoint is None:
        raise Conflict("The webhook endpoint of this delivery is deleted.")
    require_enabled(endpoint)
    if event_of(session, delivery) is None:
        raise Conflict("The event of this delivery is not kept any more, so there is nothing to send.")
    if _may_be_under_way(delivery):
        raise Conflict("This delivery is being attempted now, or within a minute or so; see then what came of it.")
    delivery.status = DeliveryStatus.PENDING
    delivery.attempt = 0
    delivery.next_attempt_at = now()
    delivery.finished_at = None
    session.flush()
    recording.hint(session, [delivery.id])
    return delivery


def _may_be_under_way(delivery: WebhookDelivery) -> bool:
    """Whether a sender may have it, whose attempt would be lost. Seen from its lease: nothing was tried after that
    would have begun. A delivery that waits looks so, too, in the last moments before a late attempt."""
    if delivery.status != DeliveryStatus.PENDING or delivery.attempt == 0 or delivery.next_attempt_at is None:
        return False
    lease = settings().webhook_timeout_seconds + settings().lease_seconds
    claimed_at = delivery.next_attempt_at - timedelta(seconds=lease)
    if not claimed_at - CLOCKS_APART <= now() < delivery.next_attempt_at:
        return False
    return not delivery.attempts or datetime.fromisoformat(delivery.attempts[-1]["at"]) < claimed_at


def require_enabled(endpoint: WebhookEndpoint) -> None:
    """Raises Conflict where nothing would be sent."""
    if endpoint.disabled_at is not None:
        raise Conflict(f"The webhook endpoint is disabled ({endpoint.disabled_reason}); enable it first.")


def give_up(session: Session, endpoint_id: UUID, *, at_most: int = GIVEN_UP_AT_ONCE) -> int:
    """Fails what waits for an endpoint that is deleted; returns how many deliveries that were. Of very many some stay,
    for the sweep."""
    entry = {"at": rfc3339(now()), "milliseconds": None, "status": None, "error": DELETED, "body": None}
    done = session.execute(GIVE_UP, {"endpoint_id": endpoint_id, "at_most": at_most, "entry": json.dumps([entry])})
    return int(getattr(done, "rowcount", 0))


def give_up_orphans(session: Session) -> int:
    """Fails what still waits for endpoints that were deleted; returns how many deliveries that were."""
    left = GIVEN_UP_AT_ONCE
    for endpoint_id in session.execute(ORPHANED).scalars().all():
        left -= give_up(session, endpoint_id, at_most=left)
        if left <= 0:
            break
    return GIVEN_UP_AT_ONCE - left
