"""What the queue adds for one client: to the final event, and to the first token of a stream.

    python -m tests.bench.bench_latency

Direct is one bare HTTP request to the provider on an open connection, no SDK: the strictest thing to be compared with.
Through Switchyard is POST /v1/jobs and then the job's server-sent events; through the baseline POST and a poll every
100 ms, which has no stream. The calls take turns one by one.
"""

import asyncio
import json
import time
from contextlib import aclosing

from tests.bench.field import Field, run
from tests.bench.load import Client, HttpError
from tests.bench.report import Table, middle, ms, quantile, size
from tests.bench.systems import FINAL, Switchyard, System

TIMES = 60
POLL_SECONDS = 0.1
FIRST_TOKEN_MODEL = "stream-20-first-50ms-gap-10ms"


def asked(model: str, *, stream: bool) -> bytes:
    return json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()


async def direct(client: Client, model: str) -> float:
    began = time.perf_counter()
    await client.request("POST", "/chat/completions", asked(model, stream=False))
    return time.perf_counter() - began


async def direct_stream(client: Client, model: str) -> tuple[float, float]:
    """Seconds to the first token and to the end."""
    began = time.perf_counter()
    first = at = 0.0
    async for at, _, _ in client.events("/chat/completions", asked(model, stream=True), "POST"):
        first = first or at - began
    return first, at - began


async def queued(system: Switchyard, post: Client, read: Client, model: str, *, stream: bool) -> tuple[float, float]:
    """Seconds from the POST to the first delta (0: there was none) and to the final event."""
    began = time.perf_counter()
    job = await system.submit(post, model, stream=stream)
    first = 0.0
    async with aclosing(read.events(f"{system.path}/{job}/events")) as events:
        async for at, kind, data in events:
            if kind == "job.delta":
                first = first or at - began
            elif kind == "job.succeeded":
                read.close()
                return first, at - began
            elif kind in ("job.failed", "job.expired", "job.cancelled"):
                raise HttpError(f"{kind}: {data[:200]!r}")
    raise HttpError(f"the stream of {job} ended before the job")


async def polled(system: System, client: Client, model: str) -> float:
    """Seconds from the POST until a poll every 100 ms sees the end."""
    began = time.perf_counter()
    job = await system.submit(client, model)
    while (await system.get(client, job))["status"] not in FINAL:  # noqa: ASYNC110 - polling is measured
        await asyncio.sleep(POLL_SECONDS)
    return time.perf_counter() - began


async def waited(system: Switchyard, client: Client, model: str) -> float:
    """Seconds from the POST until `?wait=` answers."""
    began = time.perf_counter()
    job = await system.submit(client, model)
    await system.get(client, job, "?wait=30")
    return time.perf_counter() - began


def added(through: list[float], bare: list[float]) -> str:
    """Median and 95th percentile, each less the direct call's median."""
    base = middle(bare)
    return f"+{ms(middle(through) - base)} / +{ms(quantile(through, 0.95) - base)}"


async def measure(field: Field) -> Table:
    table = Table("Added by the queue, one client, p50 / p95 (less the direct call's p50)")
    ours, naive = await field.ours(), await field.naive()
    plain: dict[str, list[float]] = {name: [] for name in ("direct", "events", "wait", "naive")}
    first: dict[str, list[float]] = {name: [] for name in ("direct", "events", "end", "direct end")}
    provider, post, read, other = (
        Client(field.provider.url),
        ours and ours.client(),
        ours and ours.client(),
        naive.client(),
    )
    for _ in range(size(TIMES)):
        plain["direct"].append(await direct(provider, "fast"))
        plain["naive"].append(await polled(naive, other, "fast"))
        at, end = await direct_stream(provider, FIRST_TOKEN_MODEL)
        first["direct"].append(at)
        first["direct end"].append(end)
        if ours and post and read:
            plain["events"].append((await queued(ours, post, read, "fast", stream=False))[1])
            plain["wait"].append(await waited(ours, post, "fast"))
            at, end = await queued(ours, post, read, FIRST_TOKEN_MODEL, stream=True)
            first["events"].append(at)
            first["end"].append(end)
    for client in (provider, post, read, other):
        if client:
            client.close()
    beside = f"naive, polled {added(plain['naive'], plain['direct'])}"
    table.add("to the final event (SSE)", added(plain["events"], plain["direct"]), beside, goal="≤ +15 ms")
    table.add("to the answer of `?wait=30`", added(plain["wait"], plain["direct"]), beside)
    beside = "naive: has no stream"
    table.add("to the first streamed token", added(first["events"], first["direct"]), beside, goal="≤ +15 ms")
    table.add("to the end of a stream of 20", added(first["end"], first["direct end"]), beside)
    return table


if __name__ == "__main__":
    run(measure)
