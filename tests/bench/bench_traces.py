"""Traces coming in: what taking requests apart costs, what writing them costs, both together over HTTP, and all of it
while the roll-up adds up what comes.

    python -m tests.bench.bench_traces

Requests of 512 spans from tests/bench/spans.py: of five spans two are an agent's, with prompts and answers. "The limit"
is what two cores could do if they did nothing but take apart and write, each as fast as it does alone.
"""

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psutil
from google.protobuf.json_format import MessageToDict
from sqlalchemy.orm import Session

from infra.clock import now
from infra.db import make_engine
from tests.bench.field import Field, run
from tests.bench.load import Client, HttpError, Run, many, steady
from tests.bench.report import Table, middle, ms, rounds, size
from tests.bench.servers import Servers, until
from tests.bench.spans import Feed
from workers.traces.base import Derived, Span
from workers.traces.decoding import json_form, protobuf
from workers.traces.receiving import prepare
from workers.traces.store import store

SPANS = 512
# What is to be sustained, and for how long.
PER_SECOND = 6_000
SECONDS, WITH_ROLL_UP_SECONDS = 15, 40
CLIENTS = 8
PATH = "/otlp/v1/traces"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
WITHOUT_LIMITS = {"REQUESTS_PER_MINUTE": "100000000", "SPANS_PER_MINUTE": "100000000", "LOG_LEVEL": "WARNING"}
MEGABYTE = 2**20
SIZES = """
SELECT sum(pg_table_size(inhrelid)) AS tables, sum(pg_indexes_size(inhrelid)) AS indexes
FROM pg_inherits WHERE inhparent = 'observations'::regclass
"""

NAMES = {"api": "API", "io1": "roll-up", "postgres": "PostgreSQL"}
MOST_SECONDS_BEHIND = 60

Prepared = Sequence[tuple[Span, Derived]]


@dataclass(frozen=True)
class Sustained:
    """How many spans came at a steady rate, for how long, when that ended, and the CPU times before it."""

    count: int
    seconds: float
    ended: float
    computed: dict[str, float]


class Receiver:
    """A system that receives, with some of its processes, and what the benchmark asks of its database."""

    def __init__(self, stack: ExitStack, *only: str) -> None:
        self.servers = Servers("traces", only, WITHOUT_LIMITS)
        stack.callback(self.servers.stop)
        ground = self.servers.ground
        url = self.servers.database_url.replace("postgresql://", "postgresql+psycopg2://")
        self.engine = make_engine(url, pool_size=1)
        stack.callback(self.engine.dispose)
        self.url, self.key = ground.url, ground.api_key
        self._processes = {name: psutil.Process(ground[name].pid) for name in (*only, "postgres")}
        with Session(self.engine) as session, session.begin():
            store().make_days(session, 30, now())

    def client(self) -> Client:
        return Client(self.url, self.key)

    def count(self) -> int:
        return int(self.servers.scalar("SELECT count(*) FROM observations"))

    def waiting(self) -> int:
        """How many traces are not added up yet."""
        return int(self.servers.scalar("SELECT count(*) FROM traces WHERE rolled_up < revision"))

    def cpu(self) -> dict[str, float]:
        """Seconds that each part of the system has computed."""
        return {name: _cpu(process) for name, process in self._processes.items()}

    def memory(self) -> list[float]:
        """Of each of the two API processes, and of a roll-up's, in MiB."""
        processes = self._processes["api"].children()
        processes += [self._processes["io1"]] if "io1" in self._processes else []
        return [one.memory_info().rss / MEGABYTE for one in processes]

    def write(self, project: UUID, batches: Sequence[Prepared]) -> float:
        """Seconds to write them, each in a transaction of its own."""
        began = time.perf_counter()
        for batch in batches:
            with Session(self.engine) as session, session.begin():
                store().write(session, project, batch)
        return time.perf_counter() - began

    async def send(self, bodies: Sequence[bytes], kind: str = PROTOBUF, more: str = "") -> Run:
        """All of them, by several clients, each as fast as it is answered."""
        return await many(CLIENTS, len(bodies), self.client, lambda client, n: post(client, bodies[n], kind, more))

    async def sustain(self, bodies: Sequence[bytes]) -> Run:
        """At the rate that is to be sustained."""
        per_second = PER_SECOND / SPANS
        return await steady(
            per_second, len(bodies) / per_second, self.client, lambda client, n: post(client, bodies[n])
        )


