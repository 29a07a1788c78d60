"""A person's verdict over ours: it stands until it is taken back, and the run is counted again. Who said what, and
when, is kept."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.clock import now, rfc3339
from models import CaseResult, Run, Verdict
from schemas.suite_run import by as shown_as
from workers.suites import counting, runs

Json = dict[str, Any]


def override(
    session: Session, run: Run, case_id: UUID, *, verdict: str | None, note: str | None, by: UUID
) -> CaseResult:
    """Gives a case of the locked run, which has ended, another verdict; None takes back the one that a person gave.
    Reports that were written before are written again when they are next asked for. Raises NotFound."""
    result = runs.get_result(session, run, case_id, lock=True)
    if verdict is None and not (result.override or {}).get("verdict"):
        return result
    result.override = with_history(result.override, {"verdict": verdict, "note": note}, by)
    session.flush()
    _count(session, run)
    return result


def with_history(kept: Json | None, said: Json, by: UUID) -> Json:
    """What is said now, with all that was said before."""
    before = [] if kept is None else [*kept.get("history", ()), {k: v for k, v in kept.items() if k != "history"}]
    return {**said, "by": shown_as(by), "at": rfc3339(now()), "history": before}


def _count(session: Session, run: Run) -> None:
    """The run's counts and verdict, as its cases are now. A run that was cancelled, or whose setup did not pass, stays
    so."""
    counts = counting.counts_of(session.scalars(runs.results_of(run)))
    stays = run.verdict == Verdict.CANCELLED or counting.setup_is_bad(run)
    if not stays:
        run.verdict, run.reason = counting.verdict_of(counts), counting.reason_of(counts)
    run.counts, run.reports = counts, {}
    session.flush()
