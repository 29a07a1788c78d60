"""Submitting, reading, listing, waiting for and ending jobs, over HTTP."""

import time
from typing import Any
from uuid import uuid4

import pytest

from tests.client import HELLO, Client

Json = dict[str, Any]


def test_a_submitted_job_answers_202_with_its_address_and_a_complete_job(client: Client) -> None:
    answer = client.http.post(
        "/v1/jobs",
        json={"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}, "metadata": {"a": "b"}},
    )
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["object"] == "job" and job["kind"] == "completion" and job["status"] == "queued"
    assert job["metadata"] == {"a": "b"} and job["priority"] == 5 and job["attempt"] == 0 and job["max_attempts"] == 3
    assert job["created_at"].endswith("Z") and job["request_id"] == answer.headers["X-Request-Id"]
    assert job["progress"] == {"current": 0, "total": None, "message": None}


def test_a_completion_ends_succeeded_with_a_message_and_its_usage(client: Client) -> None:
    job = client.run()
    assert job["status"] == "succeeded", job
    assert job["result"]["provider"] == "sandbox" and job["result"]["message"]["role"] == "assistant"
    assert job["usage"]["calls"] == 1 and job["usage"]["output_tokens"] > 0
    assert job["attempt"] == 1 and job["finished_at"] >= job["started_at"] >= job["created_at"]


def test_waiting_returns_as_soon_as_the_job_is_final_and_gives_up_after_the_time(client: Client) -> None:
    job = client.submit({"model": "openai/slow-1s", "messages": HELLO})
    started = time.monotonic()
    early = client.wait(job["id"], 0.2)
    assert early["status"] in ("queued", "running") and time.monotonic() - started < 1.0
    assert client.wait(job["id"], 30)["status"] == "succeeded"
    assert time.monotonic() - started < 10


def test_prefer_wait_holds_the_answer_too(client: Client) -> None:
    job = client.submit()
    answer = client.http.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "respond-async, wait=20"})
    assert answer.json()["status"] == "succeeded"


def test_a_list_is_walked_page_by_page_in_both_orders_without_gap_or_repeat(client: Client) -> None:
    mark = uuid4().hex
    made = [client.submit(metadata={"mark": mark})["id"] for _ in range(5)]
    for order, expected in (("asc", made), ("desc", made[::-1])):
        seen, after = [], None
        while True:
            query: dict[str, str | int] = {"limit": 2, "order": order, "metadata.mark": mark}
            if after:
                query["after"] = after
            page = client.http.get("/v1/jobs", params=query).json()
            assert page["object"] == "list" and page["first_id"] == page["data"][0]["id"]
            seen += [job["id"] for job in page["data"]]
            after = page["last_id"]
            if not page["has_more"]:
                break
        assert seen == expected


@pytest.mark.parametrize("wanted", ["kind", "status", "created", "metadata"])
def test_a_list_is_filtered(client: Client, wanted: str) -> None:
    mark = uuid4().hex
    before = client.run()
    job = client.run(metadata={"mark": mark})
    query = {
        "kind": {"kind": "completion", "metadata.mark": mark},
        "status": {"status": "succeeded", "metadata.mark": mark},
        "created": {"created_after": job["created_at"], "limit": 1, "order": "asc"},
        "metadata": {"metadata.mark": mark},
    }[wanted]
    found = [one["id"] for one in client.http.get("/v1/jobs", params=query).json()["data"]]
    assert found == [job["id"]]
    earlier = client.http.get("/v1/jobs", params={"created_before": job["created_at"], "limit": 1}).json()["data"]
    assert earlier[0]["id"] == before["id"]
    others = {"kind": "embedding", "metadata.mark": mark}
    assert client.http.get("/v1/jobs", params=others).json()["data"] == []


def test_a_queued_job_is_cancelled_at_once_and_a_final_one_not_at_all(client: Client) -> None:
    job = client.submit(run_at="2999-01-01T00:00:00Z")
    assert job["status"] == "scheduled"
    cancelled = client.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert cancelled.status_code == 200 and cancelled.json()["status"] == "cancelled"
    again = client.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert again.status_code == 409 and again.json()["code"] == "job_final"
    assert [event["type"] for event in client.events(job["id"])] == ["job.scheduled", "job.cancelled"]


def test_cancelling_a_stream_stops_it_within_a_second_and_keeps_what_was_said(client: Client) -> None:
    job = client.submit({"model": "sandbox/slow", "messages": HELLO, "stream": True})
    for event in client.events(job["id"]):
        if event["type"] == "job.delta":
            break
    started = time.monotonic()
    assert client.http.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200
    final = client.wait(job["id"])
    assert final["status"] == "cancelled" and time.monotonic() - started < 1.5
    assert final["result"]["message"]["content"] and final["usage"]["output_tokens"] > 0


