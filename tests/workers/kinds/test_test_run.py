"""Test runs as jobs of the whole system: from the wish over HTTP to the last event. What a run does in detail:
tests/workers/suites/running."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.dev.system import System
from schemas.test_run import RunJobOut
from tests.client import Client
from tests.fakes.receiver import Receiver, Reply
from workers.kinds import BY_NAME

Json = dict[str, Any]

KIND = BY_NAME["test.run"]
CANARY = "canary-of-the-whole-system-3f9"


@pytest.fixture(scope="module")
def target() -> Iterator[Receiver]:
    """What is tested; it answers 204 unless told otherwise."""
    with Receiver() as running:
        yield running


def step(target: Receiver, path: str, **more: Any) -> Json:
    """Asks for a path, and wants 204."""
    wanted = [{"type": "status", "expected": 204}]
    return {"method": "POST", "url": f"http://127.0.0.1:{target.port}{path}", "assert": wanted, **more}


def made(client: Client, path: str, **body: Any) -> str:
    """The id of a new thing."""
    answer = client.http.post(f"/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def ran(client: Client, **wish: Any) -> Json:
    """The job of a run, ended."""
    return client.wait(client.submit(wish, kind="test.run")["id"], 60)


def test_a_run_is_a_job_with_a_result_events_and_reports(client: Client, target: Receiver, system: System) -> None:
    target.script("/job/bad", Reply(500, f"no {CANARY}".encode()))
    environment = made(client, "environments", name="of the kind")
    answer = client.http.put(f"/v1/environments/{environment}/secrets/key", json={"value": CANARY})
    assert answer.status_code in (200, 201, 204), answer.text
    secret = {"headers": {"X-Key": "{{secret.key}}"}}
    cases = [made(client, "test_cases", name=name, steps=[step(target, f"/job/{name}", **secret)])
             for name in ("good", "bad")]  # fmt: skip
    job = ran(client, test_case_ids=cases, environment=environment, times=3)
    assert job["status"] == "succeeded", job
    result = job["result"]
    assert RunJobOut().validate(result) == {}
    assert (result["verdict"], result["passed"], result["failed"], result["executions"]) == ("failed", 1, 1, 6)
    assert result["warnings"] == [] and set(result["reports"]) == {"json", "junit", "html"}
    for file_id in result["report_file_ids"]:
        assert client.http.get(f"/v1/files/{file_id}/content").status_code == 200
    assert [one.headers["x-key"] for one in target.requests if one.path == "/job/bad"] == [CANARY] * 3
    events = list(client.events(job["id"]))
    assert [one["sequence"] for one in events] == list(range(1, len(events) + 1))
    told = [one["type"] for one in events if one["type"].startswith("testrun.")]
    assert told == ["testrun.started", *["testrun.case_finished"] * 2, "testrun.finished", "testrun.failed"]
    assert events[-1]["type"] == "job.succeeded"
    run = client.http.get(f"/v1/test_runs/{result['run_id']}").json()
    assert (run["verdict"], run["done"], run["counts"]["failed"]) == ("failed", 6, 1)
    said = "".join(path.read_text(errors="replace") for path in (system.folder.path / "logs").glob("*.log"))
    assert said and CANARY not in said + str(events) + str(job) + str(run)


def test_a_cancel_in_the_middle_runs_the_teardowns(client: Client, target: Receiver) -> None:
    target.script("/cancel/slow", Reply(204, delay=50))
    steps = {"steps": [step(target, "/cancel/slow")], "teardown": [step(target, "/cancel/unmade")]}
    case = made(client, "test_cases", name="slow", **steps)
    suite = made(client, "suites", name="cancelled", case_ids=[case], teardown=[step(target, "/cancel/logout")])
    job = client.submit({"suite": suite}, kind="test.run")
    until = time.monotonic() + 20
    while not any(one.path == "/cancel/slow" for one in target.requests):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert client.http.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200
    job = client.wait(job["id"])
    assert (job["status"], job["result"]["verdict"]) == ("cancelled", "cancelled")
    paths = [one.path for one in target.requests if one.path.startswith("/cancel")]
    assert paths == ["/cancel/slow", "/cancel/unmade", "/cancel/logout"]
    run = client.http.get(f"/v1/test_runs/{job['result']['run_id']}").json()
    assert (run["verdict"], run["status"], run["reason"]) == ("cancelled", "cancelled", "The run was cancelled.")


def test_what_cannot_be_run_is_refused_before_it_is_a_job(client: Client, stranger: Client) -> None:
    draft = made(
        client, "test_cases", name="draft", state="draft", steps=[{"method": "GET", "url": "https://a.example"}]
    )
    for wish, status, pointer in (
        ({}, 422, "/input"),
        ({"suite": "nobody's"}, 404, "/input/suite"),
        ({"suite": "a", "tags": ["b"]}, 422, "/input/tags"),
        ({"test_case_ids": [draft]}, 422, "/input/test_case_ids/0"),
        ({"test_case_ids": [draft], "times": 0}, 422, "/input/times"),
        ({"test_case_ids": [draft], "include_drafts": True, "environment": "no"}, 404, "/input/environment"),
    ):
        answer = client.http.post("/v1/jobs", json={"kind": "test.run", "input": wish})
        assert answer.status_code == status, answer.text
        assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    answer = stranger.http.post("/v1/jobs", json={"kind": "test.run", "input": {"test_case_ids": [draft]}})
    assert answer.status_code == 404
