"""What a report tells: the run and its cases at once, and their executions in groups, so that however many there are,
only a few are held at a time. Each group is read in a short transaction of its own."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func
from sqlalchemy.orm import Session, undefer

from infra import db
from infra.clock import now
from infra.errors import NotFound
from models import CaseResult, CaseRun, Environment, Failure, Job, Run, Suite, Verdict
from schemas.suite_run import WholeRunOut, run_view
from workers.suites import counting

Json = dict[str, Any]


class Steps(Enum):
    """Of which executions the steps are read, and how many executions are then held at a time: with their steps, they
    may be megabytes each."""

    ALL = 20
    BAD = 100
    NONE = 500


REMEMBERED_AT_MOST = 2000
BAD = (Verdict.FAILED.value, Verdict.ERRORED.value)


@dataclass(frozen=True, slots=True)
class Head:
    """All of a run but its executions; `cases` in their order, `counts` cases by verdict,
    `tallies` executions by case and verdict, `remembered` failures by fingerprint."""

    run: Run
    job: Job | None
    suite: str | None
    environment: str | None
    cases: list[CaseResult]
    counts: dict[str, int]
    verdict: str
    reason: str | None
    tallies: dict[UUID, dict[str, int]]
    remembered: dict[str, Failure]
    written_at: datetime

    @property
    def title(self) -> str:
        """What was run, in a few words."""
        if self.suite is not None:
            return self.suite
        return self.cases[0].name if len(self.cases) == 1 else f"{len(self.cases)} test cases"

    @property
    def new_failures(self) -> int:
        """How many failures were not seen since the last green run."""
        return sum(len(one.new_fingerprints) for one in self.cases if not one.quarantined)

    @property
    def executions(self) -> dict[str, int]:
        """How many there were, by verdict."""
        added: Counter[str] = Counter()
        for one in self.tallies.values():
            added.update(one)
        return {verdict.value: added[verdict] for verdict in Verdict if added[verdict]}

    def shown(self) -> Json:
        """The run as clients see it."""
        view = run_view(self.run, self.job, self.new_failures)
        view |= {"verdict": self.verdict, "reason": self.reason, "counts": self.counts}
        shown: Json = WholeRunOut().dump(view)
        return shown


def head(project_id: UUID, run_id: UUID) -> Head:
    """The project's run of that id; raises NotFound. A run that is about to end has its verdict by its cases."""
    with db.transaction() as session:
        run = session.scalars(Run.in_project(project_id).where(Run.id == run_id)).first()
        if run is None:
            raise NotFound("There is no such test run.")
        of_run = CaseResult.in_project(project_id).where(CaseResult.run_id == run_id)
        cases = list(session.scalars(of_run.order_by(CaseResult.position, CaseResult.case_id)))
        counts = counting.counts_of(cases)
        return Head(
            run=run,
            job=session.scalars(Job.in_project(project_id).where(Job.id == run_id)).first(),
            suite=_name(session, Suite.in_project(project_id).where(Suite.id == run.suite_id)),
            environment=_name(session, Environment.in_project(project_id).where(Environment.id == run.environment_id)),
            cases=cases,
            counts=counts,
            verdict=run.verdict or counting.verdict_of(counts),
            reason=run.reason if run.verdict else counting.reason_of(counts),
            tallies=_tallies(session, run),
            remembered=_remembered(session, project_id, cases),
            written_at=now(),
        )


def _name(session: Session, query: Select[Any]) -> str | None:
    found = session.scalars(query).first()
    return None if found is None else str(found.name)


def _tallies(session: Session, run: Run) -> dict[UUID, dict[str, int]]:
    grouped = _executions(run, Steps.NONE).with_only_columns(CaseRun.case_id, CaseRun.verdict, func.count())
    tallies: dict[UUID, dict[str, int]] = {}
    for case_id, verdict, count in session.execute(grouped.group_by(CaseRun.case_id, CaseRun.verdict)):
        tallies.setdefault(case_id, {})[verdict] = count
    return tallies


