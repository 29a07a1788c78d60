"""What the events of a run say. They stand among the events of its job, in the job's own numbering, so whoever follows
the job sees each case end."""

from typing import Any
from uuid import UUID

from infra import ids
from models import Case, Environment, Run, Suite, Verdict
from workers.suites.running.plan import Plan

Json = dict[str, Any]


def about(plan: Plan) -> Json:
    """The run, as each of its events names it."""
    return {
        "run_id": ids.show(Run.prefix, plan.run_id),
        "job_id": ids.show("job", plan.run_id),
        "suite_id": None if plan.suite_id is None else ids.show(Suite.prefix, plan.suite_id),
        "environment_id": None if plan.environment_id is None else ids.show(Environment.prefix, plan.environment_id),
    }


def started(plan: Plan) -> tuple[str, Json]:
    """The run begins."""
    return "testrun.started", {**about(plan), "cases": len(plan.cases), "total": plan.total}


def case_finished(plan: Plan, case_id: UUID, result: Json) -> tuple[str, Json]:
    """A case ended; `result` is as its row."""
    said = {
        "test_case_id": ids.show(Case.prefix, case_id),
        "name": result["name"],
        "verdict": result["verdict"],
        "reason": result["reason"],
        "counts": result["counts"],
        "new": bool(result["new_fingerprints"]),
        "quarantined": result["quarantined"],
    }
    return "testrun.case_finished", {**about(plan), **said}


def finished(plan: Plan, ended: Json) -> list[tuple[str, Json]]:
    """The run ended: with `verdict`, `reason`, `counts`, `new_failures` and `report_file_ids`."""
    said = {**about(plan), **ended, "previous_verdict": plan.previous_verdict}
    events = [("testrun.finished", said)]
    if ended["verdict"] in (Verdict.FAILED, Verdict.ERRORED):
        events.append(("testrun.failed", said))
    return events
