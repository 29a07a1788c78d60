"""The memory of failures, and how a case came out over time."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.suites.place import at, placed
from models import Case, Failure
from schemas.case_history import HistoryOut, HistoryQuery
from schemas.suite_run import FailureOut, FailuresQuery, failure_view
from workers.paging import PageOf
from workers.suites import history

Json = dict[str, Any]


@at("GET", "/test_failures")
@endpoint(scope="tests:read", query=FailuresQuery, returns=FailureOut, page=True, errors=(404,))
@placed
def list_failures(call: Call, project_id: UUID) -> PageOf[Failure]:
    """Lists the failures that were ever seen: the same failure of a case is one, however often it comes."""
    return history.list_failures(call.session, project_id, call.query, call.window).map(failure_view)


@at("GET", "/test_failures/<failure_id>")
@endpoint(scope="tests:read", returns=FailureOut, errors=(404,))
@placed
def get_failure(call: Call, project_id: UUID, failure_id: str) -> Json:
    """One failure: what it is, since when, how often, and whether it is over."""
    return failure_view(history.get_failure(call.session, project_id, call.id(Failure.prefix, failure_id)))


@at("GET", "/test_cases/<case_id>/history")
@endpoint(scope="tests:read", query=HistoryQuery, returns=HistoryOut, errors=(404,))
@placed
def get_case_history(call: Call, project_id: UUID, case_id: str) -> Json:
    """How a case came out in its last runs, and how often it was flaky."""
    found = call.id(Case.prefix, case_id)
    return history.history(call.session, project_id, found, call.query["limit"], call.query.get("environment_id"))
