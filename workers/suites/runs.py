"""Test runs: found, listed, shown with their cases and executions. A run is its job's, and stays when that is gone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlalchemy.orm import Session, undefer

from infra.errors import JobFinal, NotFound, RunNotFinal
from models import FINAL, CaseResult, CaseRun, Job, Run, Suite, Verdict
from schemas.suite_run import case_run_view, result_view, run_view
from workers.jobs import control
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

KIND = "test.run"
DECIDED = (Verdict.PASSED.value, Verdict.FAILED.value, Verdict.ERRORED.value, Verdict.FLAKY.value)


def get_run(session: Session, project_id: UUID, run_id: UUID, *, lock: bool = False) -> Run:
    """The project's run of that id, locked if it is to be changed; raises NotFound. One whose job has not begun is
    there too, with nothing in it; once that has ended, what is not there was deleted, or never began."""
    query = Run.in_project(project_id).where(Run.id == run_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is not None:
        return found
    job = _job(session, project_id, run_id)
    if job is None or job.kind != KIND or job.status in FINAL or lock:
        raise NotFound("There is no such test run.")
    return _to_come(job)


def final_run(session: Session, project_id: UUID, run_id: UUID, *, lock: bool = False) -> Run:
    """The same for a run that has ended; raises RunNotFinal for another."""
    run = get_run(session, project_id, run_id, lock=lock)
    job = _job(session, project_id, run_id)
    if run.finished_at is None and job is not None and job.status not in FINAL:
        raise RunNotFinal
    return run


def show(session: Session, run: Run) -> Json:
    """What WholeRunOut reads."""
    new = _new_failures(session, run.project_id, [run.id])
    return run_view(run, _job(session, run.project_id, run.id), new.get(run.id, 0))


def list_runs(session: Session, project_id: UUID, wanted: Mapping[str, Any], window: Window) -> PageOf[Run]:
    """The project's runs, by the time they were asked for; `wanted` may name suite_id, environment_id and verdict."""
    query = Run.in_project(project_id)
    for name in ("suite_id", "environment_id", "verdict"):
        if wanted.get(name):
            query = query.where(getattr(Run, name) == wanted[name])
    found = page(session, query, Run, window)
    its = [one.id for one in found.rows]
    jobs = {one.id: one for one in session.scalars(Job.in_project(project_id).where(Job.id.in_(its)))} if its else {}
    new = _new_failures(session, project_id, its)
    return found.map(lambda run: run_view(run, jobs.get(run.id), new.get(run.id, 0)))


def cancel(session: Session, project_id: UUID, run_id: UUID) -> Json:
    """Asks the run's job to stop, after which teardown still runs; raises JobFinal where it has ended."""
    run = get_run(session, project_id, run_id)
    if _job(session, project_id, run_id) is None:
        raise JobFinal("The run has ended already.")
    control.cancel(session, project_id, run_id)
    return show(session, run)


def get_result(session: Session, run: Run, case_id: UUID, *, lock: bool = False) -> CaseResult:
    """What became of a case in the run; raises NotFound."""
    query = results_of(run).where(CaseResult.case_id == case_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("The run has no result of such a test case.")
    return found


def list_results(session: Session, run: Run, wanted: Mapping[str, Any], window: Window) -> PageOf[Any]:
    """What became of the run's cases, in its order; `wanted` may name a verdict, and whether it is new."""
    query = results_of(run)
    if wanted.get("verdict"):
        said = CaseResult.override["verdict"].astext
        query = query.where(func.coalesce(said, CaseResult.verdict) == wanted["verdict"])
    if wanted.get("new") is not None:
        count = func.cardinality(CaseResult.new_fingerprints)
        query = query.where(count > 0 if wanted["new"] else count == 0)
    falling = window.order == "desc"
    if window.after is not None:
        after = get_result(session, run, window.after).position
        query = query.where(CaseResult.position < after if falling else CaseResult.position > after)
    order = CaseResult.position.desc() if falling else CaseResult.position.asc()
    rows = list(session.scalars(query.order_by(order).limit(window.limit + 1)))
    return PageOf([], len(rows) > window.limit, [result_view(one) for one in rows[: window.limit]])


def results_of(run: Run) -> Select[CaseResult]:
    """What became of the run's cases."""
    return CaseResult.in_project(run.project_id).where(CaseResult.run_id == run.id)


def list_executions(session: Session, run: Run, wanted: Mapping[str, Any], window: Window) -> PageOf[CaseRun]:
    """The run's executions, by the time they ended; `wanted` may name a case and a verdict."""
    query = _executions_of(run)
    if wanted.get("case_id"):
        query = query.where(CaseRun.case_id == wanted["case_id"])
    if wanted.get("verdict"):
        query = query.where(CaseRun.verdict == wanted["verdict"])
    return page(session, query, CaseRun, window).map(case_run_view)


def get_execution(session: Session, run: Run, case_run_id: UUID) -> CaseRun:
    """An execution of the run, with its steps; raises NotFound."""
    query = _executions_of(run).where(CaseRun.id == case_run_id).options(undefer(CaseRun.steps))
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("The run has no such execution.")
    return found


def bad_executions(session: Session, run: Run, case_id: UUID, at_most: int) -> list[CaseRun]:
    """The case's executions that failed or errored, with their steps, in order."""
    bad = CaseRun.verdict.in_((Verdict.FAILED, Verdict.ERRORED))
    query = _executions_of(run).where(CaseRun.case_id == case_id, bad).options(undefer(CaseRun.steps))
    return list(session.scalars(query.order_by(CaseRun.data_row, CaseRun.repetition).limit(at_most)))


def last_decided(session: Session, suite: Suite) -> Run | None:
    """The suite's newest run that has a verdict, cancelled ones left out."""
    query = Run.in_project(suite.project_id).where(Run.suite_id == suite.id, Run.verdict.in_(DECIDED))
    return session.scalars(query.order_by(Run.id.desc()).limit(1)).first()


def _executions_of(run: Run) -> Select[CaseRun]:
    return CaseRun.in_project(run.project_id).where(CaseRun.run_id == run.id)


def _job(session: Session, project_id: UUID, run_id: UUID) -> Job | None:
    return session.scalars(Job.in_project(project_id).where(Job.id == run_id)).first()


def _new_failures(session: Session, project_id: UUID, runs: list[UUID]) -> dict[UUID, int]:
    if not runs:
        return {}
    added = func.sum(func.cardinality(CaseResult.new_fingerprints))
    counted = CaseResult.in_project(project_id).where(CaseResult.run_id.in_(runs), ~CaseResult.quarantined)
    grouped = counted.with_only_columns(CaseResult.run_id, added).group_by(CaseResult.run_id)
    return {row[0]: int(row[1] or 0) for row in session.execute(grouped)}


def _to_come(job: Job) -> Run:
    """The run of a job that has not begun, and has no row yet."""
    return Run(
        id=job.id,
        project_id=job.project_id,
        created_by=job.created_by,
        created_at=job.created_at,
        wishes=job.payload or {},
        seed=int((job.payload or {}).get("seed") or 0),
        attempt=job.attempt,
        total=0,
        done=0,
        counts={},
        around={},
        reports={},
    )
