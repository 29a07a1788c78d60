"""What a signed request says: the event's own id, its type and its body."""

import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from infra import json
from infra.errors import BadInput, MalformedJson, UnsupportedMediaType
from models import Hook, SignatureScheme
from workers.hooks import templates
from workers.hooks.signatures import Sent
from workers.hooks.templates import Event

LONGEST = 255
FORM = "application/x-www-form-urlencoded"
# GitHub's test of a new address.
PING = "ping"


def read(hook: Hook, sent: Sent) -> Event:
    """The event in the request; raises UnsupportedMediaType, MalformedJson or BadInput."""
    body = _body(hook.scheme, sent)
    external_id, event_type = _id_and_type(hook, sent.headers, body if isinstance(body, dict) else {})
    digest = hashlib.sha256(sent.raw).hexdigest()
    if external_id is not None and len(external_id) > LONGEST:
        digest, external_id = hashlib.sha256(external_id.encode()).hexdigest(), None
    named = templates.headers_named(hook.payload)
    return Event(
        external_id=external_id or f"sha256:{digest}",
        type=event_type[:LONGEST] if event_type else None,
        body=body,
        headers={name: value for name, value in sent.headers.items() if name in named},
    )


def wanted(hook: Hook, event: Event) -> bool:
    """Whether one of the hook's patterns is the event's type, or `*`, or its beginning before a `*`."""
    if hook.scheme == SignatureScheme.GITHUB and event.type == PING:
        return False
    return any(_fits(pattern, event.type or "") for pattern in hook.event_types)


def _fits(pattern: str, event_type: str) -> bool:
    return event_type.startswith(pattern[:-1]) if pattern.endswith("*") else event_type == pattern


def _body(scheme: str, sent: Sent) -> Any:
    """The body as JSONB takes it; GitHub may send it as a form's `payload`."""
    raw = sent.raw
    if scheme == SignatureScheme.GITHUB and sent.media_type == FORM:
        raw = _form(raw)
    elif not sent.media_type.endswith("json"):
        raise UnsupportedMediaType
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise MalformedJson(f"The event is not valid JSON: {error}.") from None
    try:
        return json.loads(json.dump_for_postgres(body))
    except TypeError:
        raise BadInput("The event is nested too deep.") from None


def _form(raw: bytes) -> bytes:
    try:
        payload = parse_qs(raw.decode("ascii"), max_num_fields=10, errors="strict").get("payload", [])
    except ValueError:
        payload = []
    if len(payload) != 1:
        raise UnsupportedMediaType("A form must have one field, `payload`, with the event as JSON.")
    return payload[0].encode()


def _id_and_type(hook: Hook, headers: Mapping[str, str], body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    match hook.scheme:
        case SignatureScheme.STANDARD_WEBHOOKS:
            return headers.get("webhook-id"), _text(body.get("type"))
        case SignatureScheme.GITHUB:
            return headers.get("x-github-delivery"), headers.get("x-github-event")
        case SignatureScheme.STRIPE:
            return _text(body.get("id")), _text(body.get("type"))
    id_header, type_header = (hook.scheme_options.get(name) for name in ("id_header", "event_type_header"))
    by_bytes = hook.scheme_options.get("id_from") == "sha256"
    in_body = None if by_bytes else _text(body.get("id"))
    return (
        headers.get(id_header.lower()) if id_header else in_body,
        headers.get(type_header.lower()) if type_header else _text(body.get("type")),
    )


def _text(value: Any) -> str | None:
    """Texts and whole numbers name something; nothing else does."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
