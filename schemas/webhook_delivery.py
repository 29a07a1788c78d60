"""Webhook deliveries as clients see them."""

from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from infra import ids
from models import Batch, Case, DeliveryStatus, Feature, Job, KnowledgeBase, Run, WebhookDelivery, WebhookEndpoint
from schemas.base import AsIs, PublicId, Text, Time, page_query
from schemas.job import EventOut

STATUSES = [status.value for status in DeliveryStatus]
# What the events of a family happen to.
SUBJECTS = {
    "job": Job.prefix,
    "batch": Batch.prefix,
    "webhook": WebhookEndpoint.prefix,
    "webhook_endpoint": WebhookEndpoint.prefix,
    "kb": KnowledgeBase.prefix,
    "spec": KnowledgeBase.prefix,
    "testrun": Run.prefix,
    "test_case": Case.prefix,
    "feature": Feature.prefix,
}


class ObjectId(fields.Field[UUID]):
    """The id of whatever an event happens to."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        prefix = str(value).partition("_")[0]
        found = ids.parse(prefix, str(value)) if prefix in SUBJECTS.values() else None
        if found is None:
            raise ValidationError(f"Must be an id that begins with {', '.join(sorted(set(SUBJECTS.values())))}.")
        return found


class AttemptOut(Schema):
    """One try to deliver."""

    at = fields.String(required=True, metadata={"format": "date-time"})
    milliseconds = fields.Integer(required=True, allow_none=True)
    status = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The receiver's; null: it gave none."}
    )
    error = fields.String(required=True, allow_none=True, metadata={"description": "Why it failed; null: it did not."})
    body = fields.String(required=True, allow_none=True, metadata={"description": "How the receiver's answer begins."})


class WebhookDeliveryOut(Schema):
    """An event on its way to a receiver."""

    id = PublicId("wd", required=True)
    object = fields.Constant("webhook_delivery", required=True)
    project_id = PublicId("proj", required=True)
    endpoint_id = PublicId("we", required=True)
    url = fields.String(
        required=True, allow_none=True, metadata={"description": "A `callback_url`; null: it goes to the endpoint's."}
    )
    event_id = PublicId("evt", required=True)
    event_type = fields.String(required=True)
    sequence = fields.Integer(required=True, metadata={"description": "The event's, among those of its object."})
    object_id = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What it happened to: `job_…`, `batch_…`, `kb_…`, `we_…`."},
    )
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    attempt = fields.Integer(required=True, metadata={"description": "How many were made in the present round."})
    next_attempt_at = Time(required=True, allow_none=True)
    last_attempt = AsIs(AttemptOut, required=True, allow_none=True)
    created_at = Time(required=True)
    finished_at = Time(required=True, allow_none=True)


class WholeDeliveryOut(WebhookDeliveryOut):
    """A delivery with everything that was tried, and what it says."""

    attempts = fields.List(AsIs(AttemptOut), required=True, metadata={"description": "Oldest first, of all rounds."})
    event = AsIs(EventOut, required=True, allow_none=True, metadata={"description": "Null: it is not kept any more."})


class EndpointDeliveriesQuery(page_query("wd")):  # type: ignore[misc]
    """Filters of an endpoint's deliveries; times are the event's."""

    object_id = ObjectId(metadata={"description": "What the event happened to: `job_…`, `batch_…`, `kb_…`, `we_…`."})
    status = fields.String(validate=validate.OneOf(STATUSES))
    event_type = Text(at_least=1, at_most=128)
    created_after = Time(metadata={"type": "string", "format": "date-time"})
    created_before = Time(metadata={"type": "string", "format": "date-time"})


class DeliveriesQuery(EndpointDeliveriesQuery):
    """Filters of the list of deliveries; times are the event's."""

    endpoint_id = PublicId("we")
    project_id = PublicId("proj")


def object_id(event_type: str, subject_id: UUID) -> str | None:
    """`job_…` for the subject of a `job.…` event; None where that is not known."""
    prefix = SUBJECTS.get(event_type.partition(".")[0])
    return None if prefix is None else ids.show(prefix, subject_id)


def delivery_view(delivery: WebhookDelivery) -> dict[str, Any]:
    """What WebhookDeliveryOut reads."""
    pending = delivery.status == DeliveryStatus.PENDING
    return {
        "id": delivery.id,
        "project_id": delivery.project_id,
        "endpoint_id": delivery.endpoint_id,
        "url": delivery.url,
        "event_id": delivery.event_id,
        "event_type": delivery.event_type,
        "sequence": delivery.event_sequence,
        "object_id": object_id(delivery.event_type, delivery.subject_id),
        "status": delivery.status,
        "attempt": delivery.attempt,
        "next_attempt_at": delivery.next_attempt_at if pending else None,
        "last_attempt": delivery.attempts[-1] if delivery.attempts else None,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
    }


def whole_view(delivery: WebhookDelivery, event: dict[str, Any] | None) -> dict[str, Any]:
    """What WholeDeliveryOut reads; `event` is the envelope."""
    return {**delivery_view(delivery), "attempts": delivery.attempts, "event": event}
