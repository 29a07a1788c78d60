"""One execution of a case: its setup, its steps, and its teardown, whatever came before.

A step that does not pass ends the setup and the steps, unless it says `continue_on_failure`; those that are left are
skipped. Of a teardown each step is tried. Nothing is shared between executions: each has its own variables, seed, trace
id and cookies.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import getrandbits
from time import perf_counter
from typing import Any
from uuid import UUID

from infra import ids
from infra.clock import now
from models import Store, Verdict
from workers.jobs import privacy
from workers.suites.base import World
from workers.suites.running import failures, private
from workers.suites.running.verdicts import Came, decisive
from workers.suites.steps.step import run_step
from workers.suites.steps.templates import Scope

Json = dict[str, Any]

BODY, TEARDOWN = ("setup", "steps"), "teardown"
# What an error says that another try may not see: nothing was wrong with the test.
PASSING = frozenset({"target_unreachable", "target_timeout", "timed_out", "provider_timeout", "provider_unavailable"})
AN_EARLIER_STEP = "An earlier step did not pass."
STOPPED = "The run was stopped."
BROKEN = "The step could not be performed because of an error inside Switchyard."


@dataclass(frozen=True, slots=True)
class Shared:
    """What all executions of a run have: variables of the suite with what its setup extracted, and of the
    environment."""

    suite: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """A case, as its executions need it."""

    case_id: UUID
    version: int
    name: str
    content: Json
    operation: str | None = None
    knowledge_base_id: UUID | None = None


def seed_of(seed: int, case_id: UUID, row: int, repetition: int) -> int:
    """The seed of one execution: the same for the same run's seed, and of no other execution."""
    digest = hashlib.sha256(f"{seed}:{case_id.hex}:{row}:{repetition}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


class Steps:
    """Steps that run one after the other in one scope. `results` has one for each that had its turn or was skipped."""

    def __init__(
        self, world: World, scope: Scope, *, operation: str | None = None, knowledge_base_id: UUID | None = None
    ) -> None:
        self.scope = scope
        self.trace_id = f"{getrandbits(128) or 1:032x}"
        self.results: list[Json] = []
        # Whether it was to stop, and whether that cut it off.
        self.stopped = self.interrupted = False
        self._world = world
        self._options: Json = {"operation": operation, "knowledge_base_id": knowledge_base_id}
        self._interruptible: asyncio.Task[Any] | None = None

    def interrupt(self) -> None:
        """Ends what is interruptible at its next await; a teardown is not. Call it on the event loop."""
        self.stopped = True
        if self._interruptible is not None:
            self._interruptible.cancel()
            self._interruptible = None

    async def until_one_fails(self, phases: Sequence[tuple[str, Sequence[Json]]]) -> bool:
        """Runs the steps of these phases; True if all passed that had to."""
        left = [(phase, step) for phase, steps in phases for step in steps]
        going, self.interrupted = not self.stopped, self.stopped
        self._interruptible = task = asyncio.current_task()
        try:
            while left and going:
                phase, step = left[0]
                going = await self._one(phase, step) or bool(step.get("continue_on_failure"))
                left.pop(0)
        except asyncio.CancelledError:
            if not self.stopped or task is None:
                raise
            task.uncancel()
            self.interrupted = True
            phase, step = left.pop(0)
            self._note(phase, step, Verdict.CANCELLED, STOPPED)
        finally:
            self._interruptible = None
        why = STOPPED if self.interrupted else AN_EARLIER_STEP
        for phase, step in left:
            self._note(phase, step, Verdict.SKIPPED, why)
        return going and not self.interrupted

    async def all(self, phase: str, steps: Sequence[Json]) -> None:
        """Runs each of the steps, also after one that did not pass. What is cancelled here is noted as cut off."""
        for index, step in enumerate(steps):
            try:
                await self._one(phase, step)
            except asyncio.CancelledError:
                for left in steps[index:]:
                    self._note(
                        phase, left, Verdict.CANCELLED, "The run was stopped, and the time for teardowns was up."
                    )
                raise

    async def _one(self, phase: str, step: Json) -> bool:
        where: Json = {"phase": phase, "trace_id": self.trace_id, **self._options}
        try:
            result = await run_step(step, self.scope, self._world, **where)
        except Exception as error:  # one broken step shall not end the run
            privacy.log_crash(Store.NONE, error, step=step["id"], run=str(self._world.run_id))
            broken = {"error": {"code": "internal_error", "message": BROKEN}}
            result = not_run(step, phase, Verdict.ERRORED, BROKEN, self.trace_id) | broken
        self.results.append(result)
        return bool(result["verdict"] == Verdict.PASSED)

    def _note(self, phase: str, step: Json, verdict: Verdict, why: str) -> None:
        self.results.append(not_run(step, phase, verdict, why, self.trace_id))


def not_run(step: Json, phase: str, verdict: Verdict, reason: str, trace_id: str) -> Json:
    """The result of a step that had no turn, or not all of it."""
    return {
        "id": step["id"],
        "name": step.get("name"),
        "phase": phase,
        "kind": step.get("kind", "http"),
        "verdict": verdict.value,
        "reason": reason,
        "started_at": None,
        "milliseconds": 0.0,
        "tries": 0,
        "request": None,
        "response": None,
        "assertions": [],
        "extracted": {},
        "trace_id": trace_id,
    }


@dataclass(slots=True)
class Executed:
    """An execution that is over, with its results."""

    id: UUID
    case_id: UUID
    version: int
    row: int
    repetition: int
    started_at: datetime
    trace_id: str
    steps: list[Json]
    came: Came


class Execution:
    """One execution on its way."""

    def __init__(self, subject: Subject, row: int, values: Json, repetition: int, world: World, shared: Shared) -> None:
        self.subject, self.row, self.repetition = subject, row, repetition
        self._values = values
        scope = Scope(
            variables=subject.content.get("variables") or {},
            row=values,
            environment=shared.environment,
            secrets=world.surroundings.secrets,
            seed=seed_of(world.seed, subject.case_id, row, repetition),
            suite=shared.suite,
        )
        base = subject.knowledge_base_id or world.surroundings.knowledge_base_id
        self._steps = Steps(world, scope, operation=subject.operation, knowledge_base_id=base)
        self._is_open = world.ctx.store == Store.FULL

    def interrupt(self) -> None:
        """Ends it as soon as its teardown has run."""
        self._steps.interrupt()

    async def run(self) -> Executed:
        """Runs all of it."""
        content, started_at, begun = self.subject.content, now(), perf_counter()
        try:
            await self._steps.until_one_fails([(phase, content.get(phase) or []) for phase in BODY])
            await self._steps.all(TEARDOWN, content.get(TEARDOWN) or [])
        except asyncio.CancelledError:
            if not self._steps.stopped:
                raise
        came, results = self._came(round((perf_counter() - begun) * 1000, 3)), self._steps.results
        return Executed(
            id=ids.new_id(),
            case_id=self.subject.case_id,
            version=self.subject.version,
            row=self.row,
            repetition=self.repetition,
            started_at=started_at,
            trace_id=self._steps.trace_id,
            steps=results if self._is_open else private.stripped(results),
            came=came,
        )

    def _came(self, milliseconds: float) -> Came:
        if self._steps.interrupted:
            return Came(Verdict.CANCELLED, reason=STOPPED, milliseconds=milliseconds)
        step = decisive(self._steps.results)
        if step is None:
            return Came(Verdict.PASSED, milliseconds=milliseconds)
        scope = self._steps.scope
        values = failures.values_of(self._values, scope.extracted, scope.variables)
        return Came(
            Verdict(step["verdict"]),
            passing=step["verdict"] == Verdict.ERRORED and failures.error_code(step) in PASSING,
            fingerprint=failures.fingerprint(self.subject.case_id, step, values),
            step=step["id"],
            reason=reason_of(step) if self._is_open else f"{step['id']}: {private.of_step(step)}",
            milliseconds=milliseconds,
        )


def reason_of(step: Json) -> str:
    """Why a step's result makes its execution what it is, in a sentence that names the step."""
    return f"{step.get('name') or step['id']}: {step.get('reason') or step['verdict']}"[: failures.LONGEST_REASON]
