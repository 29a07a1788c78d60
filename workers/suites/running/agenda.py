"""What is left of a plan, one execution after the other: its cases are read in pages, a little ahead, and forgotten
when they have ended."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text

from infra import db
from infra.errors import SwitchyardError
from models import Verdict
from workers.suites import data_rows
from workers.suites.running import planning
from workers.suites.running.executing import PASSING, Subject
from workers.suites.running.patience import patiently
from workers.suites.running.plan import Plan, Planned
from workers.suites.running.verdicts import Came, Tally
from workers.suites.running.writing import Ended

Json = dict[str, Any]

CASES_AT_ONCE = 50
ROWS_AT_ONCE = 2_000
GONE = "The test case is not there any more."

CASES = text("""
SELECT w.case_id, c.name, c.operation, c.knowledge_base_id, c.quarantined_at IS NOT NULL AS quarantined, v.content
FROM unnest(CAST(:cases AS uuid[]), CAST(:versions AS int[])) AS w(case_id, version)
  JOIN test_cases c ON c.id = w.case_id JOIN test_case_versions v ON v.case_id = w.case_id AND v.number = w.version
WHERE c.project_id = :project_id
""")
NAMES = text("""
SELECT id, name, quarantined_at IS NOT NULL AS quarantined FROM test_cases
WHERE project_id = :project_id AND id = ANY(CAST(:cases AS uuid[]))
""")
# Executions that an earlier attempt has stored, in the order in which they are planned.
STORED = text("""
SELECT case_id, data_row, repetition, verdict, reason, fingerprint, milliseconds,
  jsonb_path_query_first(steps, '$[*] ? (@.verdict == "errored" || @.verdict == "failed").id') #>> '{}' AS step,
  jsonb_path_query_first(steps, '$[*] ? (@.verdict == "errored").error.code') #>> '{}' AS code
