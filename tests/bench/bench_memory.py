"""Resident memory at rest, after the first 200 jobs: the largest API process, the largest I/O worker process.

python -m tests.bench.bench_memory
"""

from tests.bench.field import Field, run
from tests.bench.report import Table
from tests.bench.systems import memory


async def measure(field: Field) -> Table:
    table = Table("Memory at rest")
    ours, naive = await field.ours(), await field.naive()
    mine = (
        (max(memory(ours.api)), max(memory(ours.io_workers)), sum(memory([*ours.api, *ours.workers]))) if ours else ()
    )
    theirs = (max(memory(naive.api)), max(memory(naive.workers)), sum(memory([*naive.api, *naive.workers])))
    names = (("API process", "< 120 MB"), ("I/O worker", "< 200 MB"), ("all processes but PostgreSQL and Redis", ""))
    for number, (name, goal) in enumerate(names):
        shown = f"{mine[number]:.0f} MB" if mine else "–"
        table.add(name, shown, f"naive {theirs[number]:.0f} MB", goal=goal)
    return table


if __name__ == "__main__":
    run(measure)