def _remembered(session: Session, project_id: UUID, cases: list[CaseResult]) -> dict[str, Failure]:
    wanted = [one for case in cases for one in case.fingerprints][:REMEMBERED_AT_MOST]
    if not wanted:
        return {}
    found = session.scalars(Failure.in_project(project_id).where(Failure.fingerprint.in_(wanted)))
    return {one.fingerprint: one for one in found}


def told(head: Head, steps: Steps) -> Iterator[tuple[CaseResult, Iterable[CaseRun]]]:
    """Each case, in order, with its executions by data row and repetition."""
    for pack in _packs(head, steps.value):
        if len(pack) == 1:
            yield pack[0], _walk(head.run, pack[0].case_id, steps)
            continue
        found: dict[UUID, list[CaseRun]] = {one.case_id: [] for one in pack}
        for row in _read(_executions(head.run, steps).where(CaseRun.case_id.in_(found)).order_by(*_ORDER), steps):
            found[row.case_id].append(row)
        for case in pack:
            yield case, found[case.case_id]


_ORDER = (CaseRun.case_id, CaseRun.data_row, CaseRun.repetition)


def bad_ones(head: Head, case: CaseResult, at_most: int) -> list[CaseRun]:
    """The case's first executions that failed or errored, with their steps."""
    query = _executions(head.run, Steps.ALL).where(CaseRun.case_id == case.case_id, CaseRun.verdict.in_(BAD))
    return _read(query.order_by(*_ORDER).limit(at_most), Steps.ALL)


def _packs(head: Head, size: int) -> Iterator[list[CaseResult]]:
    pack: list[CaseResult] = []
    weight = 0
    for case in head.cases:
        its = sum(head.tallies.get(case.case_id, {}).values())
        if pack and weight + its > size:
            yield pack
            pack, weight = [], 0
        pack.append(case)
        weight += its
    if pack:
        yield pack


def _walk(run: Run, case_id: UUID, steps: Steps) -> Iterator[CaseRun]:
    """A case's executions, so many at a time."""
    last: tuple[int, int] | None = None
    while True:
        query = _executions(run, steps).where(CaseRun.case_id == case_id)
        if last is not None:
            row, repetition = last
            later = (CaseRun.data_row == row) & (CaseRun.repetition > repetition)
            query = query.where(CaseRun.data_row >= row, (CaseRun.data_row > row) | later)
        found = _read(query.order_by(*_ORDER).limit(steps.value), steps)
        yield from found
        if len(found) < steps.value:
            return
        last = found[-1].data_row, found[-1].repetition


def _executions(run: Run, steps: Steps) -> Select[CaseRun]:
    query = CaseRun.in_project(run.project_id).where(CaseRun.run_id == run.id)
    return query.options(undefer(CaseRun.steps)) if steps is Steps.ALL else query


def _read(query: Select[CaseRun], steps: Steps) -> list[CaseRun]:
    with db.transaction() as session:
        found = list(session.scalars(query))
        bad = [one for one in found if one.verdict in BAD] if steps is Steps.BAD else []
        if bad:
            again = CaseRun.in_project(bad[0].project_id).where(CaseRun.id.in_([one.id for one in bad]))
            whole = again.options(undefer(CaseRun.steps)).execution_options(populate_existing=True)
            session.scalars(whole).all()
        return found


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a case's executions took, in milliseconds."""

    case_id: UUID
    count: int
    median: float
    longest: float


def timings(head: Head) -> dict[UUID, Timing]:
    """Of all cases that were executed."""
    took = CaseRun.milliseconds
    median = func.percentile_cont(0.5).within_group(took)
    figures = _executions(head.run, Steps.NONE).with_only_columns(CaseRun.case_id, func.count(), median, func.max(took))
    with db.transaction() as session:
        found = session.execute(figures.group_by(CaseRun.case_id))
        return {row[0]: Timing(*row) for row in found}
