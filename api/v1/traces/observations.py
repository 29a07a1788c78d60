"""Observations: of a trace, and across traces."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.traces.place import at, placed
from models import Trace
from schemas.observation import ObservationPage, ObservationsOfTraceQuery, ObservationsQuery
from workers.traces import observations, queries

Json = dict[str, Any]


@at("GET", "/observations")
@endpoint(scope="traces:read", query=ObservationsQuery, returns=ObservationPage, errors=(404,))
@placed
def list_observations(call: Call, project_id: UUID) -> Json:
    """Lists observations of all traces by time, newest first. A page may be short, or empty, where what is asked for is
    rare: `has_more` says whether to go on, with `cursor`. Bounds on the time make it quick."""
    return observations.list_observations(call.session, project_id, call.query)


@at("GET", "/traces/<trace_id>/observations")
@endpoint(scope="traces:read", query=ObservationsOfTraceQuery, returns=ObservationPage, errors=(404,))
@placed
def list_observations_of_trace(call: Call, project_id: UUID, trace_id: str) -> Json:
    """Lists the observations of a trace by time, newest first; however many there are."""
    trace = queries.get_trace(call.session, project_id, call.id(Trace.prefix, trace_id))
    return observations.list_observations(call.session, project_id, call.query, of=trace)
