"""What ended long ago is deleted, and nothing else."""

import shutil
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import pytest
from celery import Celery

from infra.dev.system import System
from tests.client import HELLO, Client
from tests.conftest import another_project

Json = dict[str, Any]
LARGE: Json = {"model": "openai/echo", "messages": [{"role": "user", "content": "x" * 300_000}]}


class Database:
    """The database, as its operator sees it."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def age(self, job: Json, days: float) -> None:
        """Has the job ended so many days ago."""
        self.run(
            "UPDATE jobs SET finished_at = finished_at - %s * interval '1 day' WHERE id = %s", days, raw(job["id"])
        )

    def count(self, table: str, job: Json) -> int:
        found: int = self.run(f"SELECT count(*) FROM {table} WHERE job_id = %s", raw(job["id"]))[0][0]
        return found


def raw(public_id: str) -> str:
    return str(UUID(public_id.partition("_")[2]))


@pytest.fixture
def database(system: System) -> Iterator[Database]:
    found = Database(system.database_url)
    yield found
    found.connection.close()


@pytest.fixture
def tenant(system: System) -> Iterator[Client]:
    """A project of its own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def sweep(system: System) -> None:
    """Has beat's task run now."""
    with Celery(broker=system.broker_url) as celery:
        celery.send_task("sweeps.retention", queue="default")


