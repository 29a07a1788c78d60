"""Webhook endpoints as their project sees them: made, changed, enabled and disabled, given new secrets, removed."""

from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound, SwitchyardError
from infra.http import check_headers, check_url
from models import DisabledReason, WebhookEndpoint
from schemas.catalogue import EVENT_TYPES, matching
from workers.paging import PageOf, Window, page
from workers.webhooks import deliveries, secrets

Json = dict[str, Any]

AT_MOST = 50
PLAIN = ("url", "description", "payload", "rate_per_second")
# Every delivery has its own of these.
OURS = ("content-type", "content-encoding", "accept-encoding", "user-agent", "cookie")
OUR_PREFIX = "webhook-"
LOCK_PROJECT = text("SELECT 1 FROM projects WHERE id = :project_id FOR NO KEY UPDATE")

log = structlog.get_logger(__name__)


def create_endpoint(session: Session, *, project_id: UUID, created_by: UUID, body: Json) -> WebhookEndpoint:
    """A new endpoint; raises BadInput or TargetRefused with pointers, and Conflict where there are too many."""
    endpoint = WebhookEndpoint(id=ids.new_id(), project_id=project_id, created_by=created_by, tokens=0.0)
    secret = _secret(body.get("secret"))
    endpoint.secret = secrets.seal_secret(endpoint.id, secret)
    _apply(endpoint, body)
    # One after the other, so that two requests cannot both be the last.
    session.execute(LOCK_PROJECT, {"project_id": project_id})
    if _count(session, project_id) >= AT_MOST:
        raise Conflict(
            f"This project has {AT_MOST} webhook endpoints, which is the most; delete one, or widen another."
        )
    session.add(endpoint)
    session.flush()
    return endpoint


def _count(session: Session, project_id: UUID) -> int:
    own = WebhookEndpoint.in_project(project_id).where(WebhookEndpoint.url.is_not(None))
    return session.scalar(select(func.count()).select_from(own.subquery())) or 0


