"""Everything of a project in one order: listed page by page, and streamed, cut and resumed."""

import json
import random
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg2
import pytest
from redis import Redis

from infra.dev.system import System
from infra.redis import project_channel
from tests.client import HELLO, Client
from tests.conftest import another_project

Json = dict[str, Any]
STREAM = {"model": "sandbox", "messages": HELLO, "stream": True}
NOBODY = "1." + "0" * 32


@dataclass(frozen=True)
class Block:
    """What an SSE stream sends between two empty lines."""

    id: str | None
    event: Json | None
    retry: int | None = None


@pytest.fixture
def tenant(system: System) -> Iterator[Client]:
    """A client of a project in which nothing has happened."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def blocks(client: Client, after: str | None = None, **query: str) -> Generator[Block, None, None]:
    """The project's stream, from that id on."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    with client.http.stream("GET", "/v1/events", headers=headers, params=query) as answer:
        assert answer.status_code == 200, answer.read()
        fields: Json = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            data = json.loads(fields["data"]) if "data" in fields else None
            yield Block(fields.get("id"), data, int(fields["retry"]) if "retry" in fields else None)
            fields = {}


def listed(client: Client, limit: int = 100, **query: str) -> list[Json]:
    """The whole list, page by page."""
    found: list[Json] = []
    while True:
        page = client.http.get("/v1/events", params={**query, "limit": limit}).json()
        found += page["data"]
        query["after"] = page["cursor"]
        if not page["has_more"]:
            return found


def ran(client: Client, *given: Any) -> Json:
    """A job that has ended, with all its events in the project's order: an event is shown when everything begun before
    it has committed, so other tests' transactions may hold it back for a moment."""
    job = client.run(*given)
    until = time.monotonic() + 10
    while not any(event["data"].get("status") == job["status"] for event in of_job(client, job["id"])):
        assert time.monotonic() < until, "the end of the job did not come into the project's events"
    return job


def of_job(client: Client, job_id: str) -> list[Json]:
    return [event for event in listed(client) if event["data"].get("job_id") == job_id]


def page_ends(client: Client, limit: int) -> Json:
    answer: Json = client.http.get("/v1/events", params={"limit": limit}).json()
    return answer


def test_the_list_begins_with_the_oldest_event_and_pages_leave_nothing_out(tenant: Client) -> None:
    assert listed(tenant) == []
    jobs = [ran(tenant, STREAM)["id"] for _ in range(3)]
    whole = page_ends(tenant, 100)
    assert whole["object"] == "list" and whole["has_more"] is False
    assert (whole["first_id"], whole["last_id"]) == (whole["data"][0]["id"], whole["data"][-1]["id"])
    assert listed(tenant, limit=2) == whole["data"]
    for job in jobs:
        durable = [event for event in tenant.events(job) if event["type"] != "job.delta"]
        assert [event for event in whole["data"] if event["data"]["job_id"] == job] == durable


def test_a_page_ends_at_a_place_from_which_new_events_follow(tenant: Client) -> None:
    place = page_ends(tenant, 5)["cursor"]
    job = ran(tenant)
    first = tenant.http.get("/v1/events", params={"after": place, "limit": 1}).json()
    assert first["has_more"] and first["data"][0]["type"] == "job.queued"
    rest = listed(tenant, after=first["cursor"])
    assert [event["type"] for event in rest] == ["job.started", "job.succeeded"]
    assert {event["data"]["job_id"] for event in rest} == {job["id"]}
    end = tenant.http.get("/v1/events", params={"after": tenant_end(tenant)}).json()
    assert (end["data"], end["has_more"], end["first_id"]) == ([], False, None)


def tenant_end(client: Client) -> str:
    """The place behind everything."""
    return str(page_ends(client, 100)["cursor"])


