"""How many jobs a second can be submitted durably, and how long one waits for its 202.

    python -m tests.bench.bench_submit

Throughput with the workers standing still (they would share the two cores), latency at a
steady 100/s with them at work.
"""

from functools import partial

from tests.bench.field import Field, run
from tests.bench.load import Run, many, steady
from tests.bench.report import Table, alternately, middle, ms, rounds, size
from tests.bench.systems import System

CLIENTS = ((1, 300), (8, 1200), (32, 2000))
STEADY_PER_SECOND = 100


async def burst(system: System, clients: int, total: int) -> Run:
    with system.paused_workers():
        return await many(clients, total, system.client, lambda client, _: system.submit(client, "fast"))


async def flow(system: System) -> Run:
    seconds = size(8)
    found = await steady(STEADY_PER_SECOND, seconds, system.client, lambda client, _: system.submit(client, "fast"))
    system.wait_idle()
    return found


def tail(runs: list[Run]) -> str:
    return f"{ms(middle([r.quantile(0.5) for r in runs]))} / {ms(middle([r.quantile(0.99) for r in runs]))}"


async def measure(field: Field) -> Table:
    table = Table("Submit, durable (one commit a job)")
    ours, naive = await field.ours(), await field.naive()
    for clients, total in CLIENTS:
        mine, theirs = await alternately(
            rounds(),
            partial(burst, ours, clients, size(total)) if ours else None,
            partial(burst, naive, clients, size(total)),
        )
        rate, other = middle([r.rate for r in mine]), middle([r.rate for r in theirs])
        goal = "≥ 1.5×, aim 600/s" if clients == 32 else ""
        table.add(f"submits/s, {clients} clients", f"{rate:.0f}/s", f"naive {other:.0f}/s", rate / other, goal)
        table.add(f"p50 / p99, {clients} clients", tail(mine), f"naive {tail(theirs)}")
        table.failures(*mine, *theirs)
    mine, theirs = await alternately(rounds(2), partial(flow, ours) if ours else None, partial(flow, naive))
    table.add("p50 / p99 at 100/s, workers at work", tail(mine), f"naive {tail(theirs)}", goal="p99 < 100 ms")
    table.failures(*mine, *theirs)
    return table


if __name__ == "__main__":
    run(measure)
