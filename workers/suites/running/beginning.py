"""The begin of a run's attempt: its row is in this attempt's hands, with the plan that all attempts have.

An attempt that follows one which was killed goes on: executions that are stored are not done again, and cases that have
ended stay as they are. After one that was cancelled, what the cancel cut off is forgotten and done again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session, undefer

from infra import db
from infra.clock import now
from infra.errors import NotFound, SwitchyardError, Unavailable
from models import Environment, Job, Run, Suite, Verdict
from schemas.test_run import RunJobIn
from workers import events
from workers.suites import data_rows, environments
from workers.suites.base import Surroundings
from workers.suites.running import planning, telling
from workers.suites.running.plan import DEFAULTS, Plan, Planned
from workers.suites.running.planning import Selected
from workers.suites.running.rows import row_of

if TYPE_CHECKING:  # the kinds import this
    from workers.kinds.base import Context

Json = dict[str, Any]

# A run that repeats some of a run, which repeats some of a run, …
LONGEST_CHAIN = 20
OVERTAKEN = "Another attempt has taken over this run."

GREEN = text("""
SELECT id, finished_at FROM test_runs
WHERE project_id = :project_id AND selection = :selection AND id < :run_id AND verdict = 'passed'
ORDER BY id DESC LIMIT 1
""")
PREVIOUS = text("""
SELECT verdict FROM test_runs
WHERE project_id = :project_id AND selection = :selection AND id < :run_id AND verdict IS NOT NULL
ORDER BY id DESC LIMIT 1
""")
TOLD = text("""
SELECT 1 FROM job_events WHERE job_id = :run_id AND type = 'testrun.finished' AND data ->> 'verdict' = :verdict LIMIT 1
""")
FINISHED = text("SELECT case_id FROM test_case_results WHERE run_id = :run_id")
DONE = text("SELECT count(*) FROM test_case_runs WHERE run_id = :run_id AND repetition < :times")
WRONG = text("""
SELECT 1 FROM test_case_runs x LEFT JOIN test_cases c ON c.id = x.case_id
WHERE x.run_id = :run_id AND x.verdict IN ('failed', 'errored') AND c.quarantined_at IS NULL LIMIT 1
""")
# What was cut off in the middle.
FORGET_CASES = text("DELETE FROM test_case_results WHERE run_id = :run_id AND verdict IN ('skipped', 'cancelled')")
FORGET_EXECUTIONS = text("DELETE FROM test_case_runs WHERE run_id = :run_id AND verdict = 'cancelled'")


@dataclass(frozen=True, slots=True)
class Begun:
    """What an attempt begins with."""

    plan: Plan
    surroundings: Surroundings


async def begin(ctx: "Context", payload: Json) -> Begun:
    """Takes the run into this attempt's hands.

    Raises NotFound and BadInput for what is not there any more, SecretUnreadable, EncryptionNotConfigured, and
    Unavailable where another attempt has it.
    """
    wish = RunJobIn().load(payload)
    selected = await asyncio.to_thread(_selected, ctx, wish)
    counted = {} if selected is None else await _counted(ctx, selected, wish)
    return await asyncio.to_thread(_begin, ctx, payload, wish, selected, counted)


def _selected(ctx: "Context", wish: Json) -> Selected | None:
    """What is run; None where an earlier attempt has planned it."""
    with db.transaction() as session:
        run = _row(session, ctx)
        return None if run is not None and run.plan else planning.select(session, ctx.project_id, wish)


async def _counted(ctx: "Context", selected: Selected, wish: Json) -> dict[UUID, int]:
    """The rows of the data files, by case; 0 of one that cannot be read, which its case will say."""
    counted: dict[UUID, int] = {}
    for case_id, file_id in selected.files.items():
        ctx.checkpoint()
        try:
            rows = await data_rows.rows_of(ctx.project_id, {"data_file_id": file_id})
            counted[case_id] = len(planning.executed(len(rows), wish.get("data_rows")))
        except SwitchyardError as error:
            if error.retryable:
                raise
            counted[case_id] = 0
    return counted


def _row(session: Session, ctx: "Context", *, lock: bool = False) -> Run | None:
    query = Run.in_project(ctx.project_id).where(Run.id == ctx.job_id).options(undefer(Run.plan))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).first()


def _begin(ctx: "Context", payload: Json, wish: Json, selected: Selected | None, counted: Mapping[UUID, int]) -> Begun:
    with db.transaction() as session:
        run = _row(session, ctx, lock=True)
        if run is None:
            run = _written(session, ctx, payload, selected)
        if run.attempt > ctx.attempt:
            raise Unavailable(OVERTAKEN)
        goes_on, run.attempt = run.attempt > 0, ctx.attempt
        if selected is not None:
            _plan(session, run, selected, counted)
        if goes_on or run.verdict is not None:
            _reopen(session, run)
        is_first, run.started_at = run.started_at is None, run.started_at or now()
        session.flush()
        plan = _as_plan(session, ctx, run, wish, goes_on=goes_on)
        if is_first:
            told = [telling.started(plan)]
            events.publish_of_job(session, project_id=run.project_id, job_id=run.id, attempt=ctx.attempt, told=told)
        return Begun(plan, _surroundings(session, run))


def _written(session: Session, ctx: "Context", payload: Json, selected: Selected | None) -> Run:
    if selected is None:
        raise NotFound("The run was deleted.")
    found = Job.in_project(ctx.project_id).where(Job.id == ctx.job_id).with_only_columns(Job.created_by)
    run = row_of(ctx.job_id, ctx.project_id, session.scalars(found).first(), ctx.store, payload, selected)
    session.add(run)
    session.flush()
    return run


def _plan(session: Session, run: Run, selected: Selected, counted: Mapping[UUID, int]) -> None:
    """Writes down what is run, and which run of the same was the last green one."""
    planned = [
        Planned(one.position, one.case_id, one.version, counted.get(one.case_id, one.rows)) for one in selected.cases
    ]
    planning.require_few(planned, selected.wishes)
    run.plan = [one.as_json() for one in planned]
    run.total = selected.wishes["times"] * sum(one.rows for one in planned)
    run.selection = selected.selection
    green = session.execute(GREEN, _same(run)).first()
    run.green_run_id = None if green is None else green.id


def _reopen(session: Session, run: Run) -> None:
    """Forgets what was cut off."""
    session.execute(FORGET_EXECUTIONS, {"run_id": run.id})
    if run.verdict == Verdict.CANCELLED or not _is_whole(session, run):
        session.execute(FORGET_CASES, {"run_id": run.id})
        run.verdict, run.reason, run.finished_at = None, None, None
    run.done = session.execute(DONE, {"run_id": run.id, "times": run.wishes["times"]}).scalar_one()


def _is_whole(session: Session, run: Run) -> bool:
    """Whether each of its cases has come to an end; of a run whose job was given up, not all have."""
    return len(session.execute(FINISHED, {"run_id": run.id}).all()) >= len(run.plan)


def _same(run: Run) -> Json:
    return {"project_id": run.project_id, "selection": run.selection, "run_id": run.id}


def _as_plan(session: Session, ctx: "Context", run: Run, wish: Json, *, goes_on: bool) -> Plan:
    asked = {"run_id": run.id, "times": run.wishes["times"], "verdict": run.verdict}
    given = {name: wish[name] for name in ("variables", "data_rows") if name in wish}
    suite = _suite_around(session, run)
    return Plan(
        run_id=run.id,
        project_id=run.project_id,
        attempt=ctx.attempt,
        store=ctx.store,
        wishes={name: run.wishes[name] for name in DEFAULTS} | given,
        seed=run.seed,
        suite_id=run.suite_id,
        suite={} if suite is None else suite.content,
        environment_id=run.environment_id,
        cases=[Planned.of_json(at, kept) for at, kept in enumerate(run.plan)],
        green_at=_green_at(session, run),
        previous_verdict=session.execute(PREVIOUS, _same(run)).scalar(),
        started_at=run.started_at or now(),
        verdict=run.verdict,
        is_told=run.verdict is not None and session.execute(TOLD, asked).first() is not None,
        is_over=goes_on and run.wishes["fail_fast"] and session.execute(WRONG, asked).first() is not None,
        done=run.done,
        finished=frozenset(session.execute(FINISHED, asked).scalars()) if goes_on else frozenset(),
    )


def _suite_around(session: Session, run: Run) -> Suite | None:
    """The suite whose setup, variables and teardown it has: its own, or that of the run of which it repeats some."""
    suite_id, repeated = run.suite_id, run.rerun_of
    for _ in range(LONGEST_CHAIN):
        if suite_id is not None or repeated is None:
            break
        before = Run.in_project(run.project_id).where(Run.id == repeated).with_only_columns(Run.suite_id, Run.rerun_of)
        suite_id, repeated = session.execute(before).first() or (None, None)
    return session.scalars(Suite.in_project(run.project_id).where(Suite.id == suite_id)).first() if suite_id else None


def _green_at(session: Session, run: Run) -> datetime | None:
    if run.green_run_id is None:
        return None
    green = Run.in_project(run.project_id).where(Run.id == run.green_run_id).with_only_columns(Run.finished_at)
    return session.scalars(green).first()


def _surroundings(session: Session, run: Run) -> Surroundings:
    if run.environment_id is None:
        return Surroundings()
    found: Environment = environments.get_environment(session, run.project_id, run.environment_id)
    return environments.surroundings(session, found)