def _cpu(process: psutil.Process) -> float:
    """With its children, also those that have ended."""
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


async def post(client: Client, body: bytes, kind: str = PROTOBUF, more: str = "") -> None:
    status, answer = await client.request("POST", PATH, body, f"Content-Type: {kind}\r\n{more}")
    if status != 200:
        raise HttpError(f"{status}: {answer[:200]!r}")


def in_json(request: Any) -> bytes:
    """As an exporter sends it in JSON."""
    document = MessageToDict(request)
    for sender in document["resourceSpans"]:
        for scope in sender["scopeSpans"]:
            for span in scope["spans"]:
                _write_ids(span)
    return json.dumps(document, separators=(",", ":")).encode()


def _write_ids(span: dict[str, Any]) -> None:
    for holder in (span, *span.get("links", ())):
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in holder:
                holder[name] = base64.b64decode(holder[name]).hex()


def per_second(count: int, seconds: float) -> str:
    return f"{count / seconds:,.0f} spans/s"


def taken_apart(decode: Callable[[bytes], Any], bodies: Sequence[bytes]) -> tuple[float, list[Prepared]]:
    """Seconds to decode and derive all of them, and what came of it."""
    began = time.perf_counter()
    ready: list[Prepared] = [prepare(decode(body).spans).spans for body in bodies]
    return time.perf_counter() - began, ready


def spent(receiver: Receiver, before: dict[str, float], count: int) -> str:
    """CPU time a span since then, part by part."""
    used = {name: (after - before[name]) / count * 1e6 for name, after in receiver.cpu().items()}
    return " + ".join(f"{one:.0f} µs {NAMES[name]}" for name, one in used.items() if name in NAMES)


def quantiles(found: Run) -> str:
    return " / ".join(ms(found.quantile(share)) for share in (0.5, 0.95, 0.99))


def alone(table: Table, receiver: Receiver, feed: Feed) -> float:
    """The two parts by themselves; seconds of both together for a span."""
    requests = feed.requests(size(40), SPANS)
    bodies = [one.SerializeToString() for one in requests]
    written = [in_json(one) for one in requests]
    receiver.write(uuid4(), taken_apart(protobuf.decode, bodies[:2])[1])
    apart, apart_json, copied, again = [], [], [], []
    for _ in range(rounds()):
        seconds, batches = taken_apart(protobuf.decode, bodies)
        count, project = sum(map(len, batches)), uuid4()
        apart.append(seconds / count)
        apart_json.append(taken_apart(json_form.decode, written)[0] / count)
        copied.append(receiver.write(project, batches) / count)
        again.append(receiver.write(project, batches) / count)
    table.add("taken apart, protobuf, one core", f"{1 / middle(apart):,.0f} spans/s")
    table.add("taken apart, JSON, one core", f"{1 / middle(apart_json):,.0f} spans/s")
    table.add("written, one connection", f"{1 / middle(copied):,.0f} spans/s")
    table.add("written again: nothing is added", f"{1 / middle(again):,.0f} spans/s")
    return middle(apart) + middle(copied)


