"""Test events: a real event and its delivery to one endpoint, whatever types that endpoint wants."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import BadInput, Conflict
from models import WebhookDelivery
from schemas.catalogue import BY_NAME
from workers import events
from workers.jobs.happened import Happened
from workers.webhooks import recording
from workers.webhooks.deliveries import get_delivery, require_enabled
from workers.webhooks.endpoints import get_endpoint, no_such_type
from workers.webhooks.recording import COLUMNS, DELIVERY_ID

TEST = "webhook.test"
MESSAGE = "This is a test."

FOR_ONE = text(f"""
INSERT INTO webhook_deliveries ({COLUMNS})
SELECT {DELIVERY_ID}, w.project_id, w.id, NULL, x.job_id, x.sequence, x.id, x.type, now(), x.created_at
FROM job_events x JOIN webhook_endpoints w ON w.id = x.job_id
WHERE x.job_id = :endpoint_id AND x.sequence = :sequence
RETURNING id
""")


def send_test(session: Session, project_id: UUID, endpoint_id: UUID, event_type: str) -> WebhookDelivery:
    """The delivery of a new `webhook.test`, which shows an event of that type; raises BadInput for an unknown type, and
    Conflict where the endpoint is disabled or has no url."""
    shown = BY_NAME.get(event_type)
    if shown is None or not shown.webhooks:
        problem = no_such_type(event_type, exact=True)
        raise BadInput("There is no such type of event.", errors=[{"pointer": "/event_type", "detail": problem}])
    endpoint = get_endpoint(session, project_id, endpoint_id, lock=True)
    require_enabled(endpoint)
    if endpoint.url is None:
        raise Conflict("The callback endpoint has no url to send a test to; run a job with a callback_url.")
    endpoint.event_sequence += 1
    data: dict[str, Any] = {"webhook_endpoint_id": endpoint.public_id, "message": MESSAGE}
    if event_type != TEST:
        data |= {"event_type": event_type, "sample": shown.example}
    happened = Happened(
        endpoint.id, endpoint.event_sequence, ids.new_id(), project_id, TEST, data, now(), listened=False
    )
    events.write(session, happened)
    sent = {"endpoint_id": endpoint.id, "sequence": happened.sequence}
    delivery_id = session.execute(FOR_ONE, sent).scalar_one()
    recording.hint(session, [delivery_id])
    return get_delivery(session, project_id, delivery_id)