def test_a_failed_job_is_retried_as_a_new_attempt_of_the_same_job(client: Client) -> None:
    job = client.run({"model": "openai/fail-404", "messages": HELLO})
    assert job["status"] == "failed" and job["error"]["code"] == "model_not_found" and job["attempt"] == 1
    answer = client.http.post(f"/v1/jobs/{job['id']}/retry")
    assert answer.status_code == 200 and answer.json()["status"] == "queued"
    again = client.wait(job["id"])
    assert again["id"] == job["id"] and again["attempt"] == 2 and again["status"] == "failed"


def test_only_what_ended_badly_can_be_retried(client: Client) -> None:
    answer = client.http.post(f"/v1/jobs/{client.run()['id']}/retry")
    assert answer.status_code == 409 and answer.json()["code"] == "job_not_final"


def test_an_error_that_may_pass_is_tried_again_until_it_does(client: Client) -> None:
    job = client.run({"model": "openai/fail-500-once", "messages": HELLO})
    assert job["status"] == "succeeded" and job["attempt"] == 2
    types = [event["type"] for event in client.events(job["id"])]
    assert types == ["job.queued", "job.started", "job.retrying", "job.started", "job.succeeded"]


def test_a_job_that_used_up_its_attempts_is_a_dead_letter(client: Client) -> None:
    # A model of its own: others' failures would have opened the circuit breaker of a shared one.
    messages = [{"role": "user", "content": "script:fail-500"}]
    job = client.run({"model": f"openai/{uuid4().hex}", "messages": messages}, max_attempts=2)
    assert job["status"] == "failed" and job["dead_letter"] and job["attempt"] == 2
    assert job["error"]["code"] == "provider_unavailable" and job["error"]["retryable"]


def test_a_job_past_its_deadline_expires(client: Client) -> None:
    job = client.run({"model": "openai/hang", "messages": HELLO}, deadline_s=1)
    assert job["status"] == "expired"


def test_a_scheduled_job_runs_when_its_time_has_come(client: Client) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    job = client.submit(run_at=soon)
    assert job["status"] == "scheduled" and job["run_at"].startswith(soon[:-1])
    final = client.wait(job["id"])
    assert final["status"] == "succeeded" and final["started_at"] >= final["run_at"]


def test_a_large_result_is_stored_apart_and_read_whole(client: Client) -> None:
    texts = [f"text number {number}" for number in range(60)]
    job = client.submit({"model": "openai/embed-large", "input": texts}, kind="embedding")
    final = client.wait(job["id"])
    assert final["status"] == "succeeded", final["error"]
    assert len(final["result"]["embeddings"]) == 60
    listed = client.http.get("/v1/jobs", params={"kind": "embedding", "limit": 1}).json()["data"][0]
    assert listed["id"] == job["id"]


def test_the_figures_count_by_kind_and_status(client: Client) -> None:
    client.run()
    stats = client.http.get("/v1/jobs/stats").json()
    counts = {(row["kind"], row["status"]): row["count"] for row in stats["counts"]}
    assert counts["completion", "succeeded"] >= 1 and stats["finished_last_hour"] >= 1
    assert 0 <= stats["wait_seconds"]["p50"] <= stats["wait_seconds"]["p95"]


def test_a_job_that_is_not_done_says_what_it_waits_for_and_a_final_one_does_not(client: Client) -> None:
    later = client.submit(run_at="2999-01-01T00:00:00Z")
    running = client.submit({"model": "openai/hang", "messages": HELLO})
    for event in client.events(running["id"]):
        if event["type"] == "job.started":
            break
    assert client.http.get(f"/v1/jobs/{later['id']}").json()["waiting_for"].startswith("schedule until 2999-01-01")
    seen = client.wait(running["id"], 0.1)
    assert seen["waiting_for"] == "provider" and "openai/hang" in seen["waiting_detail"]
    listed = client.http.get("/v1/jobs", params={"limit": 1}).json()["data"][0]
    assert (listed["id"], listed["waiting_for"]) == (running["id"], "provider")
    client.http.post(f"/v1/jobs/{later['id']}/cancel")
    assert client.http.post(f"/v1/jobs/{running['id']}/cancel").json()["waiting_for"] == "cancelling"
    final = client.wait(running["id"])
    assert final["status"] == "cancelled" and final["waiting_for"] is None and final["waiting_detail"] is None


def test_the_figures_show_each_queue_and_who_works_on_it(client: Client) -> None:
    later = client.submit(run_at="2999-01-01T00:00:00Z")
    queues = {queue["queue"]: queue for queue in client.http.get("/v1/jobs/stats").json()["queues"]}
    assert queues["completions"]["workers"] == 1 and queues["completions"]["scheduled"] >= 1
    client.http.post(f"/v1/jobs/{later['id']}/cancel")


@pytest.mark.parametrize("since", ["2001-01-01T00:00:00Z", "yesterday"])
def test_figures_reach_back_no_further_than_a_month(client: Client, since: str) -> None:
    answer = client.http.get("/v1/jobs/stats", params={"since": since})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/since"
