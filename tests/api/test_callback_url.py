"""`callback_url`: on jobs, batches, their lines, schedules and replays; its deliveries, and the one endpoint."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.dev.system import System
from tests.client import HELLO, Client
from tests.conftest import another_project
from tests.fakes.receiver import Receiver

Json = dict[str, Any]
# Nobody listens there, so nothing is ever delivered.
THERE = "http://127.0.0.1:9/done"
INPUT: Json = {"model": "sandbox/instant", "messages": HELLO}
REFUSED = ("http://169.254.169.254/", "http://[::ffff:10.0.0.1]/", "file:///etc/passwd", "example.com", "http://a b/")


@pytest.fixture
def fresh(system: System) -> Iterator[Client]:
    """A client of a project in which nothing has happened."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def deliveries(client: Client, count: int, **query: str) -> list[Json]:
    """The project's deliveries, oldest first, as soon as there are so many."""
    deadline = time.monotonic() + 30
    while True:
        found: list[Json] = client.http.get("/v1/webhook_deliveries", params={"order": "asc", **query}).json()["data"]
        if len(found) >= count:
            assert len(found) == count, found
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def endpoints(client: Client) -> list[Json]:
    found: list[Json] = client.http.get("/v1/webhook_endpoints").json()["data"]
    return found


def test_the_final_event_of_a_job_and_no_other_goes_to_its_callback_url(fresh: Client) -> None:
    job = fresh.run(callback_url=THERE)
    assert job["callback_url"] == THERE and job["status"] == "succeeded"
    other = fresh.run()
    assert other["callback_url"] is None
    [found] = deliveries(fresh, 1)
    assert (found["url"], found["event_type"], found["object_id"]) == (THERE, "job.succeeded", job["id"])
    [endpoint] = endpoints(fresh)
    assert endpoint["id"] == found["endpoint_id"] and endpoint["url"] is None
    secret = fresh.http.get(f"/v1/webhook_endpoints/{endpoint['id']}/secret").json()["secret"]
    prepared = fresh.http.post("/v1/webhook_endpoints/callback")
    assert prepared.status_code == 200 and prepared.json()["secret"] == secret


def test_a_receiver_verifies_a_callback_with_the_secret_it_was_prepared_with(fresh: Client) -> None:
    secret = fresh.http.post("/v1/webhook_endpoints/callback").json()["secret"]
    with Receiver() as receiver:
        job = fresh.run(callback_url=receiver.url("/done"))
        [found] = deliveries(fresh, 1, status="delivered")
        [request] = receiver.at("/done")
    event = Webhook(secret).verify(request.body, request.headers)
    assert (event["type"], event["data"]["job_id"]) == ("job.succeeded", job["id"])
    assert found["event_id"] == event["id"] == request.headers["webhook-id"]


def test_jobs_at_the_same_moment_make_one_endpoint(fresh: Client) -> None:
    def run(number: int) -> Json:
        return fresh.submit(callback_url=f"{THERE}/{number}")

    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(run, range(8)))
    assert len(endpoints(fresh)) == 1
    found = deliveries(fresh, 8)
    assert {one["object_id"]: one["url"] for one in found} == {one["id"]: one["callback_url"] for one in jobs}


def test_a_batch_calls_back_at_its_end_and_a_line_at_its_own(fresh: Client) -> None:
    lines = [{"kind": "completion", "input": INPUT}, {"kind": "completion", "input": INPUT, "callback_url": THERE}]
    answer = fresh.http.post("/v1/batches", json={"jobs": lines, "callback_url": f"{THERE}/batch"})
    batch = answer.json()
    assert answer.status_code == 202 and batch["callback_url"] == f"{THERE}/batch"
    found = {one["event_type"]: one for one in deliveries(fresh, 2)}
    assert found["batch.completed"]["url"] == f"{THERE}/batch"
    assert found["batch.completed"]["object_id"] == batch["id"] and found["job.succeeded"]["url"] == THERE
    assert fresh.http.get(f"/v1/batches/{batch['id']}").json()["callback_url"] == f"{THERE}/batch"


