"""Webhook endpoints: where a project's events are sent."""

from typing import Any

from flask import Blueprint, Response

from api.endpoint import Call, endpoint
from infra import json
from models import WebhookDelivery, WebhookEndpoint
from schemas.webhook_delivery import EndpointDeliveriesQuery, WebhookDeliveryOut, delivery_view
from schemas.webhook_endpoint import (
    CallbackEndpointIn,
    EndpointsQuery,
    NewWebhookEndpointOut,
    WebhookEndpointIn,
    WebhookEndpointOut,
    WebhookEndpointPatch,
    WebhookReplayIn,
    WebhookReplayOut,
    WebhookRotateIn,
    WebhookSecretOut,
    WebhookTestIn,
    endpoint_view,
)
from workers.paging import PageOf
from workers.webhooks import callbacks, deliveries, endpoints, replay, trial

bp = Blueprint("webhook_endpoints", __name__, url_prefix="/v1/webhook_endpoints")
with_secret = NewWebhookEndpointOut()


@bp.post("")
@endpoint(scope="webhooks:write", body=WebhookEndpointIn, returns=NewWebhookEndpointOut, status=201, errors=(404,))
def create_webhook_endpoint(call: Call) -> dict[str, Any]:
    """Makes an endpoint, which gets every event of its types from now on; its deliveries are signed with `secret`."""
    project = call.own_project(call.body.get("project_id"))
    return _new(
        endpoints.create_endpoint(call.session, project_id=project, created_by=call.principal.id, body=call.body)
    )


@bp.post("/callback")
@endpoint(
    scope="webhooks:write",
    body=CallbackEndpointIn,
    returns=NewWebhookEndpointOut,
    status=201,
    place="/v1/webhook_endpoints",
    errors=(404,),
    or_else={200: NewWebhookEndpointOut},
)
def prepare_callback_endpoint(call: Call) -> dict[str, Any] | Response:
    """The endpoint behind every `callback_url` of the project, with its secret; 200 if it was there already.

    The first job with a `callback_url` makes it, too. This is for a receiver that is prepared before.
    """
    found, is_new = callbacks.callback_endpoint(call.session, call.own_project(call.body.get("project_id")))
    if is_new:
        return _new(found)
    return Response(json.dump_bytes(with_secret.dump(_new(found))), content_type="application/json")


@bp.get("")
@endpoint(scope="webhooks:read", query=EndpointsQuery, returns=WebhookEndpointOut, page=True, errors=(404,))
def list_webhook_endpoints(call: Call) -> PageOf[WebhookEndpoint]:
    """Lists the project's endpoints; the one with `url` null is behind every `callback_url`."""
    project = call.own_project(call.query.get("project_id"))
    return endpoints.list_endpoints(call.session, project, call.window).map(_shown)


@bp.get("/<endpoint_id>")
@endpoint(scope="webhooks:read", returns=WebhookEndpointOut, errors=(404,))
def get_webhook_endpoint(call: Call, endpoint_id: str) -> dict[str, Any]:
    """One endpoint, without its secret."""
    return _shown(endpoints.get_endpoint(call.session, call.principal.project_id, call.id("we", endpoint_id)))


@bp.patch("/<endpoint_id>")
@endpoint(scope="webhooks:write", body=WebhookEndpointPatch, returns=WebhookEndpointOut, errors=(404, 409))
def change_webhook_endpoint(call: Call, endpoint_id: str) -> dict[str, Any]:
    """Changes the fields that are sent.

    With `disabled: false` an endpoint is given what waits for it; what happened while it was disabled, a replay of
    `missing` sends.
    """
    project, found = call.principal.project_id, call.id("we", endpoint_id)
    return _shown(endpoints.change_endpoint(call.session, project, found, call.body))


@bp.delete("/<endpoint_id>")
@endpoint(scope="webhooks:write", returns=WebhookEndpointOut, errors=(404, 409))
def remove_webhook_endpoint(call: Call, endpoint_id: str) -> dict[str, Any]:
    """Deletes an endpoint and answers with it as it was; what waits for it fails, and its deliveries stay listed."""
    return _shown(endpoints.remove_endpoint(call.session, call.principal.project_id, call.id("we", endpoint_id)))


@bp.get("/<endpoint_id>/secret")
@endpoint(scope="webhooks:write", returns=WebhookSecretOut, errors=(404,))
def get_webhook_secret(call: Call, endpoint_id: str) -> dict[str, Any]:
    """The secret that an endpoint's deliveries are verified with."""
    found = endpoints.get_endpoint(call.session, call.principal.project_id, call.id("we", endpoint_id))
    return {"secret": endpoints.secret_of(found), "old_secret_until": found.old_secret_until}


@bp.post("/<endpoint_id>/rotate_secret")
@endpoint(scope="webhooks:write", body=WebhookRotateIn, returns=WebhookSecretOut, errors=(404,))
def rotate_webhook_secret(call: Call, endpoint_id: str) -> dict[str, Any]:
    """Gives an endpoint a new secret; for a day, or `overlap_s`, its deliveries are signed with the old one, too.

    Of more rotations in that time the newest two secrets sign.
    """
    found = endpoints.rotate_secret(
        call.session,
        call.principal.project_id,
        call.id("we", endpoint_id),
        secret=call.body.get("secret"),
        overlap_s=call.body["overlap_s"],
    )
    return {"secret": endpoints.secret_of(found), "old_secret_until": found.old_secret_until}


@bp.post("/<endpoint_id>/test")
@endpoint(
    scope="webhooks:write",
    body=WebhookTestIn,
    returns=WebhookDeliveryOut,
    status=202,
    place="/v1/webhook_deliveries",
    errors=(404, 409),
)
def test_webhook_endpoint(call: Call, endpoint_id: str) -> dict[str, Any]:
    """Sends an endpoint a `webhook.test` event, whatever types it wants; the delivery shows what came of it."""
    project, found = call.principal.project_id, call.id("we", endpoint_id)
    return delivery_view(trial.send_test(call.session, project, found, call.body["event_type"]))


@bp.post("/<endpoint_id>/replay")
@endpoint(scope="webhooks:write", body=WebhookReplayIn, returns=WebhookReplayOut, status=202, errors=(404, 409))
def replay_webhook_events(call: Call, endpoint_id: str) -> dict[str, Any]:
    """Sends the events of a time again, up to 10,000 of at most 14 days: what failed, what is missing, or all.

    An event sent again has the `webhook-id` that it had before, so that a receiver can tell.
    """
    wanted = replay.Wanted(**call.body)
    found = replay.replay(call.session, call.principal.project_id, call.id("we", endpoint_id), wanted)
    return {"deliveries": found}


@bp.get("/<endpoint_id>/deliveries")
@endpoint(scope="webhooks:read", query=EndpointDeliveriesQuery, returns=WebhookDeliveryOut, page=True, errors=(404,))
def list_endpoint_deliveries(call: Call, endpoint_id: str) -> PageOf[WebhookDelivery]:
    """Lists an endpoint's deliveries, newest event first."""
    found = endpoints.get_endpoint(call.session, call.principal.project_id, call.id("we", endpoint_id))
    wanted = deliveries.wanted({**call.query, "endpoint_id": found.id})
    return deliveries.list_deliveries(call.session, found.project_id, wanted, call.window).map(delivery_view)


def _shown(found: WebhookEndpoint) -> dict[str, Any]:
    return endpoint_view(found, endpoints.header_names(found))


def _new(found: WebhookEndpoint) -> dict[str, Any]:
    return {**_shown(found), "secret": endpoints.secret_of(found)}
