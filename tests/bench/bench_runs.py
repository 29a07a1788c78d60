"""Test runs by one I/O worker process against a server that is always faster: steps a second, all results stored, with
Newman and Schemathesis beside it; what a step costs beside its request; the API meanwhile; memory; flaky cases.

    python -m tests.bench.bench_runs           (BENCH_QUICK=1: a fifth, one round)
    BENCH_PARTS="speed overhead api memory flaky"      some of them
    BENCH_NEWMAN=/path/to/newman       not installed anew
    BENCH_EXECUTIONS=100000            executions for the figure about memory
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import psutil
import psycopg2

from infra import ids
from infra.dev.ports import free_port
from infra.dev.process import python
from infra.dev.system import System
from infra.http import GuardedClient
from tests.bench.beside_runs import Newman, schemathesis
from tests.bench.fast import PATHS
from tests.bench.field import Field, run
from tests.bench.load import Client, Run, many, steady
from tests.bench.report import QUICK, Table, middle, ms, quantile, rounds, size
from tests.bench.servers import Alone
from tests.bench.tester import Tester, system
from tests.fakes.target import EVERYTHING_HERE

Json = dict[str, Any]

REQUESTS = size(5_000)
CONCURRENCY = 32
MOST_TIMES = 1_000
STEPS = 50
EXECUTIONS = int(os.environ.get("BENCH_EXECUTIONS", size(50_000)))
FLAKY_CASES, FLAKY_RUNS, FLAKY_TIMES = 100, size(10), 30
READS, WRITES, WINDOW = 20.0, 5.0, 2.0
NOOP = {"kind": "completion", "input": {"model": "sandbox/instant", "messages": [{"role": "user", "content": "hi"}]}}
OK: Json = {"type": "status", "expected": 200}


class Place:
    """The system, a user of it, and the server that is tested."""

    def __init__(self, running: System, tester: Tester, server: str) -> None:
        self.system, self.tester, self.server = running, tester, server
        self.environment = tester.environment("fast", server)

    def case(self, name: str, path: str = "/things/1?n=1", steps: int = 1, **more: Any) -> str:
        """A case of GET steps, each with one check of its status."""
        step = {"kind": "http", "method": "GET", "url": path, "assert": [OK]}
        return self.tester.case(name, *([step] * steps), **more)

    def run(self, cases: list[str], **wish: Any) -> Json:
        """A run's result."""
        return self.tester.run(test_case_ids=cases, environment=self.environment, **wish)

    def steps(self, run_id: str, case_id: str) -> list[list[Json]]:
        """The stored results of the steps of each execution of a case."""
        place = f"/test_runs/{run_id}/executions"
        page = self.tester.get(place, case_id=case_id, limit=100)["data"]
        return [self.tester.get(f"{place}/{one['id']}")["steps"] for one in page]

    def stored(self, run_id: str) -> tuple[int, int]:
        """How many executions and steps of a run are in the database."""
        found = ids.parse("run", run_id) or UUID(int=0)
        counted = "SELECT count(*), sum(jsonb_array_length(steps)) FROM test_case_runs WHERE run_id = %s"
        with closing(psycopg2.connect(self.system.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute(counted, (str(found),))
            executions, steps = cursor.fetchone() or (0, 0)
        return int(executions), int(steps or 0)

    @property
    def worker_megabytes(self) -> float:
        """Resident memory of the I/O worker with all that it started."""
        top = psutil.Process(self.system["io1"].pid)
        return sum(one.memory_info().rss for one in (top, *top.children(recursive=True))) / 2**20


def speed(place: Place, table: Table) -> None:
    """Ours, Newman, Schemathesis, in turns."""
    ours = {"one step": (place.case("one step"), 1), "ten steps": (place.case("ten steps", steps=10), 10)}
    place.run([case for case, _ in ours.values()], times=50)
    mine: dict[str, list[float]] = {name: [] for name in ours}
    others: dict[str, list[float]] = {"Newman": [], "Newman without a check": [], "Schemathesis": []}
    with closing(Newman(place.server)) as newman:
        for _ in range(rounds()):
            for name, (case, steps) in ours.items():
                mine[name].append(_rate(place, case, REQUESTS // steps, steps))
            if newman.command:
                others["Newman"].append(newman.rate(REQUESTS // 5, checked=True))
                others["Newman without a check"].append(newman.rate(REQUESTS // 5, checked=False))
            others["Schemathesis"].append(schemathesis(place.server, REQUESTS, PATHS))
    for name, values in mine.items():
        table.add(f"{REQUESTS:,} GET requests, cases of {name}", f"{middle(values):,.0f} steps/s", goal="≥ 500/s")
    for rival, found in others.items():
        if found:
            ours_middle, theirs = middle(mine["one step"]), middle(found)
            shown = f"{ours_middle:,.0f} steps/s", f"{rival} {theirs:,.0f} requests/s"
            table.add("… of one step beside others", *shown, ours_middle / theirs, "faster")
    if not newman.command:
        table.notes.append("Newman: there is no npm here.")


def _rate(place: Place, case: str, executions: int, steps: int) -> float:
    """Steps a second from the run's begin to its end, all stored."""
    found, seconds = 0, 0.0
    while found < executions:
        times = min(MOST_TIMES, executions - found)
        result = place.run([case], times=times, concurrency=CONCURRENCY)
        assert result["passed"] == 1 and place.stored(result["run_id"]) == (times, times * steps), result
        found, seconds = found + times, seconds + result["milliseconds"] / 1000
    return found * steps / seconds


def overhead(place: Place, table: Table) -> None:
    """One after the other: from a step's begin to the next one's, less the request alone by the bare guarded client."""
    case = place.case("many steps", steps=STEPS)
    place.run([case], times=2, concurrency=1)
    gaps: list[float] = []
    bare: list[float] = []
    for _ in range(rounds(9)):
        bare += asyncio.run(_bare(f"{place.server}/things/1?n=1", size(1_000)))
        result = place.run([case], times=size(10), concurrency=1)
        assert result["passed"] == 1, result
        for steps in place.steps(result["run_id"], case):
            begins = [datetime.fromisoformat(step["started_at"]) for step in steps]
            gaps += [(after - before).total_seconds() for before, after in pairwise(begins)]
    least = middle(bare)
    p50, p95 = (quantile(gaps, share) - least for share in (0.5, 0.95))
    asked = f"{ms(least)} / {ms(quantile(bare, 0.95))}"
    table.add("own time a step, p50 / p95", f"{ms(p50)} / {ms(p95)}", f"the request alone {asked}", goal="p50 ≤ 3 ms")


async def _bare(url: str, count: int) -> list[float]:
    client, seconds = GuardedClient(targets=EVERYTHING_HERE), []
    try:
        for _ in range(count):
            began = time.perf_counter()
            await client.request("GET", url)
            seconds.append(time.perf_counter() - began)
    finally:
        await client.close()
    return seconds


def api(place: Place, table: Table) -> None:
    """What clients of the API see while 10,000 results are stored."""
    rows = size(10_000)
    case = place.case("many rows", "/things/1?n={{row.n}}", data=[{"n": number} for number in range(rows)])
    before, during, seconds = asyncio.run(_beside(place, case))
    what = f"while {rows:,} results are stored ({seconds:.0f} s)"
    for name, idle, busy in zip(("GET /v1/jobs/{id}", "POST /v1/jobs"), before, during, strict=True):
        shown = [f"{ms(one.quantile(0.5))} / {ms(one.quantile(0.95))}" for one in (busy, idle)]
        table.add(f"{name} {what}, p50 / p95", shown[0], f"before {shown[1]}", busy.quantile(0.5) / idle.quantile(0.5))
        table.failures(idle, busy)


async def _beside(place: Place, case: str) -> tuple[list[Run], list[Run], float]:
    """Reading and submitting at a steady pace: a while before, then for as long as the run takes."""
    key = place.tester.client.http.headers["authorization"].removeprefix("Bearer ")
    job = place.tester.send("/jobs", NOOP)["id"]

    async def read(client: Client, _: int) -> Json:
        return await client.get(f"/v1/jobs/{job}")

    async def write(client: Client, _: int) -> Json:
        return await client.post("/v1/jobs", NOOP)

    async def asked(found: list[Run]) -> None:
        both = ((READS, read), (WRITES, write))
        got = await asyncio.gather(
            *(steady(pace, WINDOW, lambda: Client(place.system.url, key), act) for pace, act in both)
        )
        for one, more in zip(found, got, strict=True):
            one.latencies += more.latencies
            one.failures += more.failures

    await many(4, 50, lambda: Client(place.system.url, key), read)
    before, during = [Run(), Run()], [Run(), Run()]
    for _ in range(3 if QUICK else 10):
        await asked(before)
    running = asyncio.create_task(asyncio.to_thread(place.run, [case], concurrency=CONCURRENCY))
    while not running.done():
        await asked(during)
    result = await running
    assert result["passed"] == 1 and result["executions"] == size(10_000), result
    return before, during, result["milliseconds"] / 1000


def memory(place: Place, table: Table) -> None:
    """The I/O worker after each tenth of the executions."""
    cases = [place.case(f"for memory {number}") for number in range(10)]
    times = max(1, EXECUTIONS // 100)
    place.run(cases, times=10)
    megabytes = [place.worker_megabytes]
    for _ in range(10):
        place.run(cases, times=times, concurrency=CONCURRENCY)
        megabytes.append(place.worker_megabytes)
    shown = f"{megabytes[0]:.0f} MB at first, {megabytes[5]:.0f} in the middle, {megabytes[-1]:.0f} at the end"
    table.add(f"memory of the I/O worker, {times * 100:,} executions", shown)


def flaky(place: Place, table: Table) -> None:
    """Cases against an operation that fails one time in ten, and against one that always fails."""
    chancy = [place.case(f"flaky {number}", "/flaky/1") for number in range(FLAKY_CASES)]
    broken = [place.case(f"broken {number}", "/broken/1") for number in range(FLAKY_CASES // 10)]
    called: dict[str, int] = dict.fromkeys(("passed", "failed", "flaky", "errored"), 0)
    certain = dict(called)
    for _ in range(FLAKY_RUNS):
        for cases, counts in ((chancy, called), (broken, certain)):
            result = place.run(cases, times=FLAKY_TIMES, concurrency=CONCURRENCY)
            for name in counts:
                counts[name] += result[name]
    total, seen = sum(called.values()), sum(called.values()) - called["passed"]
    shown = f"flaky {100 * called['flaky'] / total:.1f} % of {total}, failed {called['failed']}"
    chance = (
        f"{100 * (1 - 0.9**FLAKY_TIMES):.1f} % fail at all by chance; of those {100 * called['flaky'] / seen:.1f} %"
    )
    table.add(f"10 % flaky, times {FLAKY_TIMES}", shown, chance, goal="≥ 95 %, 0")
    table.add(f"always failing, times {FLAKY_TIMES}", f"flaky {certain['flaky']} of {sum(certain.values())}", goal="0")


PARTS: dict[str, Callable[[Place, Table], None]] = {
    "speed": speed,
    "overhead": overhead,
    "api": api,
    "memory": memory,
    "flaky": flaky,
}


def parts(table: Table, names: list[str]) -> None:
    """Each of them in one system."""
    with Alone("fast") as alone, system() as running, Tester(running) as tester:
        port = free_port()
        alone.start("fast", python("-m", "tests.bench.fast", "--port", str(port)), port)
        place = Place(running, tester, f"http://127.0.0.1:{port}")
        for name in names:
            began = time.monotonic()
            PARTS[name](place, table)
            print(f"runs: {name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


async def measure(_: Field) -> Table:
    """All parts, or those that were named."""
    table = Table("Test runs")
    names = os.environ.get("BENCH_PARTS", "").split() or list(PARTS)
    await asyncio.to_thread(parts, table, names)
    return table


if __name__ == "__main__":
    run(measure)
