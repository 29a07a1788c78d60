"""Processes die, the broker stops, and a user's job still ends once, with every event."""

import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from infra.broker import queue_arguments
from infra.dev.system import System
from tests.client import HELLO, Client
from tests.journeys.conftest import WITH_RABBITMQ

Json = dict[str, Any]


# What no broker has a part in is tried with one.
with_redis_alone = pytest.mark.parametrize("broker", ["redis"], indirect=True)
with_rabbitmq_alone = pytest.mark.parametrize("broker", [pytest.param("rabbitmq", marks=WITH_RABBITMQ)], indirect=True)


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


@with_redis_alone
def test_after_a_pause_the_best_priority_runs_first_whoever_came_first(fragile: System, user: Client) -> None:
    fragile["io1"].stop()
    low = [user.submit(priority=0)["id"] for _ in range(6)]
    high = [user.submit(priority=9)["id"] for _ in range(8)]
    fragile.start_again("io1")
    began = {job_id: user.wait(job_id)["started_at"] for job_id in low + high}
    assert max(began[job_id] for job_id in high) <= min(began[job_id] for job_id in low)
    assert min(began[job_id] for job_id in high) < min(began[job_id] for job_id in low)


@with_redis_alone
def test_requests_without_a_key_are_counted_by_address_and_refused_beyond_the_limit(fragile: System) -> None:
    with Client(fragile.url, None) as nobody:
        answers = [nobody.http.get("/v1/jobs") for _ in range(110)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {401, 429}
        assert refused[0].json()["code"] == "rate_limited" and 1 <= int(refused[0].headers["Retry-After"]) <= 60
        assert nobody.http.get("/health").status_code == 200


def test_jobs_submitted_while_the_broker_is_away_run_when_it_is_back(
    fragile: System, user: Client, broker: str
) -> None:
    fragile[broker].kill()
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: user.submit(), range(40)))
    assert user.http.get("/ready").json()["checks"]["broker"]["status"] == "unavailable"
    fragile.start_again(broker)
    assert {user.wait(job["id"])["status"] for job in jobs} == {"succeeded"}


def test_a_message_of_another_version_or_of_no_sense_ends_no_worker(fragile: System, user: Client) -> None:
    with Connection(fragile.broker_url) as link:
        producer = link.Producer(serializer="json")
        headers = {"lang": "py", "task": "tasks.of_tomorrow", "id": "1", "argsrepr": "()", "kwargsrepr": "{}"}
        producer.publish([[], {}, {}], exchange="", routing_key="completions", headers=headers)
        producer.publish({"no": "task"}, exchange="", routing_key="completions")
    wait_for_line(fragile["io1"].log, "Wrong destination")
    assert user.run()["status"] == "succeeded"
    assert fragile["io1"].alive()


@with_rabbitmq_alone
def test_after_a_restart_of_the_broker_workers_listen_to_quorum_queues_and_there_are_none_for_delays(
    fragile: System,
) -> None:
    wait_for_listener(fragile, "completions", seconds=8)
    classic = {**(queue_arguments(fragile.broker_url) or {}), "x-queue-type": "classic"}
    with Connection(fragile.broker_url) as link:
        channel = link.default_channel
        with pytest.raises(link.channel_errors, match="inequivalent arg 'x-queue-type'"):
            channel.queue_declare("completions", durable=True, auto_delete=False, arguments=classic)
        with pytest.raises(link.channel_errors, match="no queue 'celery_delayed_0'"):
            channel.queue_declare("celery_delayed_0", passive=True)


@with_rabbitmq_alone
def test_a_broker_that_answers_nothing_delays_no_submit_and_no_job(fragile: System, user: Client, broker: str) -> None:
    wait_for_listener(fragile, "completions", seconds=8)
    fragile[broker].send(signal.SIGSTOP)
    try:
        answers = [
            user.http.post("/v1/jobs", json={"kind": "completion", "input": {"messages": HELLO}}) for _ in range(20)
        ]
        assert max(answer.elapsed.total_seconds() for answer in answers) < 1
        assert {user.wait(answer.json()["id"])["status"] for answer in answers} == {"succeeded"}
        ready = user.http.get("/ready")
        assert ready.json()["checks"]["broker"]["status"] == "unavailable" and ready.elapsed.total_seconds() < 3
    finally:
        fragile[broker].send(signal.SIGCONT)
    assert user.run()["status"] == "succeeded"


def test_an_api_process_killed_right_after_its_answer_loses_no_job(fragile: System, user: Client) -> None:
    jobs = [user.submit() for _ in range(20)]
    fragile["api"].kill()
    fragile.start_again("api")
    assert {user.wait(job["id"])["status"] for job in jobs} == {"succeeded"}


@with_redis_alone
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


@with_redis_alone
def test_an_api_that_is_asked_to_end_spreads_the_return_of_its_clients(fragile: System, user: Client) -> None:
    """An idle stream of the project, and one of a job: each is told when to come back, and nothing is missed."""
    job = user.submit(run_at="2100-01-01T00:00:00Z")["id"]
    addresses = ["/v1/events"] * 8 + [f"/v1/jobs/{job}/events"] * 8
    began = threading.Barrier(len(addresses) + 1)

    def follow(address: str) -> str:
        with user.http.stream("GET", address, headers={"Accept": "text/event-stream"}) as answer:
            lines = answer.iter_lines()
            first = next(lines)
            began.wait(20)
            return "\n".join([first, *lines])

    with ThreadPoolExecutor(len(addresses)) as pool:
        told = pool.map(follow, addresses)
        began.wait(20)
        fragile["api"].stop()
        texts = list(told)
    fragile.start_again("api")
    pauses = [int(text.rpartition("retry: ")[2].strip()) for text in texts]
    assert all(500 <= pause <= 3000 for pause in pauses) and len(set(pauses)) > 8
    place = re.findall("id: (.+)", texts[0])[-1]
    user.http.post(f"/v1/jobs/{job}/cancel")
    events = user.http.get("/v1/events", params={"after": place}).json()["data"]
    assert [event["type"] for event in events] == ["job.cancelled"]


@with_redis_alone
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


def wait_for_line(log: Path, text: str) -> None:
    """Until the process has written this to its log."""
    deadline = time.monotonic() + 20
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"{log} does not say {text!r}"
        time.sleep(0.05)


def wait_for_listener(system: System, queue: str, *, seconds: float) -> None:
    """Until a worker takes messages from this queue of RabbitMQ."""
    deadline = time.monotonic() + seconds
    with Connection(system.broker_url) as link:
        while not link.default_channel.queue_declare(queue, passive=True).consumer_count:
            assert time.monotonic() < deadline, f"nobody listens to {queue} after {seconds} s"
            time.sleep(0.05)
