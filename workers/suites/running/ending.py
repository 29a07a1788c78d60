"""The end of a run: cases that were not executed to their end, the verdict, the reports, and whoever is told.

The verdict is written before the reports, which show it, and told after them, with their files. An attempt that finds
the verdict written does the rest. A report that cannot be written is a warning in the result; it makes no run fail.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.clock import now
from infra.errors import NotFound, SwitchyardError, Unavailable
from models import Run, Store, StoredFile, Verdict
from workers import events
from workers.suites import counting
from workers.suites.reports import write_reports
from workers.suites.running import agenda, private, telling
from workers.suites.running.agenda import Agenda
from workers.suites.running.beginning import OVERTAKEN
from workers.suites.running.executing import reason_of
from workers.suites.running.patience import patiently
from workers.suites.running.plan import Plan, Planned
from workers.suites.running.storing import Storing
from workers.suites.running.verdicts import Tally, decisive
from workers.suites.running.writing import Ended

Json = dict[str, Any]

PHASES = ("setup", "teardown")
CASES_AT_ONCE = 1000
NOT_TRIED = "The run ended before it was tried."
CUT_OFF = "The run was stopped before all of it was executed."

log = structlog.get_logger(__name__)

COUNTED = text("""
SELECT CASE WHEN quarantined THEN 'quarantined' ELSE coalesce(override ->> 'verdict', verdict) END AS verdict,
  count(*) AS cases, coalesce(sum(cardinality(new_fingerprints)) FILTER (WHERE NOT quarantined), 0) AS new
FROM test_case_results WHERE run_id = :run_id GROUP BY 1
""")
EXECUTIONS = text("SELECT count(*) FROM test_case_runs WHERE run_id = :run_id")
END = text("""
UPDATE test_runs SET verdict = :verdict, reason = :reason, counts = CAST(:counts AS jsonb), finished_at = :moment,
  around = coalesce(CAST(:around AS jsonb), around)
WHERE id = :run_id AND attempt = :attempt AND verdict IS NULL RETURNING id
""")


def setup_reason(results: Sequence[Json], plan: Plan) -> str:
    """Why the suite's setup did not pass."""
    step = decisive(results)
    if step is None:
        return "The suite's setup did not come to its end."
    why = reason_of(step) if plan.store == Store.FULL else f"{step['id']}: {private.of_step(step)}"
    return f"The suite's setup did not pass, so no case was executed. {why}"


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt has come to its end. `ended` are the cases that have; `problem` says why none was executed,
    `stopped` why the run was stopped; `around` are the results of the suite's own steps."""

    plan: Plan
    agenda: Agenda
    storing: Storing
    ended: frozenset[UUID]
    around: Json | None
    problem: str | None
    stopped: str | None

    async def all(self) -> Json:
        """Ends the run; returns its result."""
        await self._end_cases()
        await self.storing.close()
        await patiently(self._write)
        formats = [] if self.stopped else self.plan.wishes["reports"]
        return await told(self.plan, formats)

    async def _end_cases(self) -> None:
        """Those that were not executed to their end are skipped or, if the run was stopped in the middle, cancelled;
        where it was to end with the first failure, what was executed decides."""
        left = [one for one in self.plan.cases if one.case_id not in self.ended]
        for case in list(self.agenda.open.values()):
            tried = case.tally.counts.total() > 0
            if self.stopped and tried:
                self.storing.end(case.ended(Verdict.CANCELLED, CUT_OFF))
            else:
                self.storing.end(case.ended() if tried else case.ended(Verdict.SKIPPED, NOT_TRIED))
        left = [one for one in left if one.case_id not in self.agenda.open]
        for at in range(0, len(left), CASES_AT_ONCE):
            await self._skip(left[at : at + CASES_AT_ONCE])

    async def _skip(self, some: Sequence[Planned]) -> None:
        names = await patiently(agenda.names, self.plan, some)
        for one in some:
            name, quarantined = names.get(one.case_id, (agenda.GONE, False))
            reason = self.problem or NOT_TRIED
            self.storing.end(Ended(one, name, Verdict.SKIPPED, reason, quarantined, Tally()))
        await self.storing.room()

    def _write(self) -> None:
        with db.transaction() as session:
            counts, _ = counted(session, self.plan.run_id)
            verdict, reason = self._verdict(counts)
            around = self.around
            if around is not None and self.plan.store != Store.FULL:
                around = {phase: private.stripped(results) for phase, results in around.items()}
            asked = {
                "run_id": self.plan.run_id,
                "attempt": self.plan.attempt,
                "verdict": verdict,
                "reason": reason,
                "counts": json.dumps(counts),
                "around": None if around is None else json.dump_for_postgres(around),
                "moment": now(),
            }
            if session.execute(END, asked).first() is None:
                raise Unavailable(OVERTAKEN)

    def _verdict(self, counts: dict[str, int]) -> tuple[Verdict, str | None]:
        if self.stopped:
            return Verdict.CANCELLED, self.stopped
        if self.problem:
            return Verdict.ERRORED, self.problem
        return counting.verdict_of(counts), counting.reason_of(counts)


