"""One group of what a run has come to, in one transaction: executions, ends of cases, and what follows from those:
failures that are remembered, cases that are quarantined or released, and events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from infra import db, json
from infra.clock import now
from infra.errors import Unavailable
from models import Verdict
from workers import events
from workers.suites.running import failures, flakes, private, telling
from workers.suites.running.beginning import OVERTAKEN
from workers.suites.running.executing import Executed
from workers.suites.running.plan import Plan, Planned
from workers.suites.running.verdicts import Tally

Json = dict[str, Any]

NOT_KEPT = "What was sent and what came back could not be stored."

log = structlog.get_logger(__name__)

FENCE = text("""
UPDATE test_runs SET done = GREATEST(done, :done) WHERE id = :run_id AND attempt = :attempt AND verdict IS NULL
RETURNING id
""")
EXECUTIONS = text("""
INSERT INTO test_case_runs (id, created_at, project_id, run_id, case_id, case_version, data_row, repetition, attempt,
  verdict, reason, fingerprint, trace_id, milliseconds, steps)
SELECT id, created_at, :project_id, :run_id, case_id, case_version, data_row, repetition, :attempt, verdict, reason,
  fingerprint, trace_id, milliseconds, steps
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id uuid, created_at timestamptz, case_id uuid, case_version int,
  data_row int, repetition int, verdict text, reason text, fingerprint text, trace_id text, milliseconds float8,
  steps jsonb)
ON CONFLICT (run_id, case_id, data_row, repetition) DO NOTHING
""")
KNOWN = text("SELECT case_id FROM test_case_results WHERE run_id = :run_id AND case_id = ANY(CAST(:cases AS uuid[]))")
RESULTS = text("""
INSERT INTO test_case_results (run_id, case_id, project_id, position, case_version, name, verdict, reason, counts,
  milliseconds, fingerprints, new_fingerprints, quarantined, finished_at)
SELECT :run_id, case_id, :project_id, position, case_version, name, verdict, reason, counts, milliseconds, fingerprints,
  new_fingerprints, quarantined, :moment
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(case_id uuid, position int, case_version int, name text,
  verdict text, reason text, counts jsonb, milliseconds float8, fingerprints text[], new_fingerprints text[],
  quarantined bool)
""")


@dataclass(frozen=True, slots=True)
class Ended:
    """A case that is not executed any more in this run."""

    planned: Planned
    name: str
    verdict: Verdict
    reason: str | None
    quarantined: bool
    tally: Tally

    def row(self, new: Sequence[str]) -> Json:
        """As the database has it."""
        counts = {one.value: self.tally.counts[one] for one in Verdict if one != Verdict.FLAKY}
        return {
            "case_id": self.planned.case_id,
            "position": self.planned.position,
            "case_version": self.planned.version,
            "name": self.name,
            "verdict": self.verdict,
            "reason": self.reason,
            "counts": counts,
            "milliseconds": round(self.tally.milliseconds, 3),
            "fingerprints": [*self.tally.faults],
            "new_fingerprints": [*new],
            "quarantined": self.quarantined,
        }


def write(plan: Plan, group: Sequence[Executed | Ended], done: int) -> None:
    """Writes a group. Raises Unavailable where this attempt is not the run's newest."""
    try:
        _write(plan, group, done)
    except DBAPIError as error:
        if db.is_passing(error):
            raise
        # Something in it is refused, whatever it may be: the verdicts are kept without it.
        log.warning("testrun.group_refused", error=type(error.orig).__name__)
        _write(plan, group, done, bare=True)


def fence(session: Session, plan: Plan, done: int) -> None:
    """Holds the run for this transaction; raises Unavailable where another attempt has it, or it has ended."""
    asked = {"run_id": plan.run_id, "attempt": plan.attempt, "done": done}
    if session.execute(FENCE, asked).first() is None:
        raise Unavailable(OVERTAKEN)


def _write(plan: Plan, group: Sequence[Executed | Ended], done: int, *, bare: bool = False) -> None:
    executed = [one for one in group if isinstance(one, Executed)]
    rows = _dumped([_row(one, bare=bare) for one in executed])
    ended = [one for one in group if isinstance(one, Ended)]
    with db.transaction() as session:
        fence(session, plan, done)
        if executed:
            whose = {"project_id": plan.project_id, "run_id": plan.run_id, "attempt": plan.attempt}
            session.execute(EXECUTIONS, {**whose, "rows": rows})
        if ended:
            _end(session, plan, ended)


def _row(one: Executed, *, bare: bool) -> Json:
    return {
        "id": one.id,
        "created_at": one.started_at,
        "case_id": one.case_id,
        "case_version": one.version,
        "data_row": one.row,
        "repetition": one.repetition,
        "verdict": one.came.verdict,
        "reason": one.came.reason,
        "fingerprint": one.came.fingerprint,
        "trace_id": one.trace_id,
        "milliseconds": one.came.milliseconds,
        "steps": private.stripped(one.steps) if bare else one.steps,
    }


def _dumped(rows: list[Json]) -> str:
    try:
        return json.dump_for_postgres(rows)
    except TypeError:  # a number of more than 64 bits, half a surrogate, or nested without end
        return json.dump_for_postgres([_plain(one) for one in rows])


def _plain(row: Json) -> Json:
    """The row, without its steps' contents if they cannot be written."""
    try:
        json.dump_bytes(row)
    except TypeError:
        return {**row, "reason": row["reason"] and NOT_KEPT, "steps": private.stripped(row["steps"])}
    return row


def _end(session: Session, plan: Plan, ended: Sequence[Ended]) -> None:
    """Writes the ends of cases, each once."""
    asked = {"run_id": plan.run_id, "cases": [str(one.planned.case_id) for one in ended]}
    known = set(session.execute(KNOWN, asked).scalars())
    fresh = [one for one in ended if one.planned.case_id not in known]
    if not fresh:
        return
    moment = now()
    new = failures.remember(
        session,
        project_id=plan.project_id,
        run_id=plan.run_id,
        faults={one.planned.case_id: one.tally.faults for one in fresh},
        green_at=plan.green_at,
        moment=moment,
    )
    rows = [one.row(new.get(one.planned.case_id, [])) for one in fresh]
    whose = {"run_id": plan.run_id, "project_id": plan.project_id}
    session.execute(RESULTS, {**whose, "moment": moment, "rows": json.dump_for_postgres(rows)})
    failures.resolve(session, [one.planned.case_id for one in fresh if one.verdict == Verdict.PASSED], moment)
    decided = {one.planned.case_id: one.planned.version for one in fresh if one.verdict in flakes.DECIDED}
    flakes.review(session, plan.project_id, plan.run_id, decided)
    told = [telling.case_finished(plan, row["case_id"], row) for row in rows if row["verdict"] != Verdict.SKIPPED]
    whose = {"project_id": plan.project_id, "job_id": plan.run_id}
    events.publish_of_job(session, **whose, attempt=plan.attempt, told=told)
