"""Whether many rows slow anything down: finished jobs by the million, then as many that wait.

    python -m tests.bench.bench_rows      (BENCH_ROWS=10000000: so many finished jobs; default a million)

Two systems of the same kind without workers, one filled and one all but empty (a few rows, so that lists have
something to show), are asked in turns. What the workers and the
clockwork would do every second is timed in the database alone, and rolled back.
"""

import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

from sqlalchemy import Engine, TextClause, text
from sqlalchemy.orm import Session

from infra.db import make_engine
from tests.bench import rows
from tests.bench.field import Field, run
from tests.bench.load import Client
from tests.bench.report import Table, middle, ms, quantile, rounds, size
from tests.bench.servers import Servers
from workers.jobs import bounds, fair, lifecycle, outbox, queries, retention, sweep
from workers.kinds import QUEUES

ROWS = int(os.environ.get("BENCH_ROWS", 1_000_000))
QUEUED = size(1_000_000)
WITHOUT_LIMITS = {"MAX_QUEUED": "10000000", "PROJECT_MAX_QUEUED": "10000000", "REQUESTS_PER_MINUTE": "100000000"}
NOOP = {"kind": "completion", "input": {"model": "sandbox/instant", "messages": [{"role": "user", "content": "hi"}]}}
CALLS, SECONDS_AT_MOST = 40, 5.0
FEW, WAITING = 1000, 200
GOAL = "≤ 1.3×"

Asked = Callable[[Client], Awaitable[object]]
Done = Callable[[Session], object]


class Side:
    """One of the two systems, with a client and a connection of its own."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.servers = Servers(name, ("api",), {**WITHOUT_LIMITS, "LOG_LEVEL": "WARNING"})
        stack.callback(self.servers.stop)
        ground = self.servers.ground
        self.project = ground.project_id.removeprefix("proj_")
        url = self.servers.database_url.replace("postgresql://", "postgresql+psycopg2://")
        self.engine: Engine = make_engine(url, pool_size=1)
        stack.callback(self.engine.dispose)
        self.client = Client(ground.url, ground.api_key)

    def add(self, statement: str, total: int) -> None:
        began = time.monotonic()
        rows.add(self.servers, statement, self.project, total)
        print(f"{total} rows in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    async def asked(self, what: Asked) -> list[float]:
        times: list[float] = []
        while len(times) < CALLS and sum(times) < SECONDS_AT_MOST:
            began = time.perf_counter()
            await what(self.client)
            times.append(time.perf_counter() - began)
        return times

    def done(self, what: Done) -> list[float]:
        """Each time in a transaction of its own that is rolled back."""
        times: list[float] = []
        while len(times) < CALLS // 4 and sum(times) < SECONDS_AT_MOST:
            with Session(self.engine) as session:
                began = time.perf_counter()
                what(session)
                times.append(time.perf_counter() - began)
                session.rollback()
        return times

    def swept(self) -> int:
        """How many jobs one sweep deletes where all projects keep a day."""
        self.servers.execute("UPDATE projects SET retention_days = 1")
        command = [sys.executable, "-c", "from workers.jobs import retention; print(retention.sweep())"]
        environment = self.servers.ground.environment
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        return int(told.split()[-1])

    def middle_id(self) -> str:
        """The id in the middle of the project's list, for a page deep inside."""
        found = """SELECT id FROM jobs WHERE project_id = :project ORDER BY id
            OFFSET (SELECT count(*) / 2 FROM jobs WHERE project_id = :project) LIMIT 1"""
        with Session(self.engine) as session:
            return f"job_{session.execute(text(found), {'project': self.project}).scalar_one().hex}"


def requests(side: Side) -> dict[str, Asked]:
    """What clients do."""
    deep = side.middle_id()

    async def get(path: str, client: Client) -> object:
        return await client.get(path)

    lists = {
        "the first page": "",
        "a page in the middle": f"?after={deep}",
        "status=failed": "?status=failed",
        "status=queued": "?status=queued",
        "status=succeeded": "?status=succeeded",
        "kind=embedding": "?kind=embedding",
        "a kind of other projects": "?kind=image",
        "a label of a thousandth": "?metadata.customer=c5",
        "a label of a tenth": "?metadata.plan=pro",
        "oldest first": "?order=asc",
    }
    found: dict[str, Asked] = {"submit": _submit}
    found |= {f"list: {name}": partial(get, f"/v1/jobs{query}") for name, query in lists.items()}
    return found | {"a job": partial(get, f"/v1/jobs/{deep}"), "stats": partial(get, "/v1/jobs/stats")}


async def _submit(client: Client) -> object:
    return await client.post("/v1/jobs", NOOP)


def statements(side: Side) -> dict[str, Done]:
    """What the workers and the clockwork do."""

    def claim(limit: int, session: Session) -> object:
        return lifecycle.claim(session, queues=QUEUES, limit=limit, worker="bench", lease_seconds=30)

    def plain(*those: TextClause) -> Done:
        everything = {"queues": list(QUEUES), "at_most": 400, "batch": 500, "days": 30, "project_id": side.project}
        return lambda session: [session.execute(one, everything | {"bound": 10_000_000}).all() for one in those]

    return {
        "claim 4": partial(claim, 4),
        "claim 100": partial(claim, 100),
        "relay's look": plain(outbox.UNCLAIMED),
        "lost, due and late jobs": plain(
            sweep.LOST, sweep.DUE, sweep.OVERDUE_SCHEDULED, sweep.OVERDUE_QUEUED, fair.RELEASE
        ),
        "retention's look": plain(retention.PROJECTS),
        "count of a project's waiting": plain(bounds.OF_PROJECT),
        "count of all waiting": plain(bounds.OF_ALL),
        "metrics": plain(queries.QUEUES),
    }


async def compare(table: Table, title: str, full: Side, empty: Side) -> None:
    """Every request and statement in turns, the empty system as what stands beside."""
    times: dict[str, tuple[list[float], list[float]]] = {}
    asked = list(zip(requests(full).items(), requests(empty).values(), strict=True))
    done = list(zip(statements(full).items(), statements(empty).values(), strict=True))
    for _ in range(rounds()):
        for (name, ours), beside in asked:
            mine, theirs = times.setdefault(name, ([], []))
            mine += await full.asked(ours)
            theirs += await empty.asked(beside)
        for (name, moved), other in done:
            mine, theirs = times.setdefault(name, ([], []))
            mine += full.done(moved)
            theirs += empty.done(other)
    for name, (mine, theirs) in times.items():
        ours_shown, beside_shown = (f"{ms(middle(one))} / {ms(quantile(one, 0.95))}" for one in (mine, theirs))
        goal = GOAL if name == "submit" or name.startswith("list") else ""
        table.add(f"{name}, {title}", ours_shown, beside_shown, middle(mine) / middle(theirs), goal)


async def measure(_field: Field) -> Table:
    table = Table("Many rows (p50 / p95; ratio: with the rows to without, so lower is better)")
    with ExitStack() as stack:
        full, empty = Side("full", stack), Side("empty", stack)
        full.add(rows.FINISHED, ROWS)
        empty.add(rows.FINISHED, FEW)
        for side in (full, empty):
            side.add(rows.QUEUED, WAITING)
        await compare(table, f"{ROWS:,} finished", full, empty)
        full.add(rows.QUEUED, QUEUED)
        await compare(table, f"and {QUEUED:,} queued", full, empty)
        table.add(f"retention, one sweep of {retention.SECONDS:g} s", f"{full.swept():,} jobs deleted")
    return table


if __name__ == "__main__":
    run(measure)
