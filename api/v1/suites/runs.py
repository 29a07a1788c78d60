"""Test runs: started, listed, shown with their cases and executions, cancelled, run again, deleted."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, Later, endpoint
from api.v1.knowledge.place import pointing_into_the_body
from api.v1.suites.place import at, placed
from infra import ids
from models import Case, CaseRun, Run, Suite
from schemas.job import JobOut, job_view
from schemas.suite_run import (
    CaseResultOut,
    CaseResultsQuery,
    CaseRunOut,
    CaseRunsQuery,
    RerunIn,
    RunOut,
    RunsQuery,
    WholeCaseRunOut,
    WholeRunOut,
    case_run_view,
    result_view,
)
from schemas.test_run_request import SuiteRunIn, TestRunIn, input_of
from workers.jobs.submit import Wish, wish_of
from workers.paging import PageOf
from workers.suites import forgetting, rerunning, runs
from workers.suites.running.starting import start

Json = dict[str, Any]

ONE = "/test_runs/<run_id>"


@at("POST", "/test_runs")
@endpoint(scope="tests:run", body=TestRunIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def start_test_run(call: Call, project_id: UUID) -> Json:
    """Runs test cases: those that are named, a suite's, or all with a tag. The answer is the job; the run has its id,
    behind `run_`, and is there at once."""
    return _started(call, project_id, input_of(call.body))


@at("POST", "/suites/<suite_id>/run")
@endpoint(scope="tests:run", body=SuiteRunIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def run_suite(call: Call, project_id: UUID, suite_id: str) -> Json:
    """Runs a suite, in its own way or in another."""
    suite = ids.show(Suite.prefix, call.id(Suite.prefix, suite_id))
    return _started(call, project_id, {**input_of(call.body), "suite": suite})


@at("GET", "/test_runs")
@endpoint(scope="tests:read", query=RunsQuery, returns=RunOut, page=True, errors=(404,))
@placed
def list_test_runs(call: Call, project_id: UUID) -> PageOf[Run]:
    """Lists the project's runs, newest first."""
    return runs.list_runs(call.session, project_id, call.query, call.window)


@at("GET", ONE)
@endpoint(scope="tests:read", returns=WholeRunOut, errors=(404,))
@placed
def get_test_run(call: Call, project_id: UUID, run_id: str) -> Json:
    """One run: how far it is, how it ended, and where its reports are."""
    return runs.show(call.session, _run(call, project_id, run_id))


@at("DELETE", ONE)
@endpoint(scope="tests:write", returns=WholeRunOut, errors=(404, 409))
@placed
def remove_test_run(call: Call, project_id: UUID, run_id: str) -> Later:
    """Deletes a run that has ended, with its executions and reports, and answers with it as it was."""
    run = runs.final_run(call.session, project_id, call.id(Run.prefix, run_id))
    shown = runs.show(call.session, run)

    def make() -> Json:
        forgetting.forget(run)
        return shown

    return Later(make)


@at("POST", f"{ONE}/cancel")
@endpoint(scope="tests:run", returns=WholeRunOut, errors=(404, 409))
@placed
def cancel_test_run(call: Call, project_id: UUID, run_id: str) -> Json:
    """Stops a run: nothing new begins, and what has begun is torn down."""
    return runs.cancel(call.session, project_id, call.id(Run.prefix, run_id))


@at("POST", f"{ONE}/rerun")
@endpoint(scope="tests:run", body=RerunIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def rerun_test_run(call: Call, project_id: UUID, run_id: str) -> Json:
    """Runs again what an ended run did, or only its cases that failed, errored or were flaky."""
    run = runs.final_run(call.session, project_id, call.id(Run.prefix, run_id))
    wish = Wish(request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(rerunning.rerun(call.session, run, call.body["which"], wish=wish))


@at("GET", f"{ONE}/cases")
@endpoint(scope="tests:read", query=CaseResultsQuery, returns=CaseResultOut, page=True, errors=(404,))
@placed
def list_run_cases(call: Call, project_id: UUID, run_id: str) -> PageOf[Any]:
    """Lists what became of a run's cases, in the run's order."""
    return runs.list_results(call.session, _run(call, project_id, run_id), call.query, call.window)


@at("GET", f"{ONE}/cases/<case_id>")
@endpoint(scope="tests:read", returns=CaseResultOut, errors=(404,))
@placed
def get_run_case(call: Call, project_id: UUID, run_id: str, case_id: str) -> Json:
    """What became of one case in a run."""
    run = _run(call, project_id, run_id)
    return result_view(runs.get_result(call.session, run, call.id(Case.prefix, case_id)))


@at("GET", f"{ONE}/executions")
@endpoint(scope="tests:read", query=CaseRunsQuery, returns=CaseRunOut, page=True, errors=(404,))
@placed
def list_executions(call: Call, project_id: UUID, run_id: str) -> PageOf[CaseRun]:
    """Lists a run's executions, without their steps."""
    return runs.list_executions(call.session, _run(call, project_id, run_id), call.query, call.window)


@at("GET", f"{ONE}/executions/<case_run_id>")
@endpoint(scope="tests:read", returns=WholeCaseRunOut, errors=(404,))
@placed
def get_execution(call: Call, project_id: UUID, run_id: str, case_run_id: str) -> Json:
    """One execution, with what each step sent, what came back, and how that was judged."""
    run = _run(call, project_id, run_id)
    return case_run_view(runs.get_execution(call.session, run, call.id(CaseRun.prefix, case_run_id)), whole=True)


def _run(call: Call, project_id: UUID, run_id: str) -> Run:
    return runs.get_run(call.session, project_id, call.id(Run.prefix, run_id))


def _started(call: Call, project_id: UUID, wanted: Json) -> Json:
    wish = wish_of(call.body, request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(start(call.session, project_id, wanted, wish))