def test_an_upload_says_in_its_query_where_it_calls_back(fresh: Client) -> None:
    line = json.dumps({"kind": "completion", "input": INPUT}).encode()
    headers = {"Content-Type": "application/jsonl"}
    answer = fresh.http.post("/v1/batches", params={"callback_url": THERE}, content=line, headers=headers)
    assert answer.status_code == 202 and answer.json()["callback_url"] == THERE
    assert [one["event_type"] for one in deliveries(fresh, 1)] == ["batch.completed"]


def test_a_schedules_jobs_call_back_and_null_takes_that_back(fresh: Client) -> None:
    plan = {"name": "n", "cron": "@yearly", "kind": "completion", "input": INPUT, "callback_url": THERE}
    schedule = fresh.http.post("/v1/schedules", json=plan).json()
    assert schedule["callback_url"] == THERE
    address = f"/v1/schedules/{schedule['id']}"
    job = fresh.http.post(f"{address}/run").json()
    assert job["callback_url"] == THERE
    assert [one["object_id"] for one in deliveries(fresh, 1)] == [job["id"]]
    assert fresh.http.patch(address, json={"callback_url": None}).json()["callback_url"] is None
    assert fresh.http.post(f"{address}/run").json()["callback_url"] is None


def test_a_job_that_runs_again_calls_back_again_unless_told_otherwise(fresh: Client) -> None:
    job = fresh.run(callback_url=THERE)
    address = f"/v1/jobs/{job['id']}/replay"
    again = fresh.http.post(address).json()
    other = fresh.http.post(address, json={"callback_url": f"{THERE}/other"}).json()
    silent = fresh.http.post(address, json={"callback_url": None}).json()
    assert [one["callback_url"] for one in (again, other, silent)] == [THERE, f"{THERE}/other", None]
    for one in (again, other, silent):
        fresh.wait(one["id"])
    assert {one["object_id"] for one in deliveries(fresh, 3)} == {job["id"], again["id"], other["id"]}


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_called_is_refused_everywhere(fresh: Client, url: str) -> None:
    job: Json = {"kind": "completion", "input": INPUT, "callback_url": url}
    plan = {**job, "name": "n", "cron": "@yearly"}
    for answer in (
        fresh.http.post("/v1/jobs", json=job),
        fresh.http.post("/v1/jobs", json=job, params={"dry_run": "true"}),
        fresh.http.post("/v1/schedules", json=plan),
        fresh.http.post("/v1/batches", json={"jobs": [{"kind": "completion"}], "callback_url": url}),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "target_refused"), answer.text
        assert problem["errors"] == [{"pointer": "/callback_url", "detail": problem["detail"]}]
    assert endpoints(fresh) == []


def test_a_line_with_such_an_address_is_rejected_and_the_others_run(fresh: Client) -> None:
    lines = [{"kind": "completion", "input": INPUT, "callback_url": url} for url in (REFUSED[0], THERE)]
    batch = fresh.http.post("/v1/batches", json={"jobs": lines}).json()
    ended = fresh.http.get(f"/v1/batches/{batch['id']}", params={"wait": 30}).json()
    assert (ended["counts"]["rejected"], ended["counts"]["succeeded"]) == (1, 1)
    first = fresh.http.get(f"/v1/batches/{batch['id']}/results").text.splitlines()[0]
    assert json.loads(first)["error"]["code"] == "target_refused"


def test_a_dry_run_makes_no_endpoint(fresh: Client) -> None:
    body = {"kind": "completion", "input": INPUT, "callback_url": THERE}
    assert fresh.http.post("/v1/jobs", json=body, params={"dry_run": "true"}).status_code == 200
    assert endpoints(fresh) == []


def test_what_ended_while_the_callback_endpoint_was_disabled_is_missing(fresh: Client) -> None:
    endpoint = fresh.http.post("/v1/webhook_endpoints/callback").json()
    address = f"/v1/webhook_endpoints/{endpoint['id']}"
    fresh.http.patch(address, json={"disabled": True})
    job = fresh.run(callback_url=THERE)
    fresh.run()
    fresh.http.patch(address, json={"disabled": False})
    assert deliveries(fresh, 0) == []
    replayed = fresh.http.post(f"{address}/replay", json={"since": job["created_at"], "only": "missing"})
    assert replayed.status_code == 202 and replayed.json()["deliveries"] == 1
    [found] = deliveries(fresh, 1)
    assert (found["url"], found["object_id"], found["event_type"]) == (THERE, job["id"], "job.succeeded")
