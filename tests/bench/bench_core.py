"""The job core alone: no-op jobs, submitted durably, claimed, finished; no provider is called.

    python -m tests.bench.bench_core

Beside it stands `baselines/naive_durable.py`, the naive backend with the same durability: a job and its event and
outbox row in one commit, a claim by compare-and-set in one, an end under its attempt in one. Once through HTTP, once
from processes that submit by calling the function, as schedules and batches do. The limit below it all is PostgreSQL
itself: the same rows written and claimed by psycopg2 with nothing around.
"""

import time
from functools import partial

import psycopg2

from tests.bench.bench_jobs import drain
from tests.bench.field import Field, Pool, pools, run
from tests.bench.report import Table, alternately, middle, ms, rounds, size
from tests.bench.systems import DURABLE, Naive, System

SUBMITTERS, JOBS = 2, 3000
RAW_JOBS, RAW_CLAIM = 3000, 50


async def without_http(system: System) -> tuple[float, float]:
    return system.without_http(SUBMITTERS, size(JOBS))


async def best_pool(field: Field) -> tuple[Pool, Naive]:
    """The Celery pool with which the baseline is fastest, and the baseline with it, warm."""
    rates: dict[Pool, float] = {}
    for pool in pools(("prefork", 2), ("threads", 16), gevent=200):
        naive = Naive(field.provider.url, *pool, module=DURABLE)
        try:
            naive.without_http(SUBMITTERS, 200)
            rates[pool] = naive.without_http(SUBMITTERS, size(JOBS) // 3)[0]
        finally:
            naive.stop()
        print(f"  naive with our durability, {pool[0]} {pool[1]}: {rates[pool]:.0f} jobs/s", flush=True)
    best = max(rates, key=lambda pool: rates[pool])
    return best, Naive(field.provider.url, *best, module=DURABLE)


def raw(database_url: str) -> tuple[float, float]:
    """Rows a second that one connection inserts with one commit each, and claims and ends 50 at a time."""
    connection = psycopg2.connect(database_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS raw (id bigserial PRIMARY KEY, status text, payload jsonb)")
        began = time.perf_counter()
        for _ in range(RAW_JOBS):
            with connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO raw (status, payload) VALUES ('queued', '{\"model\": \"noop\"}')")
        written = time.perf_counter()
        for _ in range(RAW_JOBS // RAW_CLAIM):
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE raw SET status = 'running' WHERE id IN (SELECT id FROM raw WHERE status = 'queued'"
                    f" ORDER BY id LIMIT {RAW_CLAIM} FOR UPDATE SKIP LOCKED) RETURNING id"
                )
                taken = [row[0] for row in cursor.fetchall()]
                connection.commit()
                cursor.execute("UPDATE raw SET status = 'succeeded' WHERE id = ANY(%s)", (taken,))
        return RAW_JOBS / (written - began), RAW_JOBS / (time.perf_counter() - written)
    finally:
        connection.close()


async def measure(field: Field) -> Table:
    table = Table("The job core: no-op jobs, durable from submit to end")
    pool, naive = await best_pool(field)
    label = f"naive, same durability ({pool[0]} {pool[1]})"
    try:
        ours = await field.ours()
        naive.without_http(SUBMITTERS, 200)
        mine, theirs = await alternately(
            rounds(), partial(without_http, ours) if ours else None, partial(without_http, naive)
        )
        rate, other = middle([one[0] for one in mine]), middle([one[0] for one in theirs])
        table.add("jobs/s, no HTTP", f"{rate:.0f}/s", f"{label} {other:.0f}/s", rate / other, "≥ 3×, aim 600/s")
        cost, other = middle([one[1] for one in mine]), middle([one[1] for one in theirs])
        table.add("CPU a job, all processes, no HTTP", ms(cost), f"{label} {ms(other)}", other / cost)
        mine2, theirs2 = await alternately(
            rounds(),
            partial(drain, field, ours, "noop", size(JOBS) // 3) if ours else None,
            partial(drain, field, naive, "noop", size(JOBS) // 3),
        )
        rate, other = middle([one.rate for one in mine2]), middle([one.rate for one in theirs2])
        table.add("jobs/s, each through HTTP", f"{rate:.0f}/s", f"{label} {other:.0f}/s", rate / other)
        inserted, claimed = raw(naive.servers.database_url)
        table.add("limit: rows/s in PostgreSQL alone", "", f"insert {inserted:.0f}/s, claim and end {claimed:.0f}/s")
    finally:
        naive.stop()
    return table


if __name__ == "__main__":
    run(measure)