def get_endpoint(session: Session, project_id: UUID, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """The project's endpoint of that id, locked if it is to be changed; raises NotFound."""
    query = WebhookEndpoint.in_project(project_id).where(WebhookEndpoint.id == endpoint_id)
    endpoint = session.scalars(query.with_for_update() if lock else query).first()
    if endpoint is None:
        raise NotFound("There is no such webhook endpoint.")
    return endpoint


def list_endpoints(session: Session, project_id: UUID, window: Window) -> PageOf[WebhookEndpoint]:
    """The project's endpoints, by the time they were made."""
    return page(session, WebhookEndpoint.in_project(project_id), WebhookEndpoint, window)


def change_endpoint(session: Session, project_id: UUID, endpoint_id: UUID, changes: Json) -> WebhookEndpoint:
    """The endpoint with these fields changed. What waits for it goes on once it is enabled."""
    endpoint = get_endpoint(session, project_id, endpoint_id, lock=True)
    if endpoint.url is None and not {"url", "event_types"}.isdisjoint(changes):
        raise Conflict("The callback endpoint sends final events to each job's callback_url; it has no url of its own.")
    _apply(endpoint, changes)
    session.flush()
    return endpoint


def remove_endpoint(session: Session, project_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    """The endpoint, as it was. What waits for it has failed; its deliveries stay."""
    endpoint = get_endpoint(session, project_id, endpoint_id, lock=True)
    if endpoint.url is None:
        raise Conflict("The callback endpoint belongs to the project; disable it if nothing is to be sent.")
    session.delete(endpoint)
    session.flush()
    deliveries.give_up(session, endpoint_id)
    return endpoint


def rotate_secret(
    session: Session, project_id: UUID, endpoint_id: UUID, *, secret: str | None, overlap_s: int
) -> WebhookEndpoint:
    """The endpoint with another secret; the one before signs too, for so long."""
    endpoint = get_endpoint(session, project_id, endpoint_id, lock=True)
    fresh = _secret(secret)
    if fresh == secret_of(endpoint):
        problem = "Is the present secret."
        raise BadInput("The secret would not change.", errors=[{"pointer": "/secret", "detail": problem}])
    endpoint.old_secret = endpoint.secret if overlap_s else None
    endpoint.old_secret_until = now() + timedelta(seconds=overlap_s) if overlap_s else None
    endpoint.secret = secrets.seal_secret(endpoint.id, fresh)
    session.flush()
    return endpoint


def secret_of(endpoint: WebhookEndpoint) -> str:
    """`whsec_…`; raises SecretUnreadable or EncryptionNotConfigured."""
    return secrets.open_secret(endpoint.id, endpoint.secret)


def header_names(endpoint: WebhookEndpoint) -> list[str] | None:
    """What its own headers are called; None where they cannot be read."""
    try:
        return sorted(secrets.open_headers(endpoint.id, endpoint.headers))
    except SwitchyardError as error:
        log.error("webhooks.headers_unreadable", endpoint_id=endpoint.public_id, error=error.detail)
        return None


def check_patterns(patterns: Sequence[str]) -> list[str]:
    """The patterns, each once; raises BadInput for those that no webhook would ever match."""
    errors = [
        {"pointer": f"/event_types/{number}", "detail": no_such_type(pattern)}
        for number, pattern in enumerate(patterns)
        if not any(one.webhooks and one.name != "webhook.test" for one in matching(pattern))
    ]
    if errors:
        raise BadInput("No event is of such a type; `errors` says which are.", errors=errors)
    return list(dict.fromkeys(patterns))


def no_such_type(pattern: str, *, exact: bool = False) -> str:
    """Why no webhook delivers what this names, and what is called nearly so; `exact` where patterns are none."""
    if exact and "*" in pattern:
        return "Name one exact type, such as job.succeeded; GET /v1/event_types lists them."
    if pattern in ("webhook.test", "webhook.*"):
        return "A test is sent to the endpoint that it is asked for, whatever that wants; leave it out."
    if matching(pattern):
        return f"{pattern} is not delivered by webhook; follow the job's stream of events."
    names = {one.name for one in EVENT_TYPES if one.webhooks}
    if not exact:
        names |= {f"{one.family}.*" for one in EVENT_TYPES} | {"*"}
    near = get_close_matches(pattern, sorted(names), n=3, cutoff=0.5)
    return f"Matches no event type. {'Near it: ' + ', '.join(near) if near else 'GET /v1/event_types lists them'}."


def _secret(given: str | None) -> str:
    """The given one, checked, or a new one."""
    secret = secrets.new_secret() if given is None else given
    secrets.key_of(secret)
    return secret


def _apply(endpoint: WebhookEndpoint, body: Json) -> None:
    """Writes the given fields, checked."""
    if "url" in body:
        check_url(body["url"])
        # Another receiver has not failed yet.
        endpoint.failing_since = None
    for name in PLAIN:
        if name in body:
            setattr(endpoint, name, body[name])
    if "event_types" in body:
        endpoint.event_types = check_patterns(body["event_types"])
    if "headers" in body:
        endpoint.headers = secrets.seal_headers(endpoint.id, _checked(body["headers"] or {}))
    if "disabled" in body:
        _switch(endpoint, off=body["disabled"])


def _checked(headers: dict[str, str]) -> dict[str, str]:
    check_headers(headers)
    seen: set[str] = set()
    for name in headers:
        low = name.lower()
        if low in OURS or low.startswith(OUR_PREFIX):
            problem = f"{name} is set by Switchyard itself."
        elif low in seen:
            problem = f"{name} is there twice; the case of a header's name means nothing."
        else:
            seen.add(low)
            continue
        at = "/headers/" + name.replace("~", "~0").replace("/", "~1")
        raise BadInput(problem, errors=[{"pointer": at, "detail": problem}])
    return headers


def _switch(endpoint: WebhookEndpoint, *, off: bool) -> None:
    if off and endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_reason = now(), DisabledReason.MANUAL
    if not off and endpoint.disabled_at is not None:
        endpoint.disabled_at = endpoint.disabled_reason = endpoint.failing_since = None
