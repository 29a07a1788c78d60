"""Senders of events, who sign as their documentation says; nothing here is Switchyard's."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from standardwebhooks import Webhook

Headers = dict[str, str]
Sign = Callable[..., Headers]

JSON_TYPE = {"Content-Type": "application/json"}


def body_of(event: Any) -> bytes:
    """The event as most senders write it."""
    return json.dumps(event).encode()


def standard_webhooks(secret: str, body: bytes, *, event_id: str | None = None, age: float = 0, **_: Any) -> Headers:
    """As the public library signs."""
    event_id, moment = event_id or f"msg_{uuid4().hex}", datetime.now(UTC) - timedelta(seconds=age)
    signature = Webhook(secret).sign(event_id, moment, body.decode())
    stamp = str(int(moment.timestamp()))
    return {"webhook-id": event_id, "webhook-timestamp": stamp, "webhook-signature": signature, **JSON_TYPE}


def github(secret: str, body: bytes, *, event_id: str | None = None, kind: str = "push", **_: Any) -> Headers:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    delivery = {"X-GitHub-Delivery": event_id or str(uuid4()), "X-GitHub-Event": kind}
    return {"X-Hub-Signature-256": f"sha256={signature}", **delivery, **JSON_TYPE}


def stripe(secret: str, body: bytes, *, age: float = 0, **_: Any) -> Headers:
    """https://docs.stripe.com/webhooks#verify-manually"""
    stamp = str(int((datetime.now(UTC) - timedelta(seconds=age)).timestamp()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={signature},v0=0123abcd", **JSON_TYPE}


def plain(secret: str, body: bytes, **_: Any) -> Headers:
    """Hexadecimal SHA-256 of the body in X-Signature."""
    return {"X-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(), **JSON_TYPE}


def shop(secret: str, body: bytes, **_: Any) -> Headers:
    """Base64, as Shopify has it."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(), "X-Shopify-Topic": "orders/create", **JSON_TYPE}


def slack(secret: str, body: bytes, *, age: float = 0, **_: Any) -> Headers:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    stamp = str(int((datetime.now(UTC) - timedelta(seconds=age)).timestamp()))
    signature = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}", **JSON_TYPE}


def named(secret: str, body: bytes, *, event_id: str | None = None, **_: Any) -> Headers:
    """The event's id in a header, and signed with the body."""
    event_id = event_id or uuid4().hex
    signature = hmac.new(secret.encode(), f"{event_id}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Event-Id": event_id, "X-Signature": signature, **JSON_TYPE}


# Hooks for these, by the name of their sender.
HOOKS: dict[str, dict[str, Any]] = {
    "standard_webhooks": {"scheme": "standard_webhooks"},
    "github": {"scheme": "github"},
    "stripe": {"scheme": "stripe"},
    "plain": {"scheme": "hmac", "scheme_options": {"header": "X-Signature"}},
    "shop": {
        "scheme": "hmac",
        "scheme_options": {
            "header": "X-Shopify-Hmac-Sha256",
            "encoding": "base64",
            "id_from": "sha256",
            "event_type_header": "X-Shopify-Topic",
        },
    },
    "slack": {
        "scheme": "hmac",
        "scheme_options": {
            "header": "X-Slack-Signature",
            "prefix": "v0=",
            "timestamp_header": "X-Slack-Request-Timestamp",
            "signed_content": "v0:{timestamp}:{body}",
        },
    },
    "named": {
        "scheme": "hmac",
        "scheme_options": {"header": "X-Signature", "signed_content": "{id}.{body}", "id_header": "X-Event-Id"},
    },
}
SIGN: dict[str, Sign] = {
    "standard_webhooks": standard_webhooks,
    "github": github,
    "stripe": stripe,
    "plain": plain,
    "shop": shop,
    "slack": slack,
    "named": named,
}
TIMED = ("standard_webhooks", "stripe", "slack")
