"""Metrics of traces over time."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.traces.place import at, placed
from schemas.trace_metrics import TraceMetricsOut, TraceMetricsQuery
from workers.traces import metrics


@at("GET", "/trace_metrics")
@endpoint(scope="traces:read", query=TraceMetricsQuery, returns=TraceMetricsOut, errors=(404,))
@placed
def get_trace_metrics(call: Call, project_id: UUID) -> dict[str, Any]:
    """Counts traces, or observations, over time: how many, errors, percentiles of durations, tokens and cost, grouped
    by anything.

    A trace counts when it began, an observation when that one did; usage counts once, however often outer spans repeat
    it. A trace that called several models is in the group of each. Figures follow a reception within seconds, also for
    what comes late.
    """
    return metrics.report(call.session, project_id, call.query)
