"""Verdicts, from the steps of an execution to the run.

    execution  a step errored → errored, else one failed → failed, else passed
    data row   it passed and failed → flaky, only failed → failed, only errored → errored
    case       a row failed → failed, else one errored → errored, else one is flaky → flaky, else passed
    run        the same over its cases; those in quarantine do not count

What a teardown step says counts only where everything before it passed: a case that could not make what it tests has
nothing to clear away either.

So a case that fails with some of its data rows, each time, is failed and not flaky: a verdict is flaky only where the
same thing came out both ways. An execution that errored because its target could not be reached, or did not answer in
time, is to its users one that did not work: beside one that passed it makes the row flaky. Any other error is one of
the test, not of what it tests; it never makes a row flaky, and beside passed ones the row is errored.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models import Verdict

Json = dict[str, Any]

# From the worst on: the first that there is decides.
WORST = (Verdict.FAILED, Verdict.ERRORED, Verdict.FLAKY, Verdict.CANCELLED, Verdict.PASSED)
TEARDOWN = "teardown"
MOST_REASONS = 100


@dataclass(frozen=True, slots=True)
class Came:
    """What came of an execution. `passing`: the error may be gone the next time; `step` and `reason` are of the first
    step that did not pass."""

    verdict: Verdict
    passing: bool = False
    fingerprint: str | None = None
    step: str = ""
    reason: str | None = None
    milliseconds: float = 0.0


@dataclass(slots=True)
class Fault:
    """A failure as often as it came in a case of this run."""

    step: str
    reason: str
    occurrences: int = 0


def decisive(steps: Sequence[Json]) -> Json | None:
    """The step's result that decides an execution that did not pass: the first that errored, else that failed, of
    setup and steps, and only then of the teardown. None if all passed."""
    for phase in (False, True):
        for verdict in (Verdict.ERRORED, Verdict.FAILED):
            for step in steps:
                if step["verdict"] == verdict and (step["phase"] == TEARDOWN) is phase:
                    return step
    return None


@dataclass(slots=True)
class Row:
    """One data row's executions, counted."""

    passed: int = 0
    failed: int = 0
    unreached: int = 0
    errored: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.unreached + self.errored

    def add(self, came: Came) -> None:
        """Counts one more."""
        match came.verdict:
            case Verdict.PASSED:
                self.passed += 1
            case Verdict.FAILED:
                self.failed += 1
            case _ if came.passing:
                self.unreached += 1
            case _:
                self.errored += 1

    def verdict(self) -> Verdict:
        """What they come to."""
        if self.passed and (self.failed or self.unreached):
            return Verdict.FLAKY
        if self.failed:
            return Verdict.FAILED
        if self.errored or self.unreached:
            return Verdict.ERRORED
        return Verdict.PASSED if self.passed else Verdict.SKIPPED

    def undecided(self) -> bool:
        """Whether one more execution may tell a flaky row from a broken one."""
        return not self.passed and bool(self.failed or self.unreached)


@dataclass(slots=True)
class Tally:
    """What a case has come to so far: counts, and none of the results. Rows are kept as long as they are open."""

    counts: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    open: dict[int, Row] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    milliseconds: float = 0.0

    @property
    def executions(self) -> int:
        """How many were counted."""
        return self.counts.total()

    def add(self, row: int, came: Came) -> Row:
        """Counts an execution; returns its row."""
        found = self.open.setdefault(row, Row())
        found.add(came)
        self.counts[came.verdict] += 1
        self.milliseconds += came.milliseconds
        if came.reason is not None:
            self.reasons.setdefault(came.verdict, came.reason)
        if came.fingerprint is not None and (came.fingerprint in self.faults or len(self.faults) < MOST_REASONS):
            fault = self.faults.setdefault(came.fingerprint, Fault(came.step, came.reason or ""))
            fault.occurrences += 1
        return found

    def close(self, row: int) -> None:
        """The row is as it will be."""
        self.rows[self.open.pop(row).verdict()] += 1

    def verdict(self) -> Verdict:
        """Of the case, by its rows."""
        rows = self.rows + Counter(row.verdict() for row in self.open.values())
        return worst(rows)

    def reason(self) -> str | None:
        """Why the verdict is what it is; None where the case passed."""
        verdict = self.verdict()
        if verdict in (Verdict.PASSED, Verdict.SKIPPED):
            return None
        wrong = self.counts[Verdict.FAILED] + self.counts[Verdict.ERRORED]
        is_failed = self.counts[Verdict.FAILED] and verdict != Verdict.ERRORED
        first = self.reasons.get(Verdict.FAILED if is_failed else Verdict.ERRORED)
        if self.executions == 1:
            return first
        return f"{wrong} of {self.executions} executions did not pass. {first or ''}".strip()


def worst(verdicts: Iterable[str] | Counter[str]) -> Verdict:
    """The verdict of the whole by those of its parts; of nothing, `skipped`."""
    found = set(verdicts)
    return next((one for one in WORST if one in found), Verdict.SKIPPED)


def of_run(counts: Counter[str]) -> Verdict:
    """The verdict of a run by how many of its cases, those in quarantine left out, have which; of no cases, passed."""
    present = +counts
    return worst(present) if present else Verdict.PASSED