@pytest.fixture
def neighbour(system: System) -> Iterator[Client]:
    """Another one; in the demo project others' webhooks may be under way, for which its jobs are kept."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def gone(client: Client, *jobs: Json, seconds: float = 20) -> bool:
    """Whether these are gone, or go within that time."""
    deadline = time.monotonic() + seconds
    while {client.http.get(f"/v1/jobs/{job['id']}").status_code for job in jobs} != {404}:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def files(system: System, job: Json) -> list[str]:
    return [path.name for path in (system.options.data / "files").rglob(f"*{job['id'].removeprefix('job_')}*")]


def test_a_job_goes_with_its_events_and_its_file_and_leaves_its_usage(
    system: System, tenant: Client, neighbour: Client, database: Database
) -> None:
    old, young, foreign = tenant.run(LARGE), tenant.run(LARGE), neighbour.run(LARGE)
    failed = tenant.run({"model": "openai/fail-500", "messages": HELLO}, max_attempts=1)
    assert failed["dead_letter"] and files(system, old) and files(system, young)
    for job in (old, failed):
        database.age(job, 31)
    for job in (young, foreign):
        database.age(job, 29)
    sweep(system)
    assert gone(tenant, old, failed)
    assert tenant.http.get(f"/v1/jobs/{old['id']}/events").status_code == 404
    assert database.count("job_events", old) == database.count("job_events", failed) == 0
    assert files(system, old) == []
    assert database.count("usage", old) == 1
    assert [job["id"] for job in tenant.http.get("/v1/jobs").json()["data"]] == [young["id"]]
    for kept, of in ((young, tenant), (foreign, neighbour)):
        assert files(system, kept) and database.count("job_events", kept) == 3
        assert of.http.get(f"/v1/jobs/{kept['id']}").json()["result"] == kept["result"]


def test_each_project_has_its_own_number_of_days(
    system: System, tenant: Client, neighbour: Client, database: Database
) -> None:
    mine, theirs = tenant.run(), neighbour.run()
    database.run("UPDATE projects SET retention_days = 2 WHERE id = %s", raw(mine["project_id"]))
    for job in (mine, theirs):
        database.age(job, 3)
    sweep(system)
    assert gone(tenant, mine)
    assert not gone(neighbour, theirs, seconds=0)


def test_what_has_not_ended_stays_however_old_it_is(system: System, tenant: Client, database: Database) -> None:
    hanging = {"model": "openai/hang", "messages": HELLO}
    running, queued = (tenant.submit(hanging, concurrency_key="one") for _ in range(2))
    later = tenant.submit(run_at="2999-01-01T00:00:00Z")
    again = tenant.run({"model": "openai/fail-500", "messages": HELLO}, max_attempts=1)
    old = tenant.run()
    # Until all is prepared, the clock's own sweep must find nothing to delete.
    keep = "UPDATE projects SET retention_days = %s WHERE id = %s"
    database.run(keep, 365, raw(old["project_id"]))
    database.age(again, 90)
    tenant.http.post(f"/v1/jobs/{again['id']}/retry")
    assert tenant.wait(again["id"])["status"] == "failed"
    database.age(old, 90)
    database.run(
        "UPDATE jobs SET created_at = created_at - interval '90 days' WHERE project_id = %s", raw(old["project_id"])
    )
    database.run(keep, None, raw(old["project_id"]))
    sweep(system)
    assert gone(tenant, old)
    statuses = [tenant.http.get(f"/v1/jobs/{job['id']}").json()["status"] for job in (running, queued, later, again)]
    assert statuses == ["running", "queued", "scheduled", "failed"]
    for job in (queued, running, later):
        tenant.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_a_file_that_cannot_be_deleted_keeps_its_job_for_the_next_sweep_and_stops_no_other(
    system: System, tenant: Client, database: Database
) -> None:
    stuck, free = tenant.run(LARGE), tenant.run(LARGE)
    folder = system.options.data / "files" / "results"
    (name,) = files(system, stuck)
    (path,) = folder.rglob(name)
    path.unlink()
    path.mkdir()  # nobody can unlink that
    for job in (stuck, free):
        database.age(job, 31)
    sweep(system)
    assert gone(tenant, free)
    assert database.count("job_events", stuck) == 3
    assert "retention.files_not_deleted" in (system.folder.logs / "io1.log").read_text()
    shutil.rmtree(path)
    sweep(system)
    assert gone(tenant, stuck)


def test_a_project_with_many_delays_nobody_and_all_of_them_go(
    system: System, tenant: Client, neighbour: Client, database: Database
) -> None:
    job, other = tenant.run(), neighbour.run()
    copies = (
        """INSERT INTO {0} ({1}, {2}) SELECT gen_random_uuid(), {2} FROM {0}, generate_series(1, 5000) WHERE {1} = %s"""
    )
    columns = """project_id, kind, queue, status, priority, payload, metadata, attempt, max_attempts, event_sequence,
        dead_letter, created_at, finished_at"""
    database.run(copies.format("jobs", "id", columns), raw(job["id"]))
    database.run(
        "UPDATE jobs SET finished_at = finished_at - interval '40 days' WHERE project_id = %s", raw(job["project_id"])
    )
    database.age(other, 31)
    sweep(system)
    assert gone(neighbour, other)
    assert gone(tenant, job)
    left = "SELECT count(*) FROM jobs WHERE project_id = %s"
    deadline = time.monotonic() + 30
    while database.run(left, raw(job["project_id"])) != [(0,)]:
        assert time.monotonic() < deadline
        sweep(system)
        time.sleep(0.5)


def test_an_old_batch_goes_with_its_lines_and_file_once_its_jobs_are_gone(
    system: System, tenant: Client, database: Database
) -> None:
    inside, batch, key = tenant.run(), str(uuid4()), f"batches/{uuid4().hex}.jsonl"
    file = system.options.data / "files" / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    database.run(
        """INSERT INTO batches (id, project_id, status, file_key, lines_read, bytes_read, accepted, rejected, options,
             metadata, event_sequence, created_at, finished_at)
           VALUES (%s, %s, 'completed', %s, 1, 2, 1, 0, '{}', '{}', 1, now(), now())""",
        batch,
        raw(inside["project_id"]),
        key,
    )
    database.run(
        "INSERT INTO batch_lines (batch_id, line, project_id) VALUES (%s, 1, %s)", batch, raw(inside["project_id"])
    )
    database.run("UPDATE jobs SET batch_id = %s, batch_line = 1 WHERE id = %s", batch, raw(inside["id"]))
    # Only now: while it had no job, the clock's own sweep would have taken it.
    database.run("UPDATE batches SET finished_at = now() - interval '40 days' WHERE id = %s", batch)
    old = tenant.run()
    database.age(old, 31)
    sweep(system)
    assert gone(tenant, old)
    lines = "SELECT count(*) FROM batches b JOIN batch_lines l ON l.batch_id = b.id WHERE b.id = %s"
    # Its file may be gone already: whatever is read is cleared away.
    assert database.run(lines, batch) == [(1,)]
    database.age(inside, 31)
    sweep(system)
    assert gone(tenant, inside)
    deadline = time.monotonic() + 20
    while database.run("SELECT count(*) FROM batches WHERE id = %s", batch) != [(0,)]:
        assert time.monotonic() < deadline
        sweep(system)
        time.sleep(0.1)
    assert database.run("SELECT count(*) FROM batch_lines WHERE batch_id = %s", batch) == [(0,)]
    assert not file.exists()


def test_what_a_webhook_delivery_is_still_to_tell_of_stays_until_it_is_done(
    system: System, tenant: Client, database: Database
) -> None:
    # Nobody listens there, and the third has no delivery.
    body = {"url": "http://127.0.0.1:9/hook", "event_types": ["job.*"]}
    endpoint = tenant.http.post("/v1/webhook_endpoints", json=body).json()
    awaited, done = tenant.run(LARGE), tenant.run(LARGE)
    tenant.http.patch(f"/v1/webhook_endpoints/{endpoint['id']}", json={"disabled": True})
    other = tenant.run(LARGE)
    over = "UPDATE webhook_deliveries SET status = 'failed', finished_at = now(), next_attempt_at = NULL"
    database.run(f"{over} WHERE subject_id = %s", raw(done["id"]))
    tested = str(uuid4())
    copy = """INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
        SELECT %s, 1, gen_random_uuid(), %s, 'webhook.test', '{}', now()"""
    database.run(copy, tested, raw(awaited["project_id"]))
    database.run(
        "UPDATE webhook_deliveries SET subject_id = %s WHERE subject_id = %s AND event_sequence = 3",
        tested,
        raw(awaited["id"]),
    )
    old = "UPDATE job_events SET created_at = created_at - interval '40 days' WHERE project_id = %s"
    database.run(old, raw(awaited["project_id"]))
    for job in (awaited, done, other):
        database.age(job, 31)
    sweep(system)
    assert gone(tenant, done, other)
    assert files(system, awaited) and database.count("job_events", awaited) == 3
    events = "SELECT count(*) FROM job_events WHERE job_id = %s"
    assert database.run(events, tested) == [(1,)]
    database.run(f"{over} WHERE subject_id IN (%s, %s)", raw(awaited["id"]), tested)
    sweep(system)
    assert gone(tenant, awaited) and files(system, awaited) == []
    deadline = time.monotonic() + 20
    while database.run(events, tested) != [(0,)]:
        assert time.monotonic() < deadline
        sweep(system)
        time.sleep(0.1)
