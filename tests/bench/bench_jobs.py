"""How many jobs a second go from POST to their final state when the provider answers at once.

    python -m tests.bench.bench_jobs

Both sides call the provider with the official `openai` SDK, but not alike: the baseline by the typed, synchronous
`chat.completions.create()`, as people do; Switchyard by the async client's `post()` without the SDK's answer objects,
which is part of its advantage. After each drain of completions the provider's own count of calls must equal the jobs.
"No provider call" is `noop` in the baseline and the offline `sandbox/instant` in Switchyard, which makes an answer.
The baseline uses the Celery pool that is best at this.
"""

import time
from dataclasses import dataclass
from functools import partial

from tests.bench.field import Field, Pool, pools, run
from tests.bench.load import many
from tests.bench.report import Table, alternately, middle, rounds, size
from tests.bench.systems import System, cpu

CLIENTS, JOBS = 16, 800


@dataclass
class Drain:
    """Jobs a second, and the CPU a job cost in API and worker, in seconds."""

    rate: float
    api: float
    worker: float
    failed: int


async def drain(field: Field, system: System, model: str, jobs: int) -> Drain:
    """Submits `jobs` as fast as it goes and waits until all are final."""
    before, failed = system.finished(), system.failed()
    calls = await field.provider.calls()
    api, worker = cpu(system.api), cpu(system.workers)
    since = time.perf_counter()
    sent = await many(CLIENTS, jobs, system.client, lambda client, _: system.submit(client, model))
    seconds = system.seconds_until_finished(before + jobs - sent.failures, since)
    calls = await field.provider.calls() - calls
    if model != "noop" and calls != jobs - sent.failures:
        raise RuntimeError(
            f"{system.name}: {jobs - sent.failures} jobs ended, but the provider was called {calls} times"
        )
    return Drain(
        jobs / seconds,
        (cpu(system.api) - api) / jobs,
        (cpu(system.workers) - worker) / jobs,
        system.failed() - failed + sent.failures,
    )


async def best_pool(field: Field, candidates: list[Pool], model: str, jobs: int) -> Pool:
    """The Celery pool with which the baseline is fastest at this: the better of two runs counts for each."""
    rates: dict[Pool, float] = {}
    for pool in candidates:
        naive = await field.naive(pool)
        rates[pool] = max([(await drain(field, naive, model, jobs)).rate for _ in range(rounds(2))])
        print(f"  naive, {pool[0]} {pool[1]}: {rates[pool]:.0f} jobs/s", flush=True)
    return max(rates, key=lambda pool: rates[pool])


def costs(drains: list[Drain]) -> str:
    api, worker = middle([d.api for d in drains]) * 1000, middle([d.worker for d in drains]) * 1000
    return f"{api:.1f} + {worker:.1f} ms"


async def measure(field: Field) -> Table:
    table = Table("Jobs, end to end (the provider answers at once)")
    pool = await best_pool(field, pools(("prefork", 2), ("threads", 16), gevent=200), "fast", size(JOBS) // 2)
    ours, naive = await field.ours(), await field.naive(pool)
    label = f"naive ({pool[0]} {pool[1]})"
    for model, what in (("fast", "completions"), ("noop", "no provider call")):
        mine, theirs = await alternately(
            rounds(),
            partial(drain, field, ours, model, size(JOBS)) if ours else None,
            partial(drain, field, naive, model, size(JOBS)),
        )
        rate, other = middle([d.rate for d in mine]), middle([d.rate for d in theirs])
        goal = "≥ 1.5×, aim 200/s" if model == "fast" else ""
        table.add(f"jobs/s, {what}", f"{rate:.0f}/s", f"{label} {other:.0f}/s", rate / other, goal)
        table.add(f"CPU a job, API + worker, {what}", costs(mine), f"{label} {costs(theirs)}")
        if failed := sum(d.failed for d in mine + theirs):
            table.notes.append(f"{what}: {failed} jobs failed")
    return table


if __name__ == "__main__":
    run(measure)
