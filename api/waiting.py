"""What a client that waits or follows says of it, and a list of events as JSON."""

from functools import partial
from typing import Any
from uuid import UUID

from flask import Response, request

from api.endpoint import Call
from api.feeds import Follower
from api.streams import EVENT_STREAM, HeldResponse, event_stream, project_stream, still_at, still_here
from infra import json
from infra.errors import InvalidParameter
from models import Batch, Job
from workers.jobs import feed
from workers.jobs.events import read_events


def events_answer(call: Call, subject: UUID, of: type[Job | Batch]) -> Response:
    """The events of a job or batch: a JSON list, or the stream that `Accept` asks for."""
    project, limit = call.principal.project_id, call.query["limit"]
    after = last_event_id() or call.query["after"]
    if streamed():
        return HeldResponse(event_stream(project, subject, after, of), EVENT_STREAM, still_here)
    page = read_events(call.session, project_id=project, job_id=subject, after=after, limit=limit + 1, of=of)
    return event_page(page.events[:limit], len(page.events) > limit)


def project_events_answer(call: Call, project: UUID) -> Response:
    """A project's events: a JSON list from the oldest on, or the stream of new ones; either behind a given place."""
    place, types = _place(call), feed.types_of(call.query["types"])
    if streamed():
        follower = Follower(project, place, types)
        return HeldResponse(project_stream(follower), EVENT_STREAM, partial(still_at, follower))
    limit = call.query["limit"]
    found = feed.page(call.session, project_id=project, after=place or feed.BEGINNING, limit=limit, types=types)
    return event_page([one.event for one in found.events], found.more, cursor=str(found.place))


def streamed() -> bool:
    """Whether the client asks for a stream."""
    return EVENT_STREAM in request.headers.get("Accept", "")


def event_page(data: list[dict[str, Any]], has_more: bool, **more: Any) -> Response:
    """Events as a JSON list."""
    body = {
        "object": "list",
        "data": data,
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        **more,
    }
    return Response(json.dump_bytes(body), content_type="application/json")


def _place(call: Call) -> feed.Place | None:
    """Where the client stands: what a browser's EventSource sends by itself is newer than what stands in its URL."""
    given, pointer = request.headers.get("Last-Event-ID", ""), "/Last-Event-ID"
    if not given:
        given, pointer = call.query.get("after", ""), "/after"
    if not given:
        return None
    place = feed.place_at(given, pointer)
    feed.check(call.session, place, pointer)
    return place


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
