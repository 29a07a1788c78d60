"""Inbox messages: what came to hooks, as clients see it."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import InboxMessage, InboxStatus
from schemas.base import AsIs, PublicId, Time
from schemas.job import ErrorOut

STATUSES = [status.value for status in InboxStatus]


class InboxMessageOut(Schema):
    """What came to a hook, once."""

    id = PublicId("inmsg", required=True)
    object = fields.Constant("inbox_message", required=True)
    project_id = PublicId("proj", required=True)
    hook_id = PublicId("hook", required=True)
    external_id = fields.String(required=True, metadata={"description": "The sender's own id of the event."})
    event_type = fields.String(required=True, allow_none=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf(STATUSES),
        metadata={"description": "`received`: it waits; `submitted`: `job_id` is its job; `failed`: `error` says why."},
    )
    job_id = PublicId("job", required=True, allow_none=True)
    error = AsIs(ErrorOut, required=True, allow_none=True)
    retry_at = Time(
        required=True,
        allow_none=True,
        metadata={"description": "When a job is tried for again; null while its hook is paused."},
    )
    created_at = Time(required=True)


class WholeInboxMessageOut(InboxMessageOut):
    """The same with the event itself."""

    body = fields.Raw(
        required=True,
        allow_none=True,
        metadata={"description": "As it came; null once its job is submitted, if that is private (`store`)."},
    )


def received_view(message: InboxMessage | None) -> dict[str, Any]:
    """What a sender is told; without a message, the event was of a type that the hook ignores."""
    if message is None:
        return {"object": "inbox_message", "id": None, "status": "ignored", "job_id": None}
    found: dict[str, Any] = InboxMessageOut(only=("object", "id", "status", "job_id")).dump(message)
    return found
