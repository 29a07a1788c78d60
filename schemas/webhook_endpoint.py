"""Webhook endpoints as clients send and see them."""

from collections.abc import Collection
from typing import Any

from marshmallow import Schema, fields, validate

from infra.targets import LONGEST_URL
from models import DisabledReason, Payload, WebhookEndpoint
from schemas.base import Flag, Number, Pairs, PublicId, Secret, Text, Time, page_query
from schemas.event import FINAL_EVENTS

PAYLOADS = [payload.value for payload in Payload]
REASONS = [reason.value for reason in DisabledReason]
ONLY = ("failed", "missing", "all")
OVERLAP_SECONDS = 86_400
URL = "Where deliveries go: https, or http. Addresses that are not public are refused, and redirects not followed."
PATTERNS = "Exact types of `GET /v1/event_types`, `<family>.*`, or `*`. `job.delta` is never delivered."
PAYLOAD = "`thin`: the event alone. `full`: with the job or batch it is about."
HEADERS = "Sent with every delivery, and never shown again but for their names."
SECRET = "`whsec_` and the base64 of 24 to 64 bytes; made if left out."


class EndpointFields(Schema):
    """A receiver, and what it wants."""

    url = Text(
        at_least=1,
        at_most=LONGEST_URL,
        required=True,
        metadata={"description": URL, "format": "uri", "example": "https://example.com/webhooks"},
    )
    event_types = fields.List(
        Text(at_least=1, at_most=128),
        required=True,
        validate=validate.Length(min=1, max=50),
        metadata={"description": PATTERNS, "example": ["job.succeeded", "batch.*"]},
    )
    description = Text(at_most=500, allow_none=True)
    payload = fields.String(
        validate=validate.OneOf(PAYLOADS), load_default=Payload.THIN, metadata={"description": PAYLOAD}
    )
    headers = Pairs(
        keys=Text(at_least=1, at_most=128),
        values=Text(at_most=4096),
        allow_none=True,
        validate=validate.Length(max=20, error="At most 20 headers."),
        metadata={"description": HEADERS, "example": {"Authorization": "Bearer abc"}},
    )
    rate_per_second = Number(
        at_least=1, at_most=1000, load_default=10, metadata={"description": "Deliveries a second at most."}
    )
    disabled = Flag(load_default=False, metadata={"description": "Nothing is sent while it is."})


class WebhookEndpointIn(EndpointFields):
    """A new endpoint."""

    secret = Text(at_least=1, at_most=256, metadata={"description": SECRET, "pattern": "^whsec_"})
    project_id = PublicId("proj")


class WebhookEndpointPatch(EndpointFields):
    """What is to change; everything else stays. Null takes the description, or the headers, back."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class CallbackEndpointIn(Schema):
    """Whose callback endpoint is wanted; a key sees its own project's."""

    project_id = PublicId("proj")


class WebhookEndpointOut(Schema):
    """An endpoint, without its secret."""

    id = PublicId("we", required=True)
    object = fields.Constant("webhook_endpoint", required=True)
    project_id = PublicId("proj", required=True)
    url = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Null: the callback endpoint, which sends final events to the `callback_url` of each."
        },
    )
    description = fields.String(required=True, allow_none=True)
    event_types = fields.List(fields.String(), required=True)
    payload = fields.String(required=True, validate=validate.OneOf(PAYLOADS))
    header_names = fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata={"description": "Of its own headers. Null: they are under a key that ENCRYPTION_KEYS does not list."},
    )
    rate_per_second = fields.Integer(required=True)
    disabled = fields.Boolean(required=True)
    disabled_reason = fields.String(required=True, allow_none=True, validate=validate.OneOf(REASONS))
    disabled_at = Time(required=True, allow_none=True)
    failing_since = Time(
        required=True, allow_none=True, metadata={"description": "The first failure after the last success."}
    )
    old_secret_until = Time(
        required=True, allow_none=True, metadata={"description": "Until then the secret before this one signs, too."}
    )
    created_at = Time(required=True)


class NewWebhookEndpointOut(WebhookEndpointOut):
    """An endpoint and the secret that its deliveries are verified with."""

    secret = Secret(required=True)


class WebhookSecretOut(Schema):
    """What an endpoint's deliveries are verified with."""

    object = fields.Constant("webhook_secret", required=True)
    secret = Secret(required=True)
    old_secret_until = Time(required=True, allow_none=True)


class WebhookRotateIn(Schema):
    """The new secret, and how long both sign."""

    secret = Text(at_least=1, at_most=256, metadata={"description": SECRET, "pattern": "^whsec_"})
    overlap_s = Number(
        at_least=0,
        at_most=7 * 86_400,
        load_default=OVERLAP_SECONDS,
        metadata={"description": "Seconds for which the old one signs, too; 0: it does not any more."},
    )


class WebhookTestIn(Schema):
    """Which type of event the test is to show."""

    event_type = Text(
        at_least=1,
        at_most=128,
        load_default="webhook.test",
        metadata={"description": "An exact type; the test's `data.sample` is the `data` of such an event."},
    )


class WebhookReplayIn(Schema):
    """Which events go out again."""

    since = Time(
        required=True,
        metadata={"type": "string", "format": "date-time", "description": "At most 14 days ago."},
    )
    until = Time(metadata={"type": "string", "format": "date-time", "description": "Now, if left out."})
    event_types = fields.List(
        Text(at_least=1, at_most=128),
        validate=validate.Length(min=1, max=50),
        metadata={"description": "Only these, of those that the endpoint wants."},
    )
    which = fields.String(
        data_key="only",
        validate=validate.OneOf(ONLY),
        load_default="failed",
        metadata={
            "description": "`failed`: deliveries that were given up. `missing`: events that the endpoint never got a "
            "delivery for, as it was disabled or not there yet. `all`: every event it wants, delivered or not."
        },
    )


class WebhookReplayOut(Schema):
    """How many deliveries are on their way again."""

    object = fields.Constant("webhook_replay", required=True)
    deliveries = fields.Integer(required=True)


class EndpointsQuery(page_query("we")):  # type: ignore[misc]
    """Whose endpoints are listed; a key sees its own project's."""

    project_id = PublicId("proj")


def endpoint_view(endpoint: WebhookEndpoint, header_names: Collection[str] | None) -> dict[str, Any]:
    """What WebhookEndpointOut reads."""
    return {
        "id": endpoint.id,
        "project_id": endpoint.project_id,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": sorted(FINAL_EVENTS) if endpoint.url is None else endpoint.event_types,
        "payload": endpoint.payload,
        "header_names": header_names,
        "rate_per_second": endpoint.rate_per_second,
        "disabled": endpoint.disabled_at is not None,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "old_secret_until": endpoint.old_secret_until,
        "created_at": endpoint.created_at,
    }
