"""Test cases for what stored traces did: read one after the other, each as it is now."""

from typing import Any
from uuid import UUID

from infra import db, ids
from infra.errors import NotFound
from models import Feature, Trace
from workers.suites.assertions.lookup import Operations
from workers.suites.generating.from_trace import cases_of
from workers.suites.generating.trace_calls import is_call
from workers.suites.generating.trace_requests import is_http
from workers.traces import queries
from workers.traces.base import Place, Sought, Stored
from workers.traces.store import store

Json = dict[str, Any]

MOST_OBSERVATIONS = 20_000
AT_ONCE = 500


def suggested(
    project_id: UUID, trace_ids: list[UUID], *, operations: Operations | None, warnings: list[Json]
) -> list[Json]:
    """Bodies of cases for what the traces did, what several did once. Each says in its `source` of which trace and
    feature it is. A trace that is not there any more is told in `warnings`; not to be called in a transaction."""
    found: dict[str, Json] = {}
    for trace_id in trace_ids:
        shown = ids.show(Trace.prefix, trace_id)
        try:
            feature_id = _feature_of(project_id, trace_id)
        except NotFound:
            warnings.append({"message": f"{shown} is not there any more."})
            continue
        notes: list[Json] = []
        cases = cases_of(_observations(project_id, trace_id), operations=operations, warnings=notes)
        if not cases and not notes:
            notes.append({"message": "It has neither requests nor calls of models."})
        warnings += [{**one, "message": f"{shown}: {one['message']}"} for one in notes]
        for case in cases:
            found.setdefault(case["source"]["key"], _of(case, shown, feature_id))
    return list(found.values())


def _of(case: Json, trace: str, feature_id: UUID | None) -> Json:
    feature = None if feature_id is None else ids.show(Feature.prefix, feature_id)
    return {
        **case,
        **({"feature_id": feature} if feature else {}),
        "source": {**case["source"], "trace_id": trace, "feature_id": feature},
    }


def _feature_of(project_id: UUID, trace_id: UUID) -> UUID | None:
    """The feature that the trace belongs to; raises NotFound where there is no such trace."""
    with db.transaction() as session:
        trace = queries.get_trace(session, project_id, trace_id)
        feature = queries.features_of(session, project_id, [trace]).get(trace.feature_id) if trace.feature_id else None
        return feature.id if feature else None


def _observations(project_id: UUID, trace_id: UUID) -> list[Stored]:
    """The first of a trace's observations; what says nothing for a case has its place alone."""
    found: list[Stored] = []
    after: Place | None = None
    while len(found) < MOST_OBSERVATIONS:
        with db.transaction() as session:
            page = store().find(
                session,
                project_id,
                Sought(trace_ids=[trace_id]),
                limit=AT_ONCE,
                after=after,
                newest_first=False,
                bodies=True,
            )
        for one in page.rows:
            if not (is_http(one) or is_call(one)):
                one.attributes, one.events, one.links = {}, [], []
            found.append(one)
        after = page.next
        if after is None:
            break
    return found
