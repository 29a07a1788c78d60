"""Processes die, Redis stops, and a user's job still ends once, with every event."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import HELLO, Client
from tests.conftest import EVERYTHING_BUT_FLOWER, SHORT, addresses
from tests.fakes.provider import FakeProvider

Json = dict[str, Any]


@pytest.fixture(scope="module")
def fragile(provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own, to be broken."""
    options = Options(data=tmp_path_factory.mktemp("fragile"), port=free_port(), flower_port=free_port())
    environment = {**SHORT, **addresses(provider), "ANONYMOUS_REQUESTS_PER_MINUTE": "50"}
    with System(options, only=EVERYTHING_BUT_FLOWER, environment=environment) as running:
        yield running


@pytest.fixture
def user(fragile: System) -> Iterator[Client]:
    """Its user."""
    with Client(fragile.url, fragile.api_key) as connected:
        yield connected


def test_a_worker_killed_in_the_middle_of_a_stream_costs_an_attempt_and_no_event(fragile: System, user: Client) -> None:
    job = user.submit({"model": "sandbox", "messages": [{"role": "user", "content": "word " * 150}], "stream": True})
    events: list[Json] = []
    for event in user.events(job["id"]):
        events.append(event)
        if event["type"] == "job.delta" and event["sequence"] == 6:
            fragile["io1"].kill()
            fragile.start_again("io1")
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["type"] for event in events if event["type"] != "job.delta"]
    assert kinds == ["job.queued", "job.started", "job.retrying", "job.started", "job.succeeded"]
    final = user.wait(job["id"])
    assert final["status"] == "succeeded" and final["attempt"] == 2
    last_start = max(event["sequence"] for event in events if event["type"] == "job.started")
    said = [
        event["data"]["delta"]["content"]
        for event in events
        if event["sequence"] > last_start and "delta" in event["data"]
    ]
    assert "".join(said) == final["result"]["message"]["content"]


def test_a_worker_that_is_asked_to_end_hands_its_jobs_back_without_costing_an_attempt(
    fragile: System, user: Client
) -> None:
    job = user.submit({"model": "openai/hang", "messages": HELLO}, max_attempts=1, deadline_s=60)
    for event in user.events(job["id"]):
        if event["type"] == "job.started":
            break
    fragile["io1"].stop()
    assert user.wait(job["id"], 0.1)["status"] == "queued"
    fragile.start_again("io1")
    for event in user.events(job["id"], after=3):
        if event["type"] == "job.started":
            break
    user.http.post(f"/v1/jobs/{job['id']}/cancel")
    final = user.wait(job["id"])
    assert final["status"] == "cancelled" and final["attempt"] == 2


def test_after_a_pause_the_best_priority_runs_first_whoever_came_first(fragile: System, user: Client) -> None:
    fragile["io1"].stop()
    low = [user.submit(priority=0)["id"] for _ in range(6)]
    high = [user.submit(priority=9)["id"] for _ in range(8)]
    fragile.start_again("io1")
    began = {job_id: user.wait(job_id)["started_at"] for job_id in low + high}
    assert max(began[job_id] for job_id in high) <= min(began[job_id] for job_id in low)
    assert min(began[job_id] for job_id in high) < min(began[job_id] for job_id in low)


def test_requests_without_a_key_are_counted_by_address_and_refused_beyond_the_limit(fragile: System) -> None:
    with Client(fragile.url, None) as nobody:
        answers = [nobody.http.get("/v1/jobs") for _ in range(110)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {401, 429}
        assert refused[0].json()["code"] == "rate_limited" and 1 <= int(refused[0].headers["Retry-After"]) <= 60
        assert nobody.http.get("/health").status_code == 200


def test_jobs_submitted_while_redis_is_away_run_when_it_is_back(fragile: System, user: Client) -> None:
    fragile["redis"].kill()
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: user.submit(), range(40)))
    assert user.http.get("/ready").json()["checks"]["broker"]["status"] == "unavailable"
    fragile.start_again("redis")
    assert {user.wait(job["id"])["status"] for job in jobs} == {"succeeded"}


def test_an_api_process_killed_right_after_its_answer_loses_no_job(fragile: System, user: Client) -> None:
    jobs = [user.submit() for _ in range(20)]
    fragile["api"].kill()
    fragile.start_again("api")
    assert {user.wait(job["id"])["status"] for job in jobs} == {"succeeded"}


def test_an_api_that_is_asked_to_end_ends_its_streams_cleanly_and_they_go_on_elsewhere(
    fragile: System, user: Client
) -> None:
    question = [{"role": "user", "content": "word " * 150}]
    job = user.submit({"model": "sandbox", "messages": question, "stream": True})
    seen: list[int] = []
    for event in user.events(job["id"]):
        seen.append(event["sequence"])
        if len(seen) == 5:
            fragile["api"].stop()
    fragile.start_again("api")
    seen += [event["sequence"] for event in user.events(job["id"], after=seen[-1])]
    assert seen == list(range(1, len(seen) + 1))
    assert user.wait(job["id"])["status"] == "succeeded"


def test_a_database_that_is_away_is_an_answer_within_seconds_and_then_all_goes_on(
    fragile: System, user: Client
) -> None:
    before = user.run()
    fragile["postgres"].stop()
    answer = user.http.post("/v1/jobs", json={"kind": "completion", "input": {"messages": HELLO}})
    assert answer.status_code == 503 and answer.json()["code"] == "unavailable" and answer.headers["Retry-After"]
    assert answer.elapsed.total_seconds() < 3
    assert user.http.get("/ready").status_code == 503 and user.http.get("/health").status_code == 200
    fragile.start_again("postgres")
    assert user.http.get(f"/v1/jobs/{before['id']}").json()["status"] == "succeeded"
    assert user.run()["status"] == "succeeded"
