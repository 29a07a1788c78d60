"""Everything that happens in a project: listed, or followed as it comes."""

from flask import Blueprint, Response

from api.endpoint import Call, endpoint
from api.waiting import project_events_answer
from schemas.project_events import ProjectEventsOut, ProjectEventsQuery

bp = Blueprint("events", __name__, url_prefix="/v1/events")


@bp.get("")
@endpoint(
    scope="jobs:read",
    query=ProjectEventsQuery,
    returns=ProjectEventsOut,
    errors=(404,),
    also={"text/event-stream": "SSE"},
)
def list_events(call: Call) -> Response:
    """The project's events in one order that never changes: a JSON list, or with `Accept: text/event-stream` a stream.

    The list begins with the oldest event that is kept, the stream with what happens from now on; `after` begins behind
    any cursor, and `after=start` at the oldest. The SSE `id` is the cursor: resumed with `Last-Event-ID`, a stream goes
    on without gap or repeat for as long as events are kept. It has no end. Where its types are rare, comments carry the
    id on. `job.delta` is not here: it is streamed with its job only.
    """
    return project_events_answer(call, call.own_project(call.query.get("project_id")))
