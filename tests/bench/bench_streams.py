"""Thousands of clients that wait: what each costs, and how soon an event is with all of them.

    python -m tests.bench.bench_streams

5,000 idle SSE clients over 2 API processes, once all on their project (`GET /v1/events`) and once each on a job of its
own; the clients are one process of raw sockets beside the servers. Memory is the API processes' growth per client.
Then how soon a job's final event is with one client, from the time that the event has as its own: that is when its
transaction began, so the commit is in.
"""

import asyncio
import gc
import json
import re
import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from tests.bench.field import Field, run
from tests.bench.load import Client, many
from tests.bench.report import Table, middle, ms, quantile, size
from tests.bench.systems import Switchyard, memory
from tests.socket_client import listening

CLIENTS, AT_ONCE, ROUNDS, ENDS_A_ROUND, ONE_BY_ONE = 5_000, 64, 5, 20, 60
SETTLE_SECONDS = 5.0
PROJECT, LATE = "/v1/events", "2100-01-01T00:00:00Z"
# Long enough that whoever wants to know of its end waits for it by then.
MODEL = "sleep-300ms"
CREATED = re.compile(rb'"created_at":"([^"]+)"')


class Idle(asyncio.Protocol):
    """One client of a stream; `told` is when its last event came, and what came."""

    def __init__(self, path: str, head: bytes) -> None:
        self.path, self._head = path, head
        self.begun = asyncio.get_running_loop().create_future()
        self.told: tuple[float, bytes] | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        request = b"GET %s HTTP/1.1\r\n%sAccept: text/event-stream\r\n\r\n"
        self.transport.write(request % (self.path.encode(), self._head))

    def data_received(self, data: bytes) -> None:
        if b"retry:" in data and not self.begun.done():
            self.begun.set_result(None)
        elif b"event: " in data:
            self.told = time.time(), data

    def connection_lost(self, error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(error or ConnectionError("closed before it began"))

    def latency(self) -> float:
        """Seconds from the event's own time to its arrival."""
        assert self.told
        found = CREATED.search(self.told[1])
        assert found
        return since(found[1].decode(), self.told[0])


def since(created_at: str, now: float) -> float:
    return now - datetime.fromisoformat(created_at).timestamp()


async def connect(system: Switchyard, paths: list[str]) -> list[Idle]:
    """A client for each path, begun."""
    idle: list[Idle] = []
    loop, http, left = asyncio.get_running_loop(), system.client(), iter(paths)

    async def some() -> None:
        for path in left:
            _, client = await loop.create_connection(partial(Idle, path, http.head), http.host, http.port)
            await client.begun
            idle.append(client)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())
    return idle


async def all_told(idle: list[Idle]) -> list[float]:
    """How late each of them got the event that is on its way."""
    limit = time.monotonic() + 30
    while any(one.told is None for one in idle):
        if time.monotonic() > limit:
            raise TimeoutError(f"{sum(one.told is None for one in idle)} clients did not get an event")
        await asyncio.sleep(0.05)
    return [one.latency() for one in idle]


async def crowd(
    system: Switchyard,
    table: Table,
    what: str,
    paths: list[str],
    *,
    rest: float,
    send: Callable[[int], Awaitable[set[str]]],
) -> None:
    """Connects a client to each path; `send` has events sent in a round, and says who gets one. `rest` is the API's
    memory before anybody came."""
    began = time.perf_counter()
    idle = await connect(system, paths)
    connecting = time.perf_counter() - began
    await asyncio.sleep(SETTLE_SECONDS)
    each = (sum(memory(system.api)) - rest) * 1024 / len(idle)
    late: list[float] = []
    for number in range(ROUNDS):
        for one in idle:
            one.told = None
        gc.collect()
        ended = await send(number)
        late += await all_told([one for one in idle if one.path in ended])
    table.add(f"memory for each of {len(idle):,} clients {what}", f"{each:.1f} KB", goal="< 60 KB")
    table.add("— until all are connected", f"{connecting:.1f} s, {len(idle) / connecting:.0f}/s")
    table.add("— an event is with whom it is for", both(late), goal="p99 < 1 s")
    for one in idle:
        one.transport.abort()
    await asyncio.sleep(SETTLE_SECONDS)


def both(late: list[float]) -> str:
    return f"{ms(middle(late))} / {ms(quantile(late, 0.99))}"


async def scheduled(system: Switchyard, client: Client) -> str:
    """A job that waits for long: one event, and no worker has anything to do."""
    job = await client.post("/v1/jobs", {**system.body("noop"), "run_at": LATE})
    return str(job["id"])


async def on_the_project(system: Switchyard, table: Table, rest: float) -> None:
    async with system.client() as client:

        async def send(_: int) -> set[str]:
            await scheduled(system, client)
            return {PROJECT}

        await crowd(system, table, "of the project", [PROJECT] * size(CLIENTS), rest=rest, send=send)


async def on_jobs(system: Switchyard, table: Table, rest: float) -> None:
    jobs: list[str] = []

    async def one(client: Client, _: int) -> None:
        jobs.append(await scheduled(system, client))

    await many(16, size(CLIENTS), system.client, one)
    left = iter(jobs)
    async with system.client() as client:

        async def send(_: int) -> set[str]:
            ended = list(islice(left, ENDS_A_ROUND))
            for job in ended:
                await client.post(f"/v1/jobs/{job}/cancel", {})
            return {f"/v1/jobs/{job}/events" for job in ended}

        paths = [f"/v1/jobs/{job}/events" for job in jobs]
        await crowd(system, table, "of a job of its own", paths, rest=rest, send=send)


async def by_events(system: Switchyard, path: str) -> float:
    """A job's final event in that stream (of the job, where `path` has a place for one)."""
    async with system.client() as post, system.client() as read:
        project = asyncio.ensure_future(first(read, path)) if "{" not in path else None
        job = await system.submit(post, MODEL)
        return await (project or first(read, path.format(job)))


async def first(read: Client, path: str) -> float:
    """How late the first final event of a stream is."""
    async with aclosing(read.events(path)) as events:
        async for _, kind, data in events:
            if kind == "job.succeeded":
                known = time.time()
                read.close()
                return since(json.loads(data)["created_at"], known)
    raise OSError("the stream ended before the job")


async def by_socket(system: Switchyard) -> float:
    """The same over Socket.IO, in the job's room."""
    async with system.client() as post, listening(system.url, system.key) as listener:
        job = await system.submit(post, MODEL)
        await listener.follow(job=job)
        event = await listener.until_heard("job.succeeded")
        return since(event["created_at"], time.time())


WAYS: dict[str, Callable[[Switchyard], Awaitable[float]]] = {
    "SSE of the job": partial(by_events, path="/v1/jobs/{}/events"),
    "SSE of the project": partial(by_events, path="/v1/events?types=job.succeeded"),
    "Socket.IO, the job's room": by_socket,
}


async def measure(field: Field) -> Table:
    table = Table("Streams: thousands of idle clients, p50 / p99")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if ours := await field.ours():
        for name, way in WAYS.items():
            late = [await way(ours) for _ in range(size(ONE_BY_ONE))]
            table.add(f"a job's final event, {name}", both(late), goal="p50 < 10 ms")
        rest = sum(memory(ours.api))
        await on_the_project(ours, table, rest)
        await on_jobs(ours, table, rest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return table


if __name__ == "__main__":
    run(measure)
