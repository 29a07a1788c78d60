"""Replay over HTTP: a job of any status again as a new job, with changes."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from infra.dev.system import System
from tests.api.test_bad_input import problem
from tests.client import HELLO, Client
from tests.conftest import another_project

Json = dict[str, Any]
LATER = "2999-01-01T00:00:00Z"
NOBODY = "job_" + "0" * 32
WISHES = ("priority", "max_attempts", "metadata", "concurrency_key", "concurrency_limit", "max_cost", "store")


@pytest.fixture(scope="module")
def user(system: System) -> Iterator[Client]:
    """A client of a project of its own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def replay(user: Client, job: Json, **changes: Any) -> Json:
    answer = user.http.post(f"/v1/jobs/{job['id']}/replay", json=changes)
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    return found


def replay_many(user: Client, **body: Any) -> Json:
    answer = user.http.post("/v1/jobs/replay", json=body)
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    return found


def test_a_finished_job_runs_again_as_a_new_job_that_links_back(user: Client) -> None:
    old = user.run(priority=7, max_attempts=2, metadata={"a": "b"}, concurrency_key="k", concurrency_limit=3)
    answer = user.http.post(f"/v1/jobs/{old['id']}/replay")
    new = answer.json()
    assert answer.status_code == 202 and answer.headers["Location"] == f"/v1/jobs/{new['id']}"
    assert new["id"] != old["id"] and new["replay_of"] == old["id"] and new["status"] == "queued"
    assert {name: new[name] for name in WISHES} == {name: old[name] for name in WISHES}
    assert new["input"] == old["input"] and new["request_id"] == answer.headers["X-Request-Id"]
    assert new["attempt"] == 0 and new["run_at"] is None and new["deadline_at"] is None
    assert user.wait(new["id"])["status"] == "succeeded"
    assert user.http.get(f"/v1/jobs/{old['id']}").json() == old


def test_input_is_patched_and_wishes_are_overridden_or_taken_away(user: Client) -> None:
    old = user.run(
        {"model": "openai/fail-404", "messages": HELLO, "temperature": 0.5},
        concurrency_key="k",
        deadline_s=60,
        metadata={"a": "b"},
    )
    assert old["status"] == "failed"
    new = replay(
        user,
        old,
        input={"model": "sandbox/instant", "temperature": None, "max_tokens": 5},
        concurrency_key=None,
        deadline_s=None,
        priority=9,
        metadata={},
        run_at=LATER,
    )
    assert new["input"] == {"model": "sandbox/instant", "messages": HELLO, "max_tokens": 5}
    assert new["concurrency_key"] is None and new["concurrency_limit"] is None and new["deadline_at"] is None
    assert new["status"] == "scheduled" and new["run_at"].startswith("2999") and new["priority"] == 9
    assert new["metadata"] == {} and new["replay_of"] == old["id"]


def test_a_deadline_counts_anew_and_a_run_at_is_not_kept(user: Client) -> None:
    waiting = user.submit(run_at=LATER, deadline_s=100)
    new = user.wait(replay(user, waiting)["id"])
    assert new["run_at"] is None and new["status"] == "succeeded"
    created, deadline = new["created_at"], new["deadline_at"]
    assert created < deadline and deadline[:4] == created[:4]
    again = replay(user, new, run_at=LATER)
    assert again["deadline_at"] == "2999-01-01T00:01:40.000000Z"


@pytest.mark.parametrize("status", ["running", "cancelled", "queued"])
def test_a_job_of_any_status_can_be_replayed(user: Client, status: str) -> None:
    job = user.submit({"model": "openai/hang", "messages": HELLO}, run_at=LATER if status == "queued" else None)
    if status == "running":
        next(event for event in user.events(job["id"]) if event["type"] == "job.started")
    if status == "cancelled":
        user.http.post(f"/v1/jobs/{job['id']}/cancel")
        user.wait(job["id"])
    new = replay(user, job, input={"model": "sandbox/instant"})
    assert user.wait(new["id"])["status"] == "succeeded"
    user.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_jobs_that_match_run_again_the_oldest_first_and_the_rest_can_follow(user: Client) -> None:
    mark = uuid4().hex
    old = [user.run(metadata={"mark": mark}) for _ in range(5)]
    user.run(metadata={"mark": "another"})
    done = replay_many(user, filter={"metadata": {"mark": mark}}, limit=3, input={"temperature": 0}, metadata={})
    assert done["object"] == "replay" and done["count"] == 3 and done["skipped"] == [] and done["has_more"]
    new = [user.wait(job_id) for job_id in done["job_ids"]]
    assert [job["replay_of"] for job in new] == [job["id"] for job in old[:3]]
    assert all(job["input"]["temperature"] == 0 and job["status"] == "succeeded" for job in new)
    rest = {
        "metadata": {"mark": mark},
        "created_after": old[3]["created_at"],
        "status": "succeeded",
        "kind": "completion",
    }
    assert replay_many(user, filter=rest)["count"] == 2


def test_a_filter_that_finds_nothing_replays_nothing(user: Client) -> None:
    nothing = {"object": "replay", "count": 0, "job_ids": [], "skipped": [], "last_id": None, "has_more": False}
    for some in (
        {"metadata": {"mark": uuid4().hex}},
        {"schedule_id": "sched_" + "0" * 32},
        {"batch_id": "batch_" + "0" * 32},
    ):
        assert replay_many(user, filter=some) == nothing


