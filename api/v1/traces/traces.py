"""Traces: listed, shown as a tree, by session, deleted."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, Later, endpoint
from api.v1.traces.place import at, placed
from models import Trace
from schemas.base import page_query
from schemas.trace import (
    TraceDetailOut,
    TraceOut,
    TraceQuery,
    TracesDeleteIn,
    TracesDeleteOut,
    TracesQuery,
    trace_view,
)
from workers.paging import PageOf
from workers.traces import observations, queries, removing

Json = dict[str, Any]

ONE = "/traces/<trace_id>"


@at("GET", "/traces")
@endpoint(scope="traces:read", query=TracesQuery, returns=TraceOut, page=True, errors=(404,))
@placed
def list_traces(call: Call, project_id: UUID) -> PageOf[Any]:
    """Lists traces by the time they began, newest first. One that has just been received is there at once; what it adds
    up to, and so most filters, a second later."""
    return _shown(call, project_id, queries.list_traces(call.session, project_id, call.query, call.window))


@at("GET", ONE)
@endpoint(scope="traces:read", query=TraceQuery, returns=TraceDetailOut, errors=(404,))
@placed
def get_trace(call: Call, project_id: UUID, trace_id: str) -> Json:
    """One trace with the tree of its observations: what was asked and answered in each, its attributes and events. Long
    texts are cut, but for `whole=true`."""
    trace = _trace(call, project_id, trace_id)
    features = queries.features_of(call.session, project_id, [trace])
    return trace_view(trace, features) | observations.tree_of(call.session, trace, whole=call.query["whole"])


@at("GET", f"{ONE}/session")
@endpoint(scope="traces:read", query=page_query("trace"), returns=TraceOut, page=True, errors=(404,))
@placed
def list_session_of_trace(call: Call, project_id: UUID, trace_id: str) -> PageOf[Any]:
    """Lists the traces of the session that a trace belongs to, itself included; of one without a session, itself."""
    trace = _trace(call, project_id, trace_id)
    return _shown(call, project_id, queries.list_session(call.session, trace, call.window))


@at("DELETE", ONE)
@endpoint(scope="traces:write", returns=TraceOut, errors=(404,))
@placed
def remove_trace(call: Call, project_id: UUID, trace_id: str) -> Json:
    """Deletes a trace with its observations, and answers with it as it was; metrics and its session lose it, too."""
    trace = _trace(call, project_id, trace_id)
    shown = trace_view(trace, queries.features_of(call.session, project_id, [trace]))
    call.session.expunge(trace)
    removing.remove_trace(call.session, project_id, trace.id, by=call.principal.id)
    return shown


@at("POST", "/traces/delete")
@endpoint(scope="traces:write", body=TracesDeleteIn, returns=TracesDeleteOut, errors=(404,))
@placed
def remove_traces(call: Call, project_id: UUID) -> Later:
    """Deletes traces: those that are named, or all that a filter finds, oldest first. It takes some seconds at most;
    where `has_more` is true, ask again until it is not. Ids of traces that are not there are passed over."""
    named, wanted, by = call.body.get("trace_ids"), call.body.get("filter"), call.principal.id

    def make() -> Json:
        done = removing.remove_many(project_id, trace_ids=named, wanted=wanted, by=by)
        return {"deleted": done.traces, "observations": done.observations, "has_more": done.more}

    return Later(make)


def _trace(call: Call, project_id: UUID, trace_id: str) -> Trace:
    return queries.get_trace(call.session, project_id, call.id(Trace.prefix, trace_id))


def _shown(call: Call, project_id: UUID, page: PageOf[Any]) -> PageOf[Any]:
    features = queries.features_of(call.session, project_id, page.rows)
    return page.map(lambda one: trace_view(one, features))