async def together(table: Table, receiver: Receiver, feed: Feed, each: float) -> None:
    """Over HTTP, as fast as it goes, once every process has had its first."""
    await receiver.send([one.SerializeToString() for one in feed.requests(2 * CLIENTS, SPANS)])
    requests = feed.requests(size(120), SPANS)
    bodies, count = [one.SerializeToString() for one in requests], sum(map(_count, requests))
    before, computed = receiver.count(), receiver.cpu()
    found = await receiver.send(bodies)
    computing = spent(receiver, computed, count)
    rate, limit = count / found.seconds, 2 / each
    table.add("over HTTP, protobuf", f"{rate:,.0f} spans/s, {rate / limit:.0%} of the limit", goal="≥ 6,000")
    table.failures(found)
    table.add("CPU time a span", computing)
    added = receiver.count() - before
    assert added == count, f"{count} spans were acknowledged, {added} are there"
    found = await receiver.send(bodies)
    table.add(
        "the same again",
        f"{per_second(count, found.seconds)}, {receiver.count() - before - count} added",
        goal="0 added",
    )
    found = await receiver.send([in_json(one) for one in requests], JSON)
    twice = receiver.count() - before - count
    table.add("the same again, in JSON: each row is the same", f"{twice} added", goal="0 added")
    for name, made, kind, more in (
        ("JSON", in_json, JSON, ""),
        (
            "protobuf, gzip",
            lambda one: gzip.compress(one.SerializeToString(), 6),
            PROTOBUF,
            "Content-Encoding: gzip\r\n",
        ),
    ):
        requests = feed.requests(size(60), SPANS)
        bodies = [made(one) for one in requests]
        found = await receiver.send(bodies, kind, more)
        table.add(f"over HTTP, {name}", per_second(sum(map(_count, requests)), found.seconds))
        table.failures(found)


def _count(request: Any) -> int:
    return sum(len(scope.spans) for sender in request.resource_spans for scope in sender.scope_spans)


async def sustained(table: Table, receiver: Receiver, feed: Feed, what: str, seconds: int) -> Sustained:
    """At a steady rate: how long an answer takes, and what the processes hold before and after."""
    bodies = [one.SerializeToString() for one in feed.requests(PER_SECOND * seconds // SPANS, SPANS)]
    await receiver.sustain(bodies[: len(bodies) // 10])
    before, computed, there = receiver.memory(), receiver.cpu(), receiver.count()
    found = await receiver.sustain(bodies[len(bodies) // 10 :])
    after, ended = receiver.memory(), time.monotonic()
    table.add(f"answer at {PER_SECOND:,} spans/s, p50 / p95 / p99, {what}", quantiles(found), goal="p99 ≤ 250 ms")
    table.failures(found)
    shown = ", ".join(f"{one:.0f} → {other:.0f} MiB" for one, other in zip(before, after, strict=True))
    table.add(f"memory of the processes meanwhile, {what}", shown, goal="flat")
    return Sustained(receiver.count() - there, found.seconds, ended, computed)


async def with_roll_up(table: Table, receiver: Receiver, feed: Feed, each: float) -> None:
    """All of it: spans come and are added up, until nothing is left to add up."""
    what = "beside the roll-up"
    found = await sustained(table, receiver, feed, what, size(WITH_ROLL_UP_SECONDS))
    left = receiver.waiting()
    await asyncio.to_thread(until, lambda: not receiver.waiting(), "that all is added up", MOST_SECONDS_BEHIND)
    late = time.monotonic() - found.ended
    rate = found.count / found.seconds
    table.add(
        f"received and added up, for {found.seconds:.0f} s",
        f"{rate:,.0f} spans/s, {rate * each / 2:.0%} of the limit",
        goal=f"≥ {PER_SECOND:,}",
    )
    table.add("traces waiting at the end; all were added up after", f"{left:,}; {late:.1f} s")
    table.add(f"CPU time a span, {what}", spent(receiver, found.computed, found.count))


def sizes(table: Table, receiver: Receiver, feed: Feed) -> None:
    """What a span takes on disk, and took on the wire."""
    body = feed.request(SPANS)
    count = receiver.count()
    tables, indexes = (
        receiver.servers.scalar(f"SELECT {name} FROM ({SIZES}) sizes") / count for name in ("tables", "indexes")
    )
    table.add("bytes a span: table + indexes", f"{tables:,.0f} + {indexes:,.0f}")
    table.add("bytes a span on the wire, protobuf", f"{len(body.SerializeToString()) / _count(body):,.0f}")


async def measure(_field: Field) -> Table:
    table, feed = Table("Traces coming in"), Feed()
    with ExitStack() as stack:
        receiver = Receiver(stack, "api")
        each = alone(table, receiver, feed)
        await together(table, receiver, feed, each)
        await sustained(table, receiver, feed, "alone", size(SECONDS))
        sizes(table, receiver, feed)
    with ExitStack() as stack:
        await with_roll_up(table, Receiver(stack, "api", "io1", "beat"), feed, each)
    return table


if __name__ == "__main__":
    run(measure)
