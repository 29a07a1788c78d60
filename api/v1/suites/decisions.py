"""What people say of how a case ended: another verdict, or what is to follow from it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.suites.place import at, placed
from models import Case, CaseResult, Run
from schemas.suite_run import AcceptIn, CaseResultOut, NoteIn, OverrideIn, result_view
from workers.suites import deciding, overriding, runs

Json = dict[str, Any]

ONE = "/test_runs/<run_id>/cases/<case_id>"


@at("POST", f"{ONE}/override")
@endpoint(scope="tests:review", body=OverrideIn, returns=CaseResultOut, errors=(404, 409))
@placed
def override_verdict(call: Call, project_id: UUID, run_id: str, case_id: str) -> Json:
    """Gives a case of an ended run another verdict, which stands; the run is counted again."""
    return _overridden(call, project_id, run_id, case_id, call.body["verdict"], call.body["note"])


@at("DELETE", f"{ONE}/override")
@endpoint(scope="tests:review", returns=CaseResultOut, errors=(404, 409))
@placed
def take_override_back(call: Call, project_id: UUID, run_id: str, case_id: str) -> Json:
    """Takes a person's verdict back: the one that was found counts again."""
    return _overridden(call, project_id, run_id, case_id, None, None)


@at("POST", f"{ONE}/accept")
@endpoint(scope="tests:review", body=AcceptIn, returns=CaseResultOut, errors=(404, 409))
@placed
def accept_result(call: Call, project_id: UUID, run_id: str, case_id: str) -> Json:
    """Makes what came back the expectation: a new version of the case, whose failed assertions get what was observed.

    It is characterisation, and labelled so. What has no value to take over (latency, a schema, a judge's prompt) is
    refused with its reason, and nothing is changed.
    """
    return _decided(call, project_id, run_id, case_id, deciding.accept)


@at("POST", f"{ONE}/reject")
@endpoint(scope="tests:review", body=NoteIn, returns=CaseResultOut, errors=(404, 409))
@placed
def reject_result(call: Call, project_id: UUID, run_id: str, case_id: str) -> Json:
    """Says that what came back is a fault of what is tested."""
    return _decided(call, project_id, run_id, case_id, deciding.reject)


@at("POST", f"{ONE}/new_case")
@endpoint(scope="tests:review", body=AcceptIn, returns=CaseResultOut, errors=(404, 409))
@placed
def make_case_of_result(call: Call, project_id: UUID, run_id: str, case_id: str) -> Json:
    """Makes a copy of the case that expects what came back, as a draft; `decision` names it."""
    return _decided(call, project_id, run_id, case_id, deciding.new_case)


def _overridden(call: Call, project_id: UUID, run_id: str, case_id: str, verdict: str | None, note: str | None) -> Json:
    run, case = _of(call, project_id, run_id, case_id)
    by = call.principal.id
    return result_view(overriding.override(call.session, run, case, verdict=verdict, note=note, by=by))


def _decided(call: Call, project_id: UUID, run_id: str, case_id: str, decide: Callable[..., CaseResult]) -> Json:
    run, case = _of(call, project_id, run_id, case_id)
    return result_view(decide(call.session, run, case, call.body, by=call.principal.id))


def _of(call: Call, project_id: UUID, run_id: str, case_id: str) -> tuple[Run, UUID]:
    """The run, locked, and the case's id."""
    run = runs.final_run(call.session, project_id, call.id(Run.prefix, run_id), lock=True)
    return run, call.id(Case.prefix, case_id)
