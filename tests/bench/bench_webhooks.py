"""Webhooks: deliveries a second from one I/O worker, what a receiver that hangs costs the others, and the first delay.

    python -m tests.bench.bench_webhooks

100 endpoints (50 in each of two projects, which is the most) at 1000/s want the events of 80 scheduled jobs. The worker
stands still while those are submitted, so that what counts is its work alone: claim, sign, send, write. Seconds run
from when it may go on until the last delivery is with the receiver, a process of its own (sink.py). Beside it stands a
task a delivery with `requests.post` (baselines/naive_webhooks.py), counted for two seconds while more than that wait.

The delay runs from the event's `created_at`, taken shortly before its commit, so it is a little longer than what
passes after the commit.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from redis import Redis

from infra.dev.ports import free_port
from infra.dev.process import Process, python
from tests.bench.bench_streams import LATE, since
from tests.bench.field import Field, Pool, pools, run
from tests.bench.load import Client, Json, many, steady
from tests.bench.report import Table, alternately, middle, ms, quantile, rounds, size
from tests.bench.servers import Alone, Servers, until
from tests.bench.systems import Switchyard, celery_worker, cpu

PROJECTS, PER_PROJECT, RATE, DELIVERIES = 2, 50, 1000, 4000
NAIVE = "tests.bench.baselines.naive_webhooks"
LIMIT_SECONDS = 60.0
# The last is less than the baseline's patience with a receiver that hangs.
NAIVE_WAITING, NAIVE_SECONDS, NAIVE_HANGING_SECONDS = 2000, 2.0, 10.0
EVENTS_PER_SECOND, GENTLE_SECONDS, WARM_UP_SECONDS = 20, 10.0, 1.0
OF_A_JOB = ("job.queued", "job.started", "job.succeeded")


class Sink(Alone):
    """The receiver as a process of its own."""

    def __init__(self) -> None:
        super().__init__("sink")
        port = free_port()
        self.start("sink", python("-m", "tests.bench.sink", "--port", str(port)), port)
        self.url = f"http://127.0.0.1:{port}"

    def client(self) -> Client:
        return Client(self.url)

    async def get(self, path: str) -> Json:
        async with self.client() as client:
            return await client.get(path)

    async def arrived(self, count: int, limit: float) -> Json:
        """Its stats once so many deliveries are here, or as they are after so many seconds."""
        ends = time.monotonic() + limit
        async with self.client() as client:
            while (stats := await client.get("/stats"))["arrived"] < count and time.monotonic() < ends:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return stats


@dataclass
class Sending:
    """What came to the receivers that answer: how much, how much a second, and the CPU seconds of each."""

    arrived: int
    rate: float
    cpu: float


async def sending(sink: Sink, worker: Process, servers: list[Process], count: int, limit: float) -> Sending:
    """Lets the worker go on, which stands still, until `count` deliveries arrived."""
    measured = [worker, *servers]
    async with sink.client() as client:
        await client.post("/reset", {})
    used, began = cpu(measured), time.perf_counter()
    worker.send(signal.SIGCONT)
    stats = await sink.arrived(count, limit)
    seconds, arrived = time.perf_counter() - began, stats["arrived"]
    if stats["again"]:
        raise RuntimeError(f"{stats['again']} deliveries came twice")
    return Sending(arrived, arrived / seconds, (cpu(measured) - used) / max(arrived, 1))


class Ours:
    """Switchyard with one I/O worker, two projects, and all of their endpoints but one."""

    def __init__(self, system: Switchyard, sink: Sink) -> None:
        self.system, self.sink, self.ground = system, sink, system.servers.ground
        self.worker = self.ground["io1"]
        self.servers = [self.ground["postgres"], self.ground["redis"]]
        self.rounds = 0
        self.keys = [self._project(number) for number in range(PROJECTS)]

    def _project(self, number: int) -> str:
        command = python(
            "-m", "flask", "--app", "wsgi", "create-project", f"bench {number}", "--owner", "a@example.com"
        )
        answer = self.ground.supervisor.once("create-project", command, self.ground.environment)
        return str(json.loads(answer)["api_key"])

    def client(self, project: int = 0) -> Client:
        return Client(self.system.url, self.keys[project])

    async def endpoint(self, client: Client, path: str, *types: str) -> str:
        wanted = {"url": self.sink.url + path, "event_types": types, "rate_per_second": RATE}
        return str((await client.post("/v1/webhook_endpoints", wanted))["id"])

    async def fill(self) -> None:
        """All endpoints but the last one."""
        for project in range(PROJECTS):
            async with self.client(project) as client:
                for number in range(PER_PROJECT - (project == 0)):
                    await self.endpoint(client, f"/ok/{project}/{number}", "job.scheduled")

    async def clear(self) -> None:
        """Without endpoints again, so that nothing is sent in what is measured later."""
        for project in range(PROJECTS):
            async with self.client(project) as client:
                for one in (await client.get("/v1/webhook_endpoints?limit=100"))["data"]:
                    await client.request("DELETE", f"/v1/webhook_endpoints/{one['id']}")

    async def round(self, last: str) -> Sending:
        """Sends all there is, with the last endpoint at that path."""
        events, hangs = size(DELIVERIES) // PER_PROJECT // PROJECTS, last.startswith("/hang")
        async with self.client() as client:
            endpoint = await self.endpoint(client, last, "job.scheduled")
            self.worker.send(signal.SIGSTOP)
            try:
                for project in range(PROJECTS):
                    await many(4, events, partial(self.client, project), self._schedule)
                expected = events * (PER_PROJECT * PROJECTS - hangs)
                found = await sending(self.sink, self.worker, self.servers, expected, LIMIT_SECONDS)
            finally:
                self.worker.send(signal.SIGCONT)
            held = (await self.sink.get("/stats"))["hanging"]
            if found.arrived != expected or bool(held) != hangs:
                raise RuntimeError(f"{found.arrived} of {expected} deliveries arrived, and {held} hang")
            await client.request("DELETE", f"/v1/webhook_endpoints/{endpoint}")
        until(lambda: self._pending() == 0, "the end of all deliveries")
        return found

    async def _schedule(self, client: Client, _: int) -> None:
        """A job that waits for long: one event, and nobody has anything else to do."""
        await client.post("/v1/jobs", {**self.system.body("noop"), "run_at": LATE})

    def _pending(self) -> float:
        return self.system.servers.scalar("SELECT count(*) FROM webhook_deliveries WHERE status = 'pending'")

    async def both(self) -> tuple[Sending, Sending]:
        """All receivers answer, and one hangs; now this first, now that."""
        self.rounds += 1
        if self.rounds % 2:
            return await self.round("/ok/0/last"), await self.round("/hang")
        hanging = await self.round("/hang")
        return await self.round("/ok/0/last"), hanging

    async def delays(self) -> dict[str, list[float]]:
        """Seconds from an event's `created_at` to its first attempt, by type, at a gentle rate of jobs."""
        async with self.client() as client, self.sink.client() as sink:
            await self.endpoint(client, "/timed/0", *OF_A_JOB)
            for seconds in (WARM_UP_SECONDS, size(int(GENTLE_SECONDS))):
                await sink.post("/reset", {})
                sent = await steady(EVENTS_PER_SECOND, seconds, self.client, self._instant)
                await self.sink.arrived(len(OF_A_JOB) * len(sent.latencies), LIMIT_SECONDS)
            _, content = await sink.request("GET", "/times")
        found: dict[str, list[float]] = {kind: [] for kind in OF_A_JOB}
        for came, body in json.loads(content):
            event = json.loads(body)
            found[event["type"]].append(since(event["created_at"], came))
        return found

    async def _instant(self, client: Client, _: int) -> None:
        await self.system.submit(client, "noop")


