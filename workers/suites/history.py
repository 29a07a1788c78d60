"""Looking back: the failures that are remembered, and how a case came out in run after run."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import Session

from infra.errors import NotFound
from models import Case, CaseResult, Failure, Run
from workers.paging import PageOf, Window, page
from workers.suites.running.flakes import score

Json = dict[str, Any]


def list_failures(session: Session, project_id: UUID, wanted: Mapping[str, Any], window: Window) -> PageOf[Failure]:
    """The project's failures, by when they were first seen; `wanted` may name a case, and `open` or `resolved`."""
    query = Failure.in_project(project_id)
    if wanted.get("case_id"):
        query = query.where(Failure.case_id == wanted["case_id"])
    if wanted.get("state"):
        is_open = Failure.resolved_at.is_(None)
        query = query.where(is_open if wanted["state"] == "open" else ~is_open)
    return page(session, query, Failure, window)


def get_failure(session: Session, project_id: UUID, failure_id: UUID) -> Failure:
    """The project's failure of that id; raises NotFound."""
    found = session.scalars(Failure.in_project(project_id).where(Failure.id == failure_id)).first()
    if found is None:
        raise NotFound("There is no such failure.")
    return found


def history(session: Session, project_id: UUID, case_id: UUID, limit: int, environment_id: UUID | None) -> Json:
    """What HistoryOut reads. A case that was deleted has its history still; raises NotFound."""
    case = session.scalars(Case.in_project(project_id).where(Case.id == case_id)).first()
    if case is None:
        raise NotFound("There is no such test case.")
    found = list(session.scalars(_results(project_id, case_id, environment_id).limit(limit)))
    seen = score([one.stands for one in found])
    return {
        "test_case_id": case_id,
        "runs": seen.runs,
        "flaky": seen.flaky,
        "flake_rate": round(seen.rate, 4),
        "flake_probability": round(seen.probability, 4),
        "passed_in_a_row": seen.clean,
        "quarantined_at": case.quarantined_at,
        "data": [_outcome(one) for one in found],
    }


def _results(project_id: UUID, case_id: UUID, environment_id: UUID | None) -> Select[CaseResult]:
    query = CaseResult.in_project(project_id).where(CaseResult.case_id == case_id).order_by(CaseResult.run_id.desc())
    if environment_id is None:
        return query
    there = Run.in_project(project_id).where(Run.environment_id == environment_id).with_only_columns(Run.id)
    return query.where(CaseResult.run_id.in_(there))


def _outcome(result: CaseResult) -> Json:
    names = ("run_id", "case_version", "counts", "milliseconds", "reason", "finished_at")
    shown = {name: getattr(result, name) for name in names}
    return {**shown, "verdict": result.stands, "found": result.verdict, "new": bool(result.new_fingerprints)}
