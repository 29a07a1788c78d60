"""What a client that waits or follows says of it, and a list of events as JSON."""

from typing import Any
from uuid import UUID

from flask import Response, request

from api.endpoint import Call
from api.streams import HeldResponse, event_stream
from infra import json
from infra.errors import InvalidParameter
from models import Batch, Job
from workers.jobs.events import read_events


def events_answer(call: Call, subject: UUID, of: type[Job | Batch]) -> Response:
    """The events of a job or batch: a JSON list, or the stream that `Accept` asks for."""
    project, limit = call.principal.project_id, call.query["limit"]
    after = last_event_id() or call.query["after"]
    if "text/event-stream" in request.headers.get("Accept", ""):
        return HeldResponse(event_stream(project, subject, after, of), "text/event-stream")
    page = read_events(call.session, project_id=project, job_id=subject, after=after, limit=limit + 1, of=of)
    return event_page(page.events, limit)


def event_page(page: list[dict[str, Any]], limit: int) -> Response:
    """Events as a JSON list; `page` has one more than wanted where more follow."""
    data = page[:limit]
    body = {
        "object": "list",
        "data": data,
        "has_more": len(page) > limit,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
    return Response(json.dump_bytes(body), content_type="application/json")


def preferred_wait() -> float:
    """`Prefer: wait=30` (RFC 7240); what cannot be read is ignored, as that standard asks."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name == "wait" and value.isdigit():
            return min(float(value), 60.0)
    return 0.0


def last_event_id() -> int:
    """`Last-Event-ID`, the number of the last event that a stream's reader has seen; 0 without one."""
    text = request.headers.get("Last-Event-ID", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidParameter(
            "Last-Event-ID must be the sequence number of the last event seen.",
            errors=[{"pointer": "/Last-Event-ID", "detail": "Must be a whole number."}],
        )
    return int(text or 0)
