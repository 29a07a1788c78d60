"""The provider has answered: when does the client that waits for the job know?

    python -m tests.bench.bench_notify

One waiting client, and 300 of them (50 jobs a second of a provider that takes 6 s, so that 300 always wait), by
`?wait=30`, by server-sent events, and for the baseline by a poll every 100 ms. Every answer's text begins with the time
at which the provider sent it; both times are of this machine's one clock. The time to store the result is therefore in.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from tests.bench.field import Field, run
from tests.bench.load import Client, Json
from tests.bench.report import Table, middle, ms, quantile, size
from tests.bench.systems import FINAL, Naive, Switchyard, System

ONE, MANY = 30, 300
PER_SECOND = 50
POLL_SECONDS = 0.1
Wait = Callable[[Client, str], Awaitable[Json]]


def since_the_answer(job: Json, now: float) -> float:
    """Seconds since the provider sent what is in this job's result."""
    return now - float(str(job["result"]["message"]["content"]).split()[0])


def by_wait(system: Switchyard) -> Wait:
    async def wait(client: Client, job: str) -> Json:
        return await system.get(client, job, "?wait=30")

    return wait


def by_events(system: Switchyard) -> Wait:
    """The final event is what tells the client; the job is fetched afterwards for its result, not counted."""

    async def wait(client: Client, job: str) -> Json:
        async with aclosing(client.events(f"{system.path}/{job}/events")) as events:
            async for _, kind, data in events:
                if kind.removeprefix("job.") in FINAL:
                    known = time.time()
                    client.close()
                    return {"known": known, **json.loads(data)}
        raise OSError("the stream ended before the job")

    return wait


def by_polling(system: Naive) -> Wait:
    async def wait(client: Client, job: str) -> Json:
        while (found := await system.get(client, job))["status"] not in FINAL:  # noqa: ASYNC110 - polling is measured
            await asyncio.sleep(POLL_SECONDS)
        return found

    return wait


async def one(system: System, wait: Wait, model: str) -> float:
    """Seconds from the provider's answer to the client's knowing."""
    async with system.client() as client:
        job = await system.submit(client, model)
        found = await wait(client, job)
        known = found.get("known") or time.time()
        if "known" in found:
            found = await system.get(client, job)
        return since_the_answer(found, known)


async def one_by_one(system: System, wait: Wait) -> list[float]:
    return [await one(system, wait, "sleep-100ms") for _ in range(size(ONE))]


async def crowd(system: System, wait: Wait) -> list[float]:
    """300 who wait at the same time; those that fail are left out and counted by the caller."""
    tasks: list[asyncio.Task[float]] = []
    for _ in range(MANY):
        tasks.append(asyncio.create_task(one(system, wait, "sleep-6s")))
        await asyncio.sleep(1 / PER_SECOND)
    done: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    system.wait_idle()
    return [value for value in done if isinstance(value, float)]


def both(values: list[float]) -> str:
    return f"{ms(middle(values))} / {ms(quantile(values, 0.95))}"


def lost(table: Table, what: str, count: int) -> None:
    if count:
        table.notes.append(f"{what}: {count} clients got an error")


async def measure(field: Field) -> Table:
    table = Table("The provider has answered → the waiting client knows, p50 / p95")
    ours, naive = await field.ours(), await field.naive(("threads", 500))
    scenes = (("1 waiting", one_by_one, size(ONE)), (f"{MANY} waiting", crowd, MANY))
    for what, scene, count in scenes:
        theirs = await scene(naive, by_polling(naive))
        lost(table, f"naive, {what}", count - len(theirs))
        for name, way in (("`?wait=30`", by_wait), ("SSE", by_events)):
            mine = await scene(ours, way(ours)) if ours else []
            ratio = middle(theirs) / middle(mine)
            table.add(f"{name}, {what}", both(mine), f"naive, polls {both(theirs)}", ratio, "p50 < 10 ms")
            if ours:
                lost(table, f"{name}, {what}", count - len(mine))
    return table


if __name__ == "__main__":
    run(measure)
