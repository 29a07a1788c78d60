"""Webhook deliveries: what was sent, what came back, and once more."""

from typing import Any

from flask import Blueprint

from api.endpoint import Call, endpoint
from models import WebhookDelivery
from schemas.webhook_delivery import DeliveriesQuery, WebhookDeliveryOut, WholeDeliveryOut, delivery_view, whole_view
from workers.paging import PageOf
from workers.webhooks import deliveries

bp = Blueprint("webhook_deliveries", __name__, url_prefix="/v1/webhook_deliveries")


@bp.get("")
@endpoint(scope="webhooks:read", query=DeliveriesQuery, returns=WebhookDeliveryOut, page=True, errors=(404,))
def list_webhook_deliveries(call: Call) -> PageOf[WebhookDelivery]:
    """Lists the project's deliveries, newest event first; those of deleted endpoints, too."""
    project = call.own_project(call.query.get("project_id"))
    wanted = deliveries.wanted(call.query)
    return deliveries.list_deliveries(call.session, project, wanted, call.window).map(delivery_view)


@bp.get("/<delivery_id>")
@endpoint(scope="webhooks:read", returns=WholeDeliveryOut, errors=(404,))
def get_webhook_delivery(call: Call, delivery_id: str) -> dict[str, Any]:
    """One delivery, with every attempt and the event."""
    found = deliveries.get_delivery(call.session, call.principal.project_id, call.id("wd", delivery_id))
    return whole_view(found, deliveries.event_of(call.session, found))


@bp.post("/<delivery_id>/redeliver")
@endpoint(
    scope="webhooks:write",
    returns=WebhookDeliveryOut,
    status=202,
    place="/v1/webhook_deliveries",
    errors=(404, 409),
)
def redeliver_webhook(call: Call, delivery_id: str) -> dict[str, Any]:
    """Sends a delivery again at once, whatever became of it; if that fails, in a fresh round of attempts."""
    return delivery_view(deliveries.redeliver(call.session, call.principal.project_id, call.id("wd", delivery_id)))
