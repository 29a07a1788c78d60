"""1,000 completions of a provider that takes a second, submitted at once: when is the last of them final?

    python -m tests.bench.bench_burst

The baseline gets the Celery pool and concurrency that are best at this.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial

from tests.bench.bench_jobs import best_pool
from tests.bench.field import Field, pools, run
from tests.bench.load import many
from tests.bench.report import Table, alternately, middle, rounds, size
from tests.bench.systems import System, memory

CLIENTS, JOBS, MODEL = 32, 1000, "sleep-1s"


@dataclass
class Burst:
    """Seconds from the first submit to the last final state, to the last 202, and the workers' peak in MB."""

    seconds: float
    submitted: float
    peak: float
    failed: int


class Peak:
    """Watches the largest memory of one process among the workers while the block runs."""

    def __init__(self, system: System) -> None:
        self.system, self.megabytes, self._stop = system, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            self.megabytes = max(self.megabytes, *memory(self.system.workers))

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


async def burst(system: System, jobs: int) -> Burst:
    before, failed = system.finished(), system.failed()
    with Peak(system) as peak:
        since = time.perf_counter()
        sent = await many(CLIENTS, jobs, system.client, lambda client, _: system.submit(client, MODEL))
        seconds = system.seconds_until_finished(before + jobs - sent.failures, since)
    return Burst(seconds, sent.seconds, peak.megabytes, system.failed() - failed + sent.failures)


async def measure(field: Field) -> Table:
    table = Table(f"Burst: {size(JOBS)} completions of a provider that takes 1 s")
    pool = await best_pool(field, pools(("threads", 200), ("threads", 500), gevent=500), MODEL, size(JOBS) // 2)
    ours, naive = await field.ours(), await field.naive(pool)
    mine, theirs = await alternately(
        rounds(2), partial(burst, ours, size(JOBS)) if ours else None, partial(burst, naive, size(JOBS))
    )
    label = f"naive ({pool[0]} {pool[1]})"
    seconds, other = middle([b.seconds for b in mine]), middle([b.seconds for b in theirs])
    table.add("all final after", f"{seconds:.1f} s", f"{label} {other:.1f} s", other / seconds, "≤ 7 s")
    accepted, other_accepted = middle([b.submitted for b in mine]), middle([b.submitted for b in theirs])
    table.add("all accepted after", f"{accepted:.1f} s", f"{label} {other_accepted:.1f} s", other_accepted / accepted)
    peak, other_peak = middle([b.peak for b in mine]), middle([b.peak for b in theirs])
    table.add("I/O worker, peak memory", f"{peak:.0f} MB", f"{label} {other_peak:.0f} MB", goal="< 400 MB")
    if failed := sum(b.failed for b in mine + theirs):
        table.notes.append(f"{failed} jobs failed")
    return table


if __name__ == "__main__":
    run(measure)
