"""Jobs that are not kept in full: a canary planted in each is nowhere to be found after the end.

Looked through are every table, every file of ours (logs and stored results; PostgreSQL's own files are its business)
and all of Redis.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import psycopg2
import pytest
from psycopg2 import sql
from redis import Redis
from structlog.testing import capture_logs

from infra.dev.system import System
from infra.errors import ProviderBadRequest
from tests.client import Client
from workers.jobs import privacy
from workers.jobs.context import RunningJob
from workers.jobs.lifecycle import Move

Json = dict[str, Any]
FINAL_EVENTS = ("job.succeeded", "job.failed", "job.cancelled", "job.expired")
private = pytest.mark.parametrize("store", ["hashes", "none"])


@pytest.fixture
def redis(system: System) -> Iterator[Redis]:
    with Redis.from_url(system.redis_url) as connected:
        yield connected


@pytest.fixture
def canary() -> str:
    return f"canary-{uuid4().hex}"


def said(model: str, canary: str, **more: Any) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": f"{canary} ü"}], **more}


def digest(value: Json) -> Json:
    """What a client computes: no white space, keys sorted, UTF-8."""
    body = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


def tables_with(url: str, canary: str) -> list[str]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        assert {"jobs", "job_events", "idempotency_keys", "outbox"} <= set(names)
        found = []
        for name in names:
            cursor.execute(
                sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE %s OR t::text LIKE %s").format(
                    sql.Identifier(name)
                ),
                [f"%{canary}%", f"%{canary.encode().hex()}%"],
            )
            if cursor.fetchone() != (0,):
                found.append(name)
    return found


def files_with(folder: Path, canary: str) -> list[str]:
    ours = [path for path in folder.rglob("*") if path.is_file() and folder / "postgres" not in path.parents]
    assert any(path.name == "postgres.log" for path in ours)
    return [str(path) for path in ours if canary.encode() in content(path)]


def content(path: Path) -> bytes:
    """Nothing, if the file has gone since it was listed."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def keys_with(redis: Redis, canary: str) -> list[bytes]:
    readers: dict[Any, Callable[[Any], Any]] = {
        b"string": redis.get,
        b"hash": redis.hgetall,
        b"list": lambda key: redis.lrange(key, 0, -1),
        b"set": redis.smembers,
        b"zset": lambda key: redis.zrange(key, 0, -1),
        b"stream": redis.xrange,
        b"none": lambda key: b"",  # gone since it was listed
    }
    return [key for key in redis.scan_iter() if canary in f"{key!r}{readers[redis.type(key)](key)!r}"]


def assert_forgotten(system: System, redis: Redis, canary: str, job: Json) -> None:
    """Nothing is left but what Redis forgets within ten minutes."""
    assert job["status"] in ("succeeded", "failed", "cancelled", "expired")
    passing = [f"sy:{name}:{job['id'].removeprefix('job_')}" for name in ("live", "result")]
    for key in passing:
        wait_until_passing(redis, key)
    redis.delete(*passing)
    assert tables_with(system.database_url, canary) == []
    assert files_with(system.options.data, canary) == []
    assert keys_with(redis, canary) == []


def wait_until_passing(redis: Redis, key: str) -> None:
    """The key is set to go within ten minutes, or gone (-2), a moment after the end was told."""
    deadline = time.monotonic() + 10
    while not (redis.ttl(key) == -2 or 0 < redis.ttl(key) <= 600):
        assert time.monotonic() < deadline, f"{key} stays for {redis.ttl(key)} s"
        time.sleep(0.01)


def assert_input_is_not_shown(store: str, job: Json, given: Json) -> None:
    assert job["store"] == store
    assert job["input"] == (digest(given) if store == "hashes" else None)