def test_types_choose_by_name_and_by_family(tenant: Client) -> None:
    for _ in range(3):
        ran(tenant)
    everything = listed(tenant)
    assert [one["type"] for one in listed(tenant, types="job.succeeded")] == ["job.succeeded"] * 3
    two = listed(tenant, limit=1, types="job.succeeded, job.queued")
    assert two == [one for one in everything if one["type"] in ("job.succeeded", "job.queued")]
    assert listed(tenant, types="job.*") == listed(tenant, types="*") == everything
    nothing = tenant.http.get("/v1/events", params={"types": "batch.*"}).json()
    assert nothing["data"] == [] and nothing["cursor"] == tenant_end(tenant)


@pytest.mark.parametrize(
    "types",
    [
        ",",
        ["job.succeeded", "batch.*"],
        "job.nothing",
        "job.succeeded,nothing.*",
        "job.delta",
        "job.succ*",
        ",".join("a" * 51),
    ],
)
def test_a_type_that_there_is_not_is_refused(tenant: Client, types: str | list[str]) -> None:
    answer = tenant.http.get("/v1/events", params={"types": types})
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_parameter"
    assert answer.json()["errors"][0]["pointer"] == "/types"


@pytest.mark.parametrize(
    "place", ["7", "soon", f"-1.{NOBODY}", f"1.{NOBODY[:-1]}g", f"{10**19}.{NOBODY}", f"٣.{NOBODY}", "."]
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_what_is_no_cursor_is_refused_by_name(tenant: Client, place: str, accept: str) -> None:
    answer = tenant.http.get("/v1/events", params={"after": place}, headers={"Accept": accept})
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_parameter"
    assert answer.json()["errors"][0]["pointer"] == "/after"


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_a_cursor_of_another_time_is_refused(tenant: Client, accept: str) -> None:
    headers = {"Accept": accept, "Last-Event-ID": f"{2**62}.{NOBODY}"}
    answer = tenant.http.get("/v1/events", headers=headers)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/Last-Event-ID"
    assert "later than all of this database" in answer.json()["errors"][0]["detail"]


def test_another_project_sees_nothing_of_it(tenant: Client, stranger: Client) -> None:
    job = ran(tenant)
    assert job["id"] not in {event["data"].get("job_id") for event in listed(stranger)}
    assert stranger.http.get("/v1/events", params={"project_id": job["project_id"]}).status_code == 404
    assert len(listed(tenant, project_id=job["project_id"])) == 3


def test_a_stream_begins_now_or_at_the_start_and_resumes_at_each_id(tenant: Client) -> None:
    ran(tenant)
    old = listed(tenant)
    with closing(blocks(tenant)) as stream:
        first = next(stream)
        assert first.event is None and first.id and first.retry == 1000
        job = ran(tenant)
        new = [next(stream) for _ in range(3)]
    assert {one.event["data"]["job_id"] for one in new if one.event} == {job["id"]}
    with closing(blocks(tenant, types="job.*", after="start")) as stream:
        again = [next(stream) for _ in range(7)][1:]
    assert [one.event for one in again] == old + [one.event for one in new] == listed(tenant)
    for number, block in enumerate(again[:-1]):
        with closing(blocks(tenant, after=block.id)) as stream:
            assert next(stream).id == block.id
            assert next(stream) == again[number + 1]
    # What happened between the cut and the return of a client that saw no event at all.
    with closing(blocks(tenant, after=first.id)) as stream:
        assert [next(stream).event for _ in range(4)][1:] == [one.event for one in new]


def test_the_header_is_newer_than_the_address(tenant: Client) -> None:
    ran(tenant)
    with closing(blocks(tenant, after=tenant_end(tenant))) as stream:
        place = next(stream).id
    headers = {"Last-Event-ID": str(place)}
    assert tenant.http.get("/v1/events", params={"after": "start"}, headers=headers).json()["data"] == []


def test_a_stream_cut_at_random_while_jobs_run_has_no_gap_and_no_repeat(tenant: Client) -> None:
    dice = random.Random(7)
    count = 24
    seen: list[Json] = []
    with closing(blocks(tenant)) as stream:
        place = next(stream).id
    worker = threading.Thread(target=lambda: [tenant.submit(STREAM) for _ in range(count)])
    worker.start()
    while sum(one["type"] == "job.succeeded" for one in seen) < count:
        with closing(blocks(tenant, after=place)) as stream:
            for _ in range(dice.randint(1, 8)):
                block = next(stream)
                place = block.id or place
                seen += [block.event] if block.event else []
                if sum(one["type"] == "job.succeeded" for one in seen) == count:
                    break
    worker.join()
    assert seen == listed(tenant)
    jobs = {one["data"]["job_id"] for one in seen}
    assert len(jobs) == count
    for job in jobs:
        numbers = [one["sequence"] for one in seen if one["data"]["job_id"] == job]
        assert numbers == sorted(set(numbers)) and numbers[0] == 1


def test_heartbeats_carry_the_id_over_what_a_reader_does_not_want(tenant: Client) -> None:
    with closing(blocks(tenant, types="batch.*")) as stream:
        first = next(stream).id
        ran(tenant)
        end = tenant_end(tenant)
        assert end != first
        deadline = time.monotonic() + 20
        while (block := next(stream)).id != end:
            assert block.event is None and time.monotonic() < deadline


# --- The seam between what was written and what is written now ---------------------------------------------------

WRITE = """
INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
VALUES (%s, %s, %s, %s, %s, '{}', now())
"""
ORDER = "SELECT id FROM job_events WHERE project_id = %s ORDER BY position, sequence, id"


class Writer(threading.Thread):
    """Writes events in transactions of all lengths; says so after only some of them."""

    def __init__(self, system: System, project: UUID, seed: int, transactions: int, holds: float) -> None:
        super().__init__()
        self.system, self.project, self.dice = system, project, random.Random(seed)
        self.transactions, self.holds = transactions, holds
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._write()
        except BaseException as error:
            self.error = error

    def _write(self) -> None:
        with (
            closing(psycopg2.connect(self.system.database_url)) as link,
            Redis.from_url(self.system.environment["REDIS_URL"]) as redis,
        ):
            for _ in range(self.transactions):
                with link, link.cursor() as cursor:
                    for number in range(1, self.dice.randint(2, 4)):
                        job, event = str(uuid4()), str(uuid4())
                        cursor.execute(WRITE, (job, number, event, str(self.project), self.dice.choice(TYPES)))
                    cursor.execute("SELECT pg_sleep(%s)", (self.dice.random() * self.holds,))
                    if self.dice.random() < 0.1:
                        link.rollback()
                redis.publish(project_channel(self.project), b"")


TYPES = ("job.queued", "job.succeeded")


class Reader(threading.Thread):
    """Follows, is cut at random, and follows on, until it is told that all is written and has seen nothing new."""

    def __init__(self, client: Client, begin: str, seed: int, last: str) -> None:
        super().__init__()
        self.client, self.place, self.dice, self.last = client, begin, random.Random(seed), last
        self.seen: list[str] = []
        self.cuts = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while self.last not in self.seen:
                self._until_cut(self.dice.randint(0, 60))
                self.cuts += 1
        except BaseException as error:
            self.error = error

    def _until_cut(self, events: int) -> None:
        with closing(blocks(self.client, after=self.place)) as stream:
            for block in stream:
                self.place = block.id or self.place
                if block.event:
                    self.seen.append(block.event["id"].removeprefix("evt_"))
                    events -= 1
                if events <= 0 or (self.seen and self.seen[-1] == self.last):
                    return


def test_no_writer_however_slow_makes_a_reader_miss_or_repeat_an_event(system: System) -> None:
    """Six writers, one of which holds transactions open across many others' commits; five readers, cut at random."""
    key = another_project(system)
    with Client(system.url, key) as client:
        project = UUID(client.http.get("/v1/projects").json()["data"][0]["id"].removeprefix("proj_"))
        with closing(blocks(client)) as stream:
            begin = next(stream).id
    assert begin
    last = uuid4()
    writers = [Writer(system, project, seed, 60, 0.01) for seed in range(5)] + [Writer(system, project, 9, 4, 0.8)]
    clients = [Client(system.url, key) for _ in range(5)]
    readers = [Reader(one, begin, seed, last.hex) for seed, one in enumerate(clients)]
    threads: list[Writer | Reader] = [*readers, *writers]
    for thread in threads:
        thread.start()
    for writer in writers:
        writer.join()
    with closing(psycopg2.connect(system.database_url)) as link:
        with link, link.cursor() as cursor:
            cursor.execute(WRITE, (str(uuid4()), 1, str(last), str(project), "job.succeeded"))
        with Redis.from_url(system.environment["REDIS_URL"]) as redis:
            redis.publish(project_channel(project), b"")
        for reader in readers:
            reader.join(30)
        with link.cursor() as cursor:
            cursor.execute(ORDER, (str(project),))
            written = [UUID(str(row[0])).hex for row in cursor.fetchall()]
    for one in clients:
        one.http.close()
    assert [one.error for one in threads] == [None] * 11
    assert written[-1] == last.hex and len(written) > 300
    for reader in readers:
        assert reader.seen == written and reader.cuts > 5


MUCH = """
INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
SELECT %s, number, gen_random_uuid(), %s, 'job.progress', jsonb_build_object('text', repeat('x', 1000)), now()
FROM generate_series(1, %s) AS number
"""


def test_a_reader_that_falls_far_behind_the_others_gets_everything_all_the_same(system: System) -> None:
    """More than is gathered for it, and than lies on the way; the other one has it all before it begins to read."""
    many, key = 6000, another_project(system)
    tight = httpx.HTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)])
    with Client(system.url, key) as quick, Client(system.url, key) as slow:
        slow.http._transport = tight
        project = quick.http.get("/v1/projects").json()["data"][0]["id"].removeprefix("proj_")
        with closing(blocks(quick)) as flowing, closing(blocks(slow)) as waiting:
            next(flowing), next(waiting)
            with closing(psycopg2.connect(system.database_url)) as link, link, link.cursor() as cursor:
                cursor.execute(MUCH, (str(uuid4()), project, many))
            with Redis.from_url(system.environment["REDIS_URL"]) as redis:
                redis.publish(project_channel(UUID(project)), b"")
            for stream in (flowing, waiting):
                events = (block.event for block in stream if block.event)
                assert [one["sequence"] for one in islice(events, many)] == list(range(1, many + 1))


CANCEL = "UPDATE jobs SET status = 'cancelled', event_sequence = 2, finished_at = now() WHERE id = %s"


def test_what_redis_said_nothing_of_is_streamed_within_seconds(system: System, tenant: Client) -> None:
    """A job's end and its project's event, written as if the process had died right after the commit."""
    job = tenant.submit(run_at="2100-01-01T00:00:00Z")
    (job_id, project) = (str(UUID(job[name].partition("_")[2])) for name in ("id", "project_id"))
    events = tenant.events(job["id"])
    with closing(blocks(tenant)) as stream:
        next(stream)
        assert next(events)["type"] == "job.scheduled"
        with closing(psycopg2.connect(system.database_url)) as link, link, link.cursor() as cursor:
            cursor.execute(WRITE, (job_id, 2, str(uuid4()), project, "job.cancelled"))
            cursor.execute(CANCEL, (job_id,))
        deadline = time.monotonic() + 20
        assert [event["type"] for event in events] == ["job.cancelled"]
        while (block := next(stream)).event is None:
            assert time.monotonic() < deadline
        assert block.event["type"] == "job.cancelled"
        assert time.monotonic() < deadline
