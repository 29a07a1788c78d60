"""Test cases: made, listed, changed, removed, copied, and their versions."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.knowledge.versions import version_number
from api.v1.suites.place import at, placed
from models import Case, CaseVersion
from schemas.base import page_query
from schemas.case import (
    CaseDetailOut,
    CaseDuplicateIn,
    CaseIn,
    CaseOut,
    CasePatch,
    CaseQuery,
    CasesQuery,
    CaseVersionOut,
    case_detail_view,
    case_view,
    version_view,
)
from workers.paging import PageOf
from workers.suites import case_lists, case_versions, cases

ONE = "/test_cases/<case_id>"


@at("POST", "/test_cases")
@endpoint(scope="tests:write", body=CaseIn, returns=CaseDetailOut, status=201, errors=(404,))
@placed
def create_test_case(call: Call, project_id: UUID) -> dict[str, Any]:
    """Makes a test case: steps that call an API or ask a model, and what their answers must be."""
    made = cases.create_case(call.session, project_id, call.body, created_by=call.principal.id)
    return case_detail_view(made, cases.content_of(call.session, made))


@at("GET", "/test_cases")
@endpoint(scope="tests:read", query=CasesQuery, returns=CaseOut, page=True, errors=(404,))
@placed
def list_test_cases(call: Call, project_id: UUID) -> PageOf[Case]:
    """Lists the project's test cases, without what they do."""
    return case_lists.list_cases(call.session, project_id, call.query, call.window).map(case_view)


@at("GET", ONE)
@endpoint(scope="tests:read", query=CaseQuery, returns=CaseDetailOut, errors=(404,))
@placed
def get_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """One test case with what it does, in its newest version or in `version`."""
    found, number = _case(call, project_id, case_id), call.query.get("version")
    return case_detail_view(found, cases.content_of(call.session, found, number), number)


@at("PATCH", ONE)
@endpoint(scope="tests:write", body=CasePatch, returns=CaseDetailOut, errors=(404,))
@placed
def change_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """Changes the fields that are sent; where the case does another thing then, that is a new version."""
    case, by, note = _case(call, project_id, case_id, lock=True), call.principal.id, call.body.pop("note", None)
    cases.change_case(call.session, case, call.body, by=by, note=note)
    return case_detail_view(case, cases.content_of(call.session, case))


@at("DELETE", ONE)
@endpoint(scope="tests:write", returns=CaseOut, errors=(404,))
@placed
def remove_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """Deletes a test case and answers with it as it was; what runs said of it stays."""
    return case_view(cases.remove_case(call.session, _case(call, project_id, case_id, lock=True)))


@at("POST", f"{ONE}/duplicate")
@endpoint(
    scope="tests:write",
    body=CaseDuplicateIn,
    returns=CaseDetailOut,
    status=201,
    place="/v1/test_cases",
    errors=(404,),
)
@placed
def duplicate_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """Makes a case that does the same, under a name of its own; a copy of what is not approved is a draft."""
    case = _case(call, project_id, case_id)
    copy = cases.duplicate(call.session, case, name=call.body["name"], by=call.principal.id)
    return case_detail_view(copy, cases.content_of(call.session, copy))


@at("GET", f"{ONE}/versions")
@endpoint(scope="tests:read", query=page_query("tcv"), returns=CaseVersionOut, page=True, errors=(404,))
@placed
def list_test_case_versions(call: Call, project_id: UUID, case_id: str) -> PageOf[CaseVersion]:
    """Lists the versions of a test case; what each did is in the case, with `?version=`."""
    found = case_versions.list_versions(call.session, _case(call, project_id, case_id), call.window)
    return found.map(version_view)


@at("POST", f"{ONE}/versions/<number>/restore")
@endpoint(scope="tests:write", returns=CaseDetailOut, errors=(404,))
@placed
def restore_test_case_version(call: Call, project_id: UUID, case_id: str, number: str) -> dict[str, Any]:
    """Makes the case do again what it did in that version, as a new version."""
    case = _case(call, project_id, case_id, lock=True)
    case_versions.restore(call.session, case, version_number(number), by=call.principal.id)
    return case_detail_view(case, cases.content_of(call.session, case))


def _case(call: Call, project_id: UUID, case_id: str, *, lock: bool = False) -> Case:
    return cases.get_case(call.session, project_id, call.id(Case.prefix, case_id), lock=lock)
