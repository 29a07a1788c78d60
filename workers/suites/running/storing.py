"""What a run has come to, written in groups, so that an execution costs a share of a transaction.

Where the database is away for a moment, a group is kept and tried again; executions wait when too much has gathered.
What is written leaves memory.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from models import Verdict
from workers.suites.running.executing import Executed
from workers.suites.running.patience import patiently
from workers.suites.running.plan import Plan
from workers.suites.running.writing import Ended, write

EVERY_SECONDS = 0.15
ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 1024 * 1024
WAITING_AT_MOST = 16 * 1024 * 1024
A_ROW = 2048


class Storing:
    """The one writer of an attempt. `add` and `end` return at once; `room` waits while too much waits to be written."""

    def __init__(self, plan: Plan) -> None:
        self.error: Exception | None = None
        self._plan = plan
        self._done = plan.done
        self._waiting: deque[Executed | Ended] = deque()
        self._weight = 0
        self._wake, self._roomy = asyncio.Event(), asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to write. Call it on the event loop."""
        self._task = asyncio.create_task(self._run())

    def add(self, one: Executed) -> None:
        """Has an execution written."""
        self._put(one, weight(one))

    def end(self, one: Ended) -> None:
        """Has a case's end written, after all that was added before."""
        self._put(one, A_ROW)

    async def room(self) -> None:
        """Returns when there is room; raises why nothing can be written any more."""
        while self._weight > WAITING_AT_MOST and self.error is None:
            self._roomy.clear()
            await self._roomy.wait()
        self.require_working()

    def require_working(self) -> None:
        """Raises why nothing can be written any more."""
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        """Writes what is left; raises if that cannot be."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self.require_working()

    def _put(self, one: Executed | Ended, size: int) -> None:
        self._waiting.append(one)
        self._weight += size
        if len(self._waiting) >= ROWS_AT_ONCE or self._weight >= BYTES_AT_ONCE:
            self._wake.set()

    async def _run(self) -> None:
        while self.error is None and not (self._closing and not self._waiting):
            if not self._closing:
                await self._pause()
            group, size = self._group()
            if group:
                await self._write(group)
            self._weight -= size
            self._roomy.set()
        self._waiting.clear()
        self._roomy.set()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), EVERY_SECONDS)
        self._wake.clear()

    def _group(self) -> tuple[list[Executed | Ended], int]:
        group: list[Executed | Ended] = []
        size = 0
        while self._waiting and len(group) < ROWS_AT_ONCE and size < BYTES_AT_ONCE:
            one = self._waiting.popleft()
            group.append(one)
            size += weight(one) if isinstance(one, Executed) else A_ROW
        if self._waiting:
            self._wake.set()
        return group, size

    async def _write(self, group: Sequence[Executed | Ended]) -> None:
        self._done += sum(isinstance(one, Executed) and _counts(one, self._plan) for one in group)
        try:
            await patiently(write, self._plan, group, self._done)
        except Exception as error:  # whoever adds something hears of it
            self.error = error


def weight(one: Executed) -> int:
    """About how many bytes an execution has."""
    bodies = (step.get(side) or {} for step in one.steps for side in ("request", "response"))
    return A_ROW * (1 + len(one.steps)) + sum(len(body) for one in bodies if isinstance(body := one.get("body"), str))


def _counts(one: Executed, plan: Plan) -> bool:
    """Whether it is one of those that were planned, and came to its end."""
    return one.repetition < plan.times and one.came.verdict != Verdict.CANCELLED