def counted(session: Session, run_id: UUID) -> tuple[dict[str, int], int]:
    """A run's cases by verdict, those in quarantine apart, and how many failures are new."""
    rows = session.execute(COUNTED, {"run_id": run_id}).all()
    found = {row.verdict: int(row.cases) for row in rows}
    names = (*(one.value for one in Verdict), counting.QUARANTINED)
    return {name: found.get(name, 0) for name in names}, sum(int(row.new) for row in rows)


async def again(plan: Plan) -> Json:
    """The rest of a run whose verdict an earlier attempt has written."""
    return await told(plan, [] if plan.is_told else plan.wishes["reports"])


async def told(plan: Plan, formats: Sequence[str]) -> Json:
    """Writes the reports of a run that has its verdict, and tells of its end; returns its result."""
    warnings = [said for name in formats if (said := await _report(plan, name))]
    return await asyncio.to_thread(_tell, plan, warnings)


async def _report(plan: Plan, name: str) -> str | None:
    """Writes a report; returns what went wrong."""
    try:
        await write_reports(plan.project_id, plan.run_id, [name])
    except SwitchyardError as error:
        return f"The {name} report was not written: {error.detail}"
    except Exception as error:
        log.error("testrun_report_failed", report=name, run_id=plan.public_id, error=type(error).__name__)
        return f"The {name} report was not written, because of an error inside Switchyard."
    return None


def _tell(plan: Plan, warnings: Sequence[str]) -> Json:
    with db.transaction() as session:
        run = session.scalars(Run.in_project(plan.project_id).where(Run.id == plan.run_id)).first()
        if run is None:
            raise NotFound("The run was deleted.")
        executions = int(session.execute(EXECUTIONS, {"run_id": run.id}).scalar_one())
        counts, new = counted(session, run.id)
        result = _result(run, counts, new, executions, warnings)
        if not plan.is_told:
            names = ("verdict", "reason", "new_failures", "report_file_ids")
            said = telling.finished(plan, {"counts": counts, **{name: result[name] for name in names}})
            whose = {"project_id": plan.project_id, "job_id": plan.run_id}
            events.publish_of_job(session, **whose, attempt=plan.attempt, told=said)
        return result


def _result(run: Run, counts: dict[str, int], new: int, executions: int, warnings: Sequence[str]) -> Json:
    reports = {name: _file(kept) for name, kept in run.reports.items()}
    spent = ((run.finished_at or now()) - (run.started_at or run.created_at)).total_seconds() * 1000
    return {
        "run_id": run.public_id,
        "verdict": run.verdict,
        "reason": run.reason,
        **counts,
        "total": sum(counts.values()),
        "executions": executions,
        "new_failures": new,
        "report_file_ids": [*reports.values()],
        "reports": reports,
        "warnings": [*warnings],
        "milliseconds": round(spent, 3),
    }


def _file(kept: Any) -> str:
    return kept if isinstance(kept, str) else ids.show(StoredFile.prefix, kept)