@private
def test_the_result_goes_to_its_owner_for_a_while_and_then_is_a_hash_or_nothing(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    given = said("openai/echo", canary, stream=True)
    job = client.submit(given, store=store)
    assert_input_is_not_shown(store, job, given)
    events = list(client.events(job["id"]))
    assert canary in str(events)
    final = client.wait(job["id"])
    assert_input_is_not_shown(store, final, given)
    assert canary in final["result"]["message"]["content"]
    assert client.http.get(f"/v1/jobs/{job['id']}").json()["result"] == final["result"]
    assert_forgotten(system, redis, canary, final)
    later = client.http.get(f"/v1/jobs/{job['id']}").json()
    assert later["result"] == (digest(final["result"]) if store == "hashes" else None)
    assert later["usage"] == final["usage"] and later["usage"]["calls"] == 1


@private
def test_a_large_result_goes_into_no_file(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    final = client.run(said("openai/echo", f"{canary} {'x' * 300_000}"), store=store)
    assert len(final["result"]["message"]["content"]) > 300_000
    assert_forgotten(system, redis, canary, final)


@private
def test_the_words_of_a_provider_are_not_kept_whether_it_is_tried_again_or_not(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    refused = client.run(said("openai/quote-400", canary), store=store)
    assert refused["error"] == {
        "code": "provider_bad_request",
        "message": ProviderBadRequest.__doc__,
        "retryable": False,
        "provider": "openai",
        "model": "quote-400",
        "provider_status": 400,
    }
    passing = {"hashes": "openai/quote-500-once", "none": "openai/quote-504-once"}[store]
    again = client.run(said(passing, canary), store=store)
    assert again["status"] == "succeeded" and again["attempt"] == 2
    dead = client.run(
        said("openai/quote-503", canary, fallback_models=["openai/quote-400"]), store=store, max_attempts=1
    )
    assert dead["dead_letter"] and "attempts" not in dead["error"]
    assert canary not in str([list(client.events(job["id"])) for job in (refused, again, dead)])
    for job in (refused, again, dead):
        redis.delete(f"sy:result:{job['id'].removeprefix('job_')}")
    assert_forgotten(system, redis, canary, dead)


@private
def test_an_answer_that_fits_no_schema_is_not_quoted(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    schema = {"type": "object", "properties": {"name": {"const": canary}}}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    final = client.run(said("openai/bad-json", canary, response_format=form), store=store)
    assert final["error"]["code"] == "invalid_model_output"
    assert_forgotten(system, redis, canary, final)


@private
def test_a_stream_cut_by_a_cancel_or_the_deadline_leaves_its_part_to_its_owner_alone(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    given = said("sandbox/slow", canary, stream=True)
    cancelled, late = client.submit(given, store=store), client.submit(given, store=store, deadline_s=3)
    for event in client.events(cancelled["id"]):
        if canary in str(event):
            asked = client.http.post(f"/v1/jobs/{cancelled['id']}/cancel", headers={"Idempotency-Key": uuid4().hex})
            assert_input_is_not_shown(store, asked.json(), given)
    for job, status in ((cancelled, "cancelled"), (late, "expired")):
        final = client.wait(job["id"])
        assert final["status"] == status and canary in final["result"]["message"]["content"]
        redis.delete(*(f"sy:{name}:{job['id'].removeprefix('job_')}" for name in ("live", "result")))
        later = client.http.get(f"/v1/jobs/{job['id']}").json()
        assert later["result"] == (digest(final["result"]) if store == "hashes" else None)
    assert_forgotten(system, redis, canary, final)


@private
def test_a_job_that_never_runs_leaves_nothing(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    tomorrow = "2999-01-01T00:00:00Z"
    cancelled = client.submit(said("openai/echo", canary), store=store, run_at=tomorrow)
    client.http.post(f"/v1/jobs/{cancelled['id']}/cancel")
    assert_forgotten(system, redis, canary, client.wait(cancelled["id"]))
    holder = client.submit(
        {"model": "openai/hang", "messages": [{"role": "user", "content": "x"}]}, concurrency_key=canary
    )
    next(event for event in client.events(holder["id"]) if event["type"] == "job.started")
    given = said("openai/echo", canary[::-1])
    late = client.submit(given, store=store, concurrency_key=canary, deadline_s=1)
    final = client.wait(late["id"])
    client.http.post(f"/v1/jobs/{holder['id']}/cancel")
    assert final["status"] == "expired" and final["attempt"] == 0
    assert_input_is_not_shown(store, final, given)
    assert_forgotten(system, redis, canary[::-1], final)


@private
def test_a_repeated_submit_gets_the_first_answer_without_the_input_being_kept_for_it(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    body = {"kind": "completion", "input": said("openai/echo", canary), "store": store}
    headers = {"Idempotency-Key": uuid4().hex}
    first = client.http.post("/v1/jobs", json=body, headers=headers)
    final = client.wait(first.json()["id"])
    again = client.http.post("/v1/jobs", json=body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true" and again.json() == first.json()
    assert_forgotten(system, redis, canary, final)


@private
def test_answers_are_not_kept_for_the_same_question(
    system: System, client: Client, redis: Redis, canary: str, store: str
) -> None:
    given = said("openai/echo", canary, cache=True)
    for _ in range(2):
        final = client.run(given, store=store)
        assert final["result"]["cached"] is False
        assert_forgotten(system, redis, canary, final)


def test_a_project_may_ask_for_it_and_a_job_only_for_more(
    system: System, stranger: Client, redis: Redis, canary: str
) -> None:
    project = stranger.submit()["project_id"]
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE projects SET store = 'hashes' WHERE id = %s", [project.removeprefix("proj_")])
    connection.close()
    try:
        while (job := stranger.run(said("openai/echo", canary), store="full"))["store"] == "full":
            canary += "x"  # a process knows a project's policy for a second
        assert job["store"] == "hashes"
        assert stranger.run(store="none")["store"] == "none"
        assert_forgotten(system, redis, canary, job)
    finally:
        with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE projects SET store = 'full' WHERE id = %s", [project.removeprefix("proj_")])
        connection.close()


def test_a_statement_that_fails_is_quoted_in_no_log(system: System, client: Client, canary: str) -> None:
    body = {"kind": "completion", "input": said("openai/echo", canary), "store": "none"}
    with psycopg2.connect(system.database_url) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE job_events IN ACCESS EXCLUSIVE MODE")
        answer = client.http.post("/v1/jobs", json=body)
    holder.close()
    assert answer.status_code == 503
    assert "lock timeout" in (system.folder.logs / "postgres.log").read_text()
    assert files_with(system.options.data, canary) == []
    assert tables_with(system.database_url, canary) == []


@pytest.mark.parametrize(("store", "message"), [("full", "page 3 of x"), ("hashes", None), ("none", None)])
def test_progress_of_a_private_job_is_numbers_alone(store: str, message: str | None) -> None:
    class Committer:
        moves: ClassVar[list[Move]] = []

        def post(self, move: Move) -> None:
            self.moves.append(move)

    facts: Json = dict.fromkeys((one.name for one in fields(RunningJob) if one.default is one.default_factory), None)
    job = RunningJob(**facts | {"store": store, "sequence": 2, "committer": Committer()})
    asyncio.run(job.progress(3, 7, "page 3 of x"))
    (move,) = Committer.moves
    Committer.moves.clear()
    assert move.progress == {"current": 3, "total": 7, "message": message}
    assert move.data == {"progress": move.progress}


def test_a_crash_in_a_private_job_is_logged_by_its_place_and_not_by_its_words(
    canary: str,
) -> None:
    try:
        raise KeyError(canary)
    except KeyError as error:
        with capture_logs() as logged:
            privacy.log_crash("none", error, kind="completion")
        shown = str(logged)
        assert canary not in shown
        assert "KeyError" in shown and "test_privacy.py:" in shown
