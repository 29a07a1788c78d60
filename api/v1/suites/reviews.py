"""What people decide about test cases: approved, rejected, quarantined, released."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.suites.cases import ONE
from api.v1.suites.place import at, placed
from models import Case, CaseState
from schemas.case import (
    CaseOut,
    CaseQuarantineIn,
    CaseReleaseIn,
    CaseReviewIn,
    CasesReviewIn,
    CasesReviewOut,
    case_view,
)
from workers.suites import case_review, cases


@at("POST", f"{ONE}/approve")
@endpoint(scope="tests:review", body=CaseReviewIn, returns=CaseOut, errors=(404, 409))
@placed
def approve_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """Approves a draft: runs take it from here on."""
    return _reviewed(call, project_id, case_id, CaseState.APPROVED)


@at("POST", f"{ONE}/reject")
@endpoint(scope="tests:review", body=CaseReviewIn, returns=CaseOut, errors=(404, 409))
@placed
def reject_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """Rejects a draft: it stays, runs never take it, and what generated it does not make it again."""
    return _reviewed(call, project_id, case_id, CaseState.REJECTED)


@at("POST", "/test_cases/approve")
@endpoint(scope="tests:review", body=CasesReviewIn, returns=CasesReviewOut, errors=(404, 409))
@placed
def approve_test_cases(call: Call, project_id: UUID) -> dict[str, Any]:
    """Approves up to 1000 drafts, all of them or none."""
    return _all_reviewed(call, project_id, CaseState.APPROVED)


@at("POST", "/test_cases/reject")
@endpoint(scope="tests:review", body=CasesReviewIn, returns=CasesReviewOut, errors=(404, 409))
@placed
def reject_test_cases(call: Call, project_id: UUID) -> dict[str, Any]:
    """Rejects up to 1000 drafts, all of them or none."""
    return _all_reviewed(call, project_id, CaseState.REJECTED)


@at("POST", f"{ONE}/quarantine")
@endpoint(scope="tests:review", body=CaseQuarantineIn, returns=CaseOut, errors=(404, 409))
@placed
def quarantine_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """Runs go on with the case, and its verdict does not count."""
    case = cases.get_case(call.session, project_id, call.id(Case.prefix, case_id), lock=True)
    return case_view(case_review.quarantine(call.session, case, call.body["reason"]))


@at("POST", f"{ONE}/release")
@endpoint(scope="tests:review", body=CaseReleaseIn, returns=CaseOut, errors=(404, 409))
@placed
def release_test_case(call: Call, project_id: UUID, case_id: str) -> dict[str, Any]:
    """The verdict of a quarantined case counts again."""
    case = cases.get_case(call.session, project_id, call.id(Case.prefix, case_id), lock=True)
    return case_view(case_review.release(call.session, case, call.body["reason"]))


def _reviewed(call: Call, project_id: UUID, case_id: str, state: CaseState) -> dict[str, Any]:
    wanted, by = [call.id(Case.prefix, case_id)], call.principal.id
    return case_view(case_review.review(call.session, project_id, wanted, state, by=by, note=call.body["note"])[0])


def _all_reviewed(call: Call, project_id: UUID, state: CaseState) -> dict[str, Any]:
    wanted, by = call.body["test_case_ids"], call.principal.id
    found = case_review.review(call.session, project_id, wanted, state, by=by, note=call.body["note"])
    return {"state": state.value, "test_case_ids": [case.id for case in found]}
