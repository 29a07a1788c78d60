"""What the benchmarks of one run share: the provider and the systems, started when first asked for, ended together.

BENCH_NAIVE_ONLY=1    leaves Switchyard out (to look at the baseline)
BENCH_QUICK=1         one round of a fifth of the size
BENCH_GEVENT_PYTHON   a Python with celery, gevent and psycogreen: adds gevent to the baseline's pools
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from tests.bench.load import go, many
from tests.bench.report import Table, machine
from tests.bench.servers import Provider
from tests.bench.systems import Naive, Switchyard, System

WARM_UP = 200
Pool = tuple[str, int]


def pools(*always: Pool, gevent: int) -> list[Pool]:
    """The Celery pools to try for the baseline: gevent only where it is installed."""
    return [*always, ("gevent", gevent)] if os.environ.get("BENCH_GEVENT_PYTHON") else list(always)


class Field:
    """The provider and the systems of one run."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._naive: Naive | None = None
        self._pool: Pool | None = None
        self._ours: Switchyard | None = None
        self.machine = machine()

    def __enter__(self) -> Self:
        self.provider = self._stack.enter_context(Provider())
        self._stack.callback(self._stop_naive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    async def ours(self) -> Switchyard | None:
        """Switchyard, warm; None with BENCH_NAIVE_ONLY."""
        if self._ours is None and not os.environ.get("BENCH_NAIVE_ONLY"):
            self._ours = Switchyard(self.provider.url)
            self._stack.callback(self._ours.stop)
            await warm(self._ours)
        return self._ours

    async def naive(self, pool: Pool = ("prefork", 2)) -> Naive:
        """The baseline with that Celery pool, warm. Only one of them runs at a time: they share two cores."""
        if self._naive is None or self._pool != pool:
            self._stop_naive()
            self._naive, self._pool = Naive(self.provider.url, *pool), pool
            await warm(self._naive)
        return self._naive

    def _stop_naive(self) -> None:
        if self._naive:
            self._naive.stop()
        self._naive = None


async def warm(system: System) -> None:
    """Imports, pools and caches are filled before anything is measured."""
    before = system.finished()
    await many(32, WARM_UP, system.client, lambda client, _: system.submit(client, "fast"))
    system.seconds_until_finished(before + WARM_UP, 0.0, 60)


def run(measure: Callable[[Field], Awaitable[Table]]) -> None:
    """One benchmark as a program."""

    async def main() -> None:
        with Field() as field:
            print((await measure(field)).markdown())
            print(field.machine)

    go(main())
