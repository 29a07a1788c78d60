"""Suites: made, listed, changed, removed, and the cases that they run."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.suites.place import at, placed
from models import Case, Suite
from schemas.case import CaseOut, case_view
from schemas.suite import SuiteCasesQuery, SuiteIn, SuiteOut, SuitePatch, SuitesQuery, suite_view
from workers.paging import PageOf
from workers.suites import case_lists, manage

ONE = "/suites/<suite_id>"


@at("POST", "/suites")
@endpoint(scope="tests:write", body=SuiteIn, returns=SuiteOut, status=201, errors=(404, 409))
@placed
def create_suite(call: Call, project_id: UUID) -> dict[str, Any]:
    """Makes a suite of cases that are named, and of all that have one of its tags."""
    return suite_view(manage.create_suite(call.session, project_id, call.body, created_by=call.principal.id))


@at("GET", "/suites")
@endpoint(scope="tests:read", query=SuitesQuery, returns=SuiteOut, page=True, errors=(404,))
@placed
def list_suites(call: Call, project_id: UUID) -> PageOf[Suite]:
    """Lists the project's suites."""
    return manage.list_suites(call.session, project_id, call.query, call.window).map(suite_view)


@at("GET", ONE)
@endpoint(scope="tests:read", returns=SuiteOut, errors=(404,))
@placed
def get_suite(call: Call, project_id: UUID, suite_id: str) -> dict[str, Any]:
    """One suite."""
    return suite_view(_suite(call, project_id, suite_id))


@at("PATCH", ONE)
@endpoint(scope="tests:write", body=SuitePatch, returns=SuiteOut, errors=(404, 409))
@placed
def change_suite(call: Call, project_id: UUID, suite_id: str) -> dict[str, Any]:
    """Changes the fields that are sent; the next run has them."""
    return suite_view(manage.change_suite(call.session, _suite(call, project_id, suite_id, lock=True), call.body))


@at("DELETE", ONE)
@endpoint(scope="tests:write", returns=SuiteOut, errors=(404,))
@placed
def remove_suite(call: Call, project_id: UUID, suite_id: str) -> dict[str, Any]:
    """Deletes a suite and answers with it as it was; its cases and runs stay."""
    return suite_view(manage.remove_suite(call.session, _suite(call, project_id, suite_id, lock=True)))


@at("GET", f"{ONE}/cases")
@endpoint(scope="tests:read", query=SuiteCasesQuery, returns=CaseOut, page=True, errors=(404,))
@placed
def list_suite_cases(call: Call, project_id: UUID, suite_id: str) -> PageOf[Case]:
    """Lists the cases that a run of the suite takes, in their order."""
    suite = _suite(call, project_id, suite_id)
    return case_lists.list_cases_of(call.session, suite, call.query).map(case_view)


def _suite(call: Call, project_id: UUID, suite_id: str, *, lock: bool = False) -> Suite:
    return manage.get_suite(call.session, project_id, call.id(Suite.prefix, suite_id), lock=lock)