@contextmanager
def one_io_worker(system: Switchyard) -> Iterator[None]:
    """The second I/O worker has ended, and starts again afterwards."""
    system.servers.ground["io2"].stop()
    try:
        yield
    finally:
        system.servers.ground.start_again("io2")


class Naive:
    """The baseline: a broker, and one worker with that pool, which stands still between two rounds."""

    def __init__(self, sink: Sink) -> None:
        self.sink, self.servers = sink, Servers("naive-webhooks")
        self.environment = {"REDIS_URL": self.servers.redis_url}
        self.redis = Redis.from_url(self.servers.redis_url)
        self.worker: Process | None = None

    def use(self, pool: Pool) -> None:
        """A fresh worker, and nothing left of what the one before had to do."""
        if self.worker:
            self.worker.kill()
        self.redis.flushall()
        self.worker = celery_worker(self.servers, NAIVE, self.environment, *pool)

    async def round(self, seconds: float = NAIVE_SECONDS, *, hanging: int = 0) -> Sending:
        """Sends for so long what waits, or until the most of it is sent."""
        assert self.worker
        self.worker.send(signal.SIGSTOP)
        receivers, count = PROJECTS * PER_PROJECT, size(NAIVE_WAITING)
        try:
            if int(self.redis.llen("celery")) < count:
                command = python("-m", NAIVE, self.sink.url, str(count // receivers), str(receivers))
                command += ["--hanging", str(hanging)]
                self.servers.ground.supervisor.once("producer", command, {**os.environ, **self.environment})
            return await sending(self.sink, self.worker, [self.servers.ground["redis"]], count, seconds)
        finally:
            self.worker.send(signal.SIGSTOP)

    def stop(self) -> None:
        if self.worker:
            self.worker.kill()
        self.redis.close()
        self.servers.stop()


async def best_pool(naive: Naive) -> Pool:
    """The Celery pool with which the baseline is fastest."""
    rates: dict[Pool, float] = {}
    for pool in pools(("prefork", 2), ("threads", 16), gevent=200):
        naive.use(pool)
        await naive.round(0.5)
        rates[pool] = (await naive.round()).rate
        print(f"  naive, {pool[0]} {pool[1]}: {rates[pool]:.0f} deliveries/s", flush=True)
    return max(rates, key=lambda pool: rates[pool])


def costs(rounds: list[Sending]) -> str:
    return ms(middle([one.cpu for one in rounds]))


async def throughput(ours: Ours | None, naive: Naive, table: Table) -> None:
    pool = await best_pool(naive)
    label = f"naive ({pool[0]} {pool[1]})"
    naive.use(pool)
    await naive.round(0.5)
    if ours:
        await ours.fill()
        await ours.round("/ok/0/last")
    mine, theirs = await alternately(rounds(), ours.both if ours else None, naive.round)
    naive.use(pool)
    stuck = await naive.round(NAIVE_HANGING_SECONDS, hanging=1)
    plain, hanging = [one for one, _ in mine], [one for _, one in mine]
    rate, other = middle([one.rate for one in plain]), middle([one.rate for one in theirs])
    table.add("deliveries/s, 100 endpoints", f"{rate:.0f}/s", f"{label} {other:.0f}/s", rate / other, "≥ 1,000/s")
    table.add("CPU a delivery, worker and servers", costs(plain), f"{label} {costs(theirs)}")
    kept = middle([one.rate for one in hanging])
    share = middle([one.rate / other.rate for other, one in mine])
    what = f"{kept:.0f}/s ({share:.2f} of the above)"
    beside = f"{label} {stuck.rate:.0f}/s ({stuck.rate / other:.2f})"
    table.add("one of the 100 hangs: the other 99", what, beside, kept / stuck.rate, "as fast")
    spread = ", ".join(f"{one.rate:.0f}" for one in plain + hanging)
    table.notes.append(
        f"Rounds: {spread}/s, the second half with one that hangs; naive with one that hangs was counted for the first"
        f" {NAIVE_HANGING_SECONDS:.0f} s."
    )


async def delay(ours: Ours, table: Table) -> None:
    found = await ours.delays()
    for kind, late in found.items():
        shown = " / ".join(ms(quantile(late, share)) for share in (0.5, 0.95, 0.99))
        table.add(f"`{kind}` to its receiver, p50 / p95 / p99", shown, goal="p50 < 50 ms")


async def measure(field: Field) -> Table:
    table = Table("Webhooks, one I/O worker")
    system = await field.ours()
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        ours = Ours(system, sink) if system else None
        naive = Naive(sink)
        stack.callback(naive.stop)
        try:
            with one_io_worker(system) if system else ExitStack():
                await throughput(ours, naive, table)
            if ours:
                await ours.clear()
                await delay(ours, table)
        finally:
            if ours:
                await ours.clear()
    return table


if __name__ == "__main__":
    run(measure)
