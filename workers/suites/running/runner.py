"""A run: the suite's setup, its cases, as many executions at a time as the run may have, and the suite's teardown.

The teardown runs whatever came before: after cases that failed, after a cancel, at the time limit, and after an error.
An attempt that has to stop begins nothing more; what is under way is ended, its teardowns run, then the suite's, all of
that within STOPPING_SECONDS, or a few where the worker itself shuts down. Then the run is cancelled, with what it has
come to; or, where another worker goes on with the job, left as it is.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile
from time import monotonic
from typing import TYPE_CHECKING, Any

from infra.errors import SwitchyardError
from infra.http import GuardedClient
from models import Verdict
from workers.suites.base import World
from workers.suites.running import asking, ending
from workers.suites.running.agenda import Agenda, Turn
from workers.suites.running.beginning import Begun, begin
from workers.suites.running.executing import Execution, Shared, Steps, seed_of
from workers.suites.running.storing import Storing
from workers.suites.running.verdicts import Row
from workers.suites.running.writing import Ended
from workers.suites.steps.redaction import Redactor
from workers.suites.steps.templates import Scope

if TYPE_CHECKING:  # the kinds import this
    from workers.kinds.base import Context

Json = dict[str, Any]

STOPPING_SECONDS = 30.0
# A worker that shuts down waits five.
SHUTDOWN_SECONDS = 4.0
TO_WRITE_SECONDS = 10.0
PROGRESS_SECONDS = 1.0
PROGRESS_AT_MOST_SECONDS = 10.0
PROGRESS_EVENTS = 200
# Why an attempt ends although the run goes on, with another one.
GOES_ON = ("shutdown", "lost")
WHY = {
    "cancelled": "The run was cancelled.",
    "deadline": "The run's deadline passed.",
    "timeout": "The run was longer than a run may be.",
}


async def run(ctx: "Context", payload: Json, *, stopping_seconds: float = STOPPING_SECONDS) -> Json:
    """Runs what the input asks for; returns what RunJobOut reads. Raises what `begin` raises, and Unavailable."""
    begun = await begin(ctx, payload)
    if begun.plan.verdict is not None:
        return await ending.again(begun.plan)
    runner = Runner(ctx, begun)
    task = asyncio.create_task(runner.go())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        why = _why(ctx)
        seconds = SHUTDOWN_SECONDS if why == "shutdown" else stopping_seconds
        runner.stop(why, seconds)
        await _ended(task, seconds + (0 if why == "shutdown" else TO_WRITE_SECONDS))
        if task.done() and not task.cancelled() and task.exception() is None and why not in GOES_ON:
            ctx.partial(task.result())
        raise


def _why(ctx: "Context") -> str:
    try:
        ctx.checkpoint()
    except SwitchyardError as error:
        return str(error.context.get("reason") or "shutdown")
    return "shutdown"


async def _ended(task: asyncio.Task[Json], seconds: float) -> None:
    """Waits for its end; one that takes too long is cut off."""
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            task.cancel()


class Runner:
    """One attempt of a run."""

    def __init__(self, ctx: "Context", begun: Begun) -> None:
        self._ctx, self._plan = ctx, begun.plan
        self._stopped: str | None = None
        # Nothing more begins: it was stopped, something failed that may not fail, or somebody wants the first failure.
        self._over = self._is_begun = False
        self._done = begun.plan.done
        self._bad = 0
        self._until = 0.0
        self._running: set[Execution] = set()
        self._ended = set(begun.plan.finished)
        self._workers: list[asyncio.Task[None]] = []
        self._tearing: asyncio.Task[None] | None = None
        self._world = _world(ctx, begun)
        self._storing = Storing(begun.plan)
        self._agenda = Agenda(begun.plan, self._case_ended)
        given = begun.plan.wishes.get("variables") or {}
        self._shared = Shared({**begun.plan.suite.get("variables", {}), **given}, self._world.surroundings.variables)
        scope = Scope(
            environment=self._shared.environment,
            secrets=begun.surroundings.secrets,
            seed=seed_of(begun.plan.seed, begun.plan.run_id, 0, 0),
            suite=self._shared.suite,
        )
        self._suite = Steps(self._world, scope)

    async def go(self) -> Json:
        """All of it; the result, empty where another attempt goes on."""
        self._storing.start()
        ticking = asyncio.create_task(self._tick())
        problem: str | None = None
        try:
            if any(one.case_id not in self._ended for one in self._plan.cases):
                self._is_begun = True
                problem = await self._set_up()
                if problem is None and not self._over:
                    await (self._agenda.open_tried() if self._plan.is_over else self._all())
        except BaseException:
            with suppress(Exception):
                await self._storing.close()
            raise
        finally:
            ticking.cancel()
            try:
                await self._tear_down()
            finally:
                await self._world.client.close()
        return await self._end(problem)

    def stop(self, why: str, seconds: float) -> None:
        """Begins nothing more, and ends what is under way within so many seconds. Call it on the event loop."""
        self._stopped, self._until = why, monotonic() + seconds
        loop = asyncio.get_running_loop()
        loop.call_later(seconds * 2 / 3, self._cut_executions)
        loop.call_later(seconds, self._cut_teardown)
        self._halt()

    def _halt(self) -> None:
        self._over = True
        self._suite.interrupt()
        for execution in self._running:
            execution.interrupt()

    def _cut_executions(self) -> None:
        for worker in self._workers:
            worker.cancel()

    def _cut_teardown(self) -> None:
        if self._tearing is not None:
            self._tearing.cancel()

    async def _set_up(self) -> str | None:
        """The suite's setup; why no case can be executed, if so."""
        steps = self._plan.suite.get("setup") or []
        is_ready = await self._suite.until_one_fails([("setup", steps)])
        scope = self._suite.scope
        self._shared = replace(self._shared, suite={**self._shared.suite, **scope.extracted})
        # What the setup learnt to be secret is secret in all executions.
        self._world.redaction = scope.kept.get("redaction", self._world.redaction)
        if is_ready or self._suite.interrupted:
            return None
        return ending.setup_reason(self._suite.results, self._plan)

    async def _tear_down(self) -> None:
        steps = self._plan.suite.get("teardown") or []
        if not self._is_begun:
            return
        self._tearing = asyncio.create_task(self._suite.all("teardown", steps))
        if self._stopped is not None and monotonic() >= self._until:
            self._tearing.cancel()
        with suppress(asyncio.CancelledError):
            await self._tearing

    async def _all(self) -> None:
        """Every execution. Raises the first error that is none of a case."""
        count = min(self._plan.wishes["concurrency"], max(1, self._plan.total))
        self._workers = [asyncio.create_task(self._work()) for _ in range(count)]
        try:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            if any(not worker.done() for worker in self._workers):
                self._halt()
                await asyncio.wait(self._workers)
            await self._agenda.close()
        broken = [worker.exception() for worker in self._workers if not worker.cancelled()]
        if first := next(filter(None, broken), None):
            raise first

    async def _work(self) -> None:
        while not self._over:
            turns = await self._agenda.next()
            if turns is None:
                return
            for turn in takewhile(lambda _: not self._over, turns):
                await self._take(turn)
                await self._storing.room()

    async def _take(self, turn: Turn) -> None:
        """An execution; after the last of a row that failed each time, those that tell whether the row is flaky."""
        row = await self._execute(turn)
        if row is None or row.total < self._plan.times:
            return
        most = self._plan.times + self._plan.wishes["retry_failed"]
        while row.undecided() and row.total < most and self._stopped is None:
            if await self._execute(replace(turn, repetition=row.total)) is None:
                return
        if self._stopped is None or not (row.undecided() and row.total < most):
            self._agenda.decided(turn.case, turn.row)

    async def _execute(self, turn: Turn) -> Row | None:
        """The row, with the execution counted; None where that was cut off."""
        case = turn.case
        execution = Execution(case.subject, turn.row, turn.values, turn.repetition, self._world, self._shared)
        self._running.add(execution)
        try:
            executed = await execution.run()
        finally:
            self._running.discard(execution)
        is_cut = executed.came.verdict == Verdict.CANCELLED
        if not (is_cut and self._stopped in GOES_ON):
            self._storing.add(executed)
        if is_cut:
            case.tally.counts[Verdict.CANCELLED] += 1
            return None
        self._done += turn.repetition < self._plan.times
        if executed.came.verdict != Verdict.PASSED and not case.quarantined:
            self._bad += 1
            self._over = self._over or self._plan.wishes["fail_fast"]
        return case.tally.add(turn.row, executed.came)

    def _case_ended(self, ended: Ended) -> None:
        self._ended.add(ended.planned.case_id)
        self._storing.end(ended)

    async def _tick(self) -> None:
        """Tells how far the run is, if it has come further; less often the longer it takes."""
        told, begun = -1, monotonic()
        while True:
            if told != self._done:
                told = self._done
                message = f"{len(self._ended)} of {len(self._plan.cases)} cases, {self._bad} executions did not pass"
                await self._ctx.progress(told, self._plan.total, message)
            pause = max(PROGRESS_SECONDS, (monotonic() - begun) / PROGRESS_EVENTS)
            await asyncio.sleep(min(PROGRESS_AT_MOST_SECONDS, pause))

    async def _end(self, problem: str | None) -> Json:
        if self._stopped in GOES_ON:
            with suppress(SwitchyardError):
                await self._storing.close()
            return {}
        around = {phase: [one for one in self._suite.results if one["phase"] == phase] for phase in ending.PHASES}
        end = ending.Ending(
            plan=self._plan,
            agenda=self._agenda,
            storing=self._storing,
            ended=frozenset(self._ended),
            around=around if self._is_begun else None,
            problem=problem,
            stopped=None if self._stopped is None else WHY[self._stopped],
        )
        return await end.all()


def _world(ctx: "Context", begun: Begun) -> World:
    plan, around = begun.plan, begun.surroundings
    asked = asking.Asking(ctx)
    given = plan.wishes.get("variables") or {}
    at_once = plan.wishes["concurrency"] + 1
    return World(
        ctx=asked,
        project_id=plan.project_id,
        run_id=plan.run_id,
        surroundings=replace(around, variables={**around.variables, **given}),
        client=GuardedClient(connections=at_once, connections_per_host=at_once),
        redaction=Redactor(around.secrets),
        complete=asked.complete,
        seed=plan.seed,
    )