FROM test_case_runs WHERE run_id = :run_id AND case_id = ANY(CAST(:cases AS uuid[])) AND verdict <> 'cancelled'
ORDER BY case_id, data_row, repetition
""")


@dataclass(slots=True)
class Open:
    """A case that is being executed. `left` are the rows that are not decided, `stored` what an earlier attempt did:
    (row, repetition)."""

    planned: Planned
    subject: Subject
    quarantined: bool
    rows: Sequence[Json] = ()
    left: int = 0
    tally: Tally = field(default_factory=Tally)
    stored: set[tuple[int, int]] = field(default_factory=set)

    def ended(self, verdict: Verdict | None = None, reason: str | None = None) -> Ended:
        """The case as it ends: by its executions, or otherwise and why."""
        given = (self.tally.verdict(), self.tally.reason()) if verdict is None else (verdict, reason)
        return Ended(self.planned, self.subject.name, *given, self.quarantined, self.tally)


@dataclass(frozen=True, slots=True)
class Turn:
    """An execution that is to be done."""

    case: Open
    row: int
    repetition: int

    @property
    def values(self) -> Json:
        """Its data row."""
        return self.case.rows[self.row] if self.case.rows else {}


class Agenda:
    """The executions of a plan that are not stored yet. `on_end` is told of each case that has come to its end."""

    def __init__(self, plan: Plan, on_end: Callable[[Ended], None]) -> None:
        self.open: dict[UUID, Open] = {}
        self._plan, self._on_end = plan, on_end
        self._turns = self._all()
        self._one_at_a_time = asyncio.Lock()

    async def next(self) -> Iterable[Turn] | None:
        """The next one; None after the last. All executions of a case that cleans up come together, to be done one
        after the other: they would take away from each other what they work with."""
        async with self._one_at_a_time:
            return await anext(self._turns, None)

    async def open_tried(self) -> None:
        """Opens the cases of which an earlier attempt has executed something, for a run that executes no more."""
        for page in self._pages():
            tried = [case for case in await self._read(page) if case.tally.executions]
            self.open |= {case.planned.case_id: case for case in tried}

    def decided(self, case: Open, row: int) -> None:
        """Nothing more is done with that row."""
        case.tally.close(row)
        case.left -= 1
        if case.left == 0:
            self._close(case)

    async def close(self) -> None:
        """Reads nothing more."""
        async with self._one_at_a_time:
            await self._turns.aclose()

    async def _all(self) -> AsyncGenerator[Iterable[Turn], None]:
        pages = self._pages()
        ahead: asyncio.Task[list[Open]] | None = None
        try:
            for at in range(len(pages)):
                page = await (ahead or self._read(pages[at]))
                ahead = asyncio.create_task(self._read(pages[at + 1])) if at + 1 < len(pages) else None
                for case in page:
                    async for turns in self._turns_of(case):
                        yield turns
        finally:
            if ahead is not None:
                ahead.cancel()

    async def _turns_of(self, case: Open) -> AsyncIterator[Iterable[Turn]]:
        self.open[case.planned.case_id] = case
        try:
            case.rows = await data_rows.rows_of(self._plan.project_id, case.subject.content)
        except SwitchyardError as error:
            if error.retryable:
                raise
            self._close(case, Verdict.ERRORED, error.detail)
            return
        numbers = planning.executed(len(case.rows), self._plan.wishes.get("data_rows"))
        case.left = len(numbers)
        if not numbers:
            self._close(case, Verdict.SKIPPED, "The case has none of the data rows that were asked for.")
        turns = (turn for row in numbers for turn in self._of_row(case, row))
        if case.subject.content.get("teardown"):
            yield turns
        else:
            for turn in turns:
                yield (turn,)

    def _of_row(self, case: Open, row: int) -> list[Turn]:
        """What is left of a row; one of which nothing is left is decided."""
        times = self._plan.times
        left = [one for one in range(times) if (row, one) not in case.stored]
        done = case.tally.open.get(row)
        if not left and done is not None:
            if done.undecided() and done.total < times + self._plan.wishes["retry_failed"]:
                left = [done.total]
            else:
                self.decided(case, row)
        return [Turn(case, row, one) for one in left]

    def _close(self, case: Open, verdict: Verdict | None = None, reason: str | None = None) -> None:
        self.open.pop(case.planned.case_id, None)
        self._on_end(case.ended(verdict, reason))

    def _pages(self) -> list[list[Planned]]:
        pages: list[list[Planned]] = []
        rows = 0
        for one in self._plan.cases:
            if one.case_id in self._plan.finished:
                continue
            if not pages or len(pages[-1]) >= CASES_AT_ONCE or rows >= ROWS_AT_ONCE:
                pages.append([])
                rows = 0
            pages[-1].append(one)
            rows += one.rows
        return pages

    async def _read(self, page: Sequence[Planned]) -> list[Open]:
        found, lost = await patiently(read, self._plan, page)
        for one in lost:
            self._on_end(Ended(one, GONE, Verdict.ERRORED, GONE, False, Tally()))
        return found


def read(plan: Plan, page: Sequence[Planned]) -> tuple[list[Open], list[Planned]]:
    """These cases, with what an earlier attempt did of them; and those that are not there."""
    asked: Json = {
        "project_id": plan.project_id,
        "run_id": plan.run_id,
        "cases": [str(one.case_id) for one in page],
        "versions": [one.version for one in page],
    }
    with db.transaction() as session:
        rows = {row.case_id: row for row in session.execute(CASES, asked)}
        stored = session.execute(STORED, asked).all() if plan.attempt > 1 else []
    found = {one.case_id: _open(one, rows[one.case_id]) for one in page if one.case_id in rows}
    for row in stored:
        if row.case_id in found:
            _count(found[row.case_id], row)
    return [*found.values()], [one for one in page if one.case_id not in rows]


def names(plan: Plan, some: Sequence[Planned]) -> dict[UUID, tuple[str, bool]]:
    """What these cases are called, and whether they are in quarantine."""
    asked = {"project_id": plan.project_id, "cases": [str(one.case_id) for one in some]}
    with db.transaction() as session:
        return {row.id: (row.name, row.quarantined) for row in session.execute(NAMES, asked)}


def _open(planned: Planned, row: Any) -> Open:
    subject = Subject(
        case_id=planned.case_id,
        version=planned.version,
        name=row.name,
        content=row.content,
        operation=row.operation,
        knowledge_base_id=row.knowledge_base_id,
    )
    return Open(planned, subject, row.quarantined)


def _count(case: Open, row: Any) -> None:
    case.stored.add((row.data_row, row.repetition))
    came = Came(
        Verdict(row.verdict),
        passing=row.code in PASSING,
        fingerprint=row.fingerprint,
        step=row.step or "",
        reason=row.reason,
        milliseconds=row.milliseconds,
    )
    case.tally.add(row.data_row, came)
