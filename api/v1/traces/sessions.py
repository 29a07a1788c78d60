"""Sessions of traces: listed, and one with its traces."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.traces.place import at, placed
from infra import ids
from models import Trace
from schemas.trace import trace_view
from schemas.trace_session import (
    TraceSessionDetailOut,
    TraceSessionOut,
    TraceSessionQuery,
    TraceSessionsQuery,
    session_view,
)
from workers.paging import PageOf
from workers.traces import queries, sessions

Json = dict[str, Any]


@at("GET", "/trace_sessions")
@endpoint(scope="traces:read", query=TraceSessionsQuery, returns=TraceSessionOut, page=True, errors=(404,))
@placed
def list_trace_sessions(call: Call, project_id: UUID) -> PageOf[Any]:
    """Lists sessions by when they were last seen, newest first, with what their traces add up to."""
    return sessions.list_sessions(call.session, project_id, call.query).map(session_view)


@at("GET", "/trace_sessions/view")
@endpoint(scope="traces:read", query=TraceSessionQuery, returns=TraceSessionDetailOut, errors=(404,))
@placed
def get_trace_session(call: Call, project_id: UUID) -> Json:
    """One session, named by `session_id`, with its traces in the order of time: what was asked and answered in each.
    `limit`, `after` and `order` are about the traces."""
    found = sessions.get_session(call.session, project_id, call.query["session_id"])
    page = queries.list_traces(call.session, project_id, {"session_id": found.id}, call.window)
    features = queries.features_of(call.session, project_id, page.rows)
    shown = [trace_view(one, features) for one in page.rows]
    named = [ids.show(Trace.prefix, one.id) for one in page.rows]
    first, last = (named[0], named[-1]) if named else (None, None)
    envelope = {"data": shown, "has_more": page.has_more, "first_id": first, "last_id": last}
    return session_view(found) | {"page": envelope}