def test_a_job_that_cannot_run_with_the_changes_is_skipped_with_the_reason(user: Client) -> None:
    mark = {"mark": uuid4().hex}
    vectors = user.wait(user.submit({"model": "sandbox", "input": ["x"]}, kind="embedding", metadata=mark)["id"])
    chat = user.run(metadata=mark)
    done = replay_many(user, filter={"status": "succeeded", "metadata": mark}, input={"messages": HELLO})
    assert done["count"] == 1 and user.wait(done["job_ids"][0])["replay_of"] == chat["id"]
    assert [(one["job_id"], one["code"]) for one in done["skipped"]] == [(vectors["id"], "invalid_input")]
    assert "/input/messages" in done["skipped"][0]["detail"]


@pytest.mark.parametrize("store", ["hashes", "none"])
def test_a_job_whose_input_was_not_kept_cannot_be_replayed(user: Client, store: str) -> None:
    mark = {"mark": uuid4().hex}
    job = user.run(store=store, metadata=mark)
    problem(user.http.post(f"/v1/jobs/{job['id']}/replay"), 409, "not_stored")
    done = replay_many(user, filter={"metadata": mark})
    assert done["count"] == 0 and done["skipped"][0]["job_id"] == job["id"]
    assert done["skipped"][0]["code"] == "not_stored"


def test_a_private_job_that_still_runs_is_replayed_as_privately(user: Client) -> None:
    job = user.submit({"model": "openai/hang", "messages": HELLO}, store="none")
    new = replay(user, job, store="full", run_at=LATER)
    assert new["store"] == "none"
    user.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_the_same_request_with_an_idempotency_key_replays_once(user: Client) -> None:
    job = user.run()
    for path, body in ((f"/v1/jobs/{job['id']}/replay", {}), ("/v1/jobs/replay", {"filter": {"kind": "completion"}})):
        headers = {"Idempotency-Key": uuid4().hex}
        answers = [user.http.post(path, json=body, headers=headers) for _ in range(2)]
        assert answers[0].status_code == 202 and answers[0].content == answers[1].content
        assert answers[1].headers["Idempotent-Replayed"] == "true"


def test_another_projects_jobs_are_not_replayed(user: Client, stranger: Client) -> None:
    job = user.run(metadata={"mark": "mine"})
    problem(stranger.http.post(f"/v1/jobs/{job['id']}/replay"), 404, "not_found")
    assert replay_many(stranger, filter={"metadata": {"mark": "mine"}})["count"] == 0


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"input": "hello"}, "invalid_input", "/input"),
        ({"input": {"messages": None}}, "invalid_input", "/input/messages"),
        ({"input": {"temperature": "hot"}}, "invalid_input", "/input/temperature"),
        ({"input": {"model": "nobody/has-this"}}, "model_not_found", "/input/model"),
        ({"input": {"user": "a\0b"}}, "nul_character", "/input/user"),
        ({"kind": "embedding"}, "unknown_field", "/kind"),
        ({"run_at": "2001-01-01T00:00:00Z"}, "invalid_input", "/run_at"),
        ({"priority": None}, "invalid_input", "/priority"),
        ({"deadline_s": 0}, "invalid_input", "/deadline_s"),
        ({"max_cost": -1}, "invalid_input", "/max_cost"),
        ({"concurrency_limit": 2}, "invalid_input", "/concurrency_limit"),
        ([], "invalid_input", ""),
    ],
)
def test_a_wrong_change_is_refused_with_a_pointer(client: Client, body: Any, code: str, pointer: str) -> None:
    job = client.submit(run_at=LATER)
    found = problem(client.http.post(f"/v1/jobs/{job['id']}/replay", json=body), 422, code)
    assert pointer in [error["pointer"] for error in found["errors"]], found


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/filter"),
        ({"filter": {}}, "/filter"),
        ({"filter": {"metadata": {}}}, "/filter/metadata"),
        ({"filter": {"status": "asleep"}}, "/filter/status"),
        ({"filter": {"batch_id": "job_1"}}, "/filter/batch_id"),
        ({"filter": {"created_after": "2001-01-01"}}, "/filter/created_after"),
        ({"filter": {"kind": "completion"}, "limit": 1001}, "/limit"),
        ({"filter": {"kind": "completion"}, "limit": 0}, "/limit"),
    ],
)
def test_a_wrong_filter_is_refused_with_a_pointer(client: Client, body: Any, pointer: str) -> None:
    found = problem(client.http.post("/v1/jobs/replay", json=body), 422, "invalid_input")
    assert pointer in [error["pointer"] for error in found["errors"]], found


def test_only_jobs_can_be_replayed(client: Client) -> None:
    problem(client.http.post(f"/v1/jobs/{NOBODY}/replay"), 404, "not_found")
    problem(client.http.post("/v1/jobs/job_1/replay"), 404, "malformed_id")


def test_a_patch_nested_beyond_measure_is_refused_and_breaks_nothing(client: Client) -> None:
    job = client.submit(run_at=LATER)
    deep = '{"input": ' + '{"user": ' * 900 + "1" + "}" * 900 + "}"
    headers = {"Content-Type": "application/json"}
    answer = client.http.post(f"/v1/jobs/{job['id']}/replay", content=deep, headers=headers)
    problem(answer, 422, "invalid_input")
