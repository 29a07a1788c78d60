"""What a delivery says: thin, full, and of private jobs nothing more than their events."""

from tests.client import HELLO
from tests.fakes.receiver import Receiver
from tests.workers.webhooks.conftest import Desk, Webhooks, sending, soon

SECRET = "the launch is on friday"


def test_thin_is_the_event_and_full_has_the_job_as_its_address_shows_it(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.endpoint("/thin")
    webhooks.endpoint("/full", payload="full")
    job = webhooks.client.run(metadata={"order": "7"})
    thin = soon(lambda: receiver.at("/thin"))[0].event
    full = soon(lambda: receiver.at("/full"))[0].event
    assert full.pop("object") == job == webhooks.client.http.get(f"/v1/jobs/{job['id']}").json()
    assert thin == full == next(one for one in webhooks.client.events(job["id"]) if one["type"] == "job.succeeded")
    assert thin["data"]["job_id"] == job["id"] and job["result"]


def test_full_says_of_a_waiting_job_what_it_waits_for(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.endpoint("/waiting", payload="full", event_types=["job.scheduled"])
    job = webhooks.client.submit(run_at="2999-01-01T00:00:00Z")
    got = soon(lambda: receiver.at("/waiting"))[0].event
    shown = webhooks.client.http.get(f"/v1/jobs/{job['id']}").json()
    assert got["object"] == shown and shown["waiting_for"].startswith("schedule until 2999-01-01")


def test_full_has_the_batch(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.endpoint("/batch", payload="full", event_types=["batch.completed"])
    lines = [{"input": {"model": "sandbox/instant", "messages": HELLO}}] * 2
    batch = webhooks.client.http.post("/v1/batches", json={"kind": "completion", "jobs": lines}).json()
    got = soon(lambda: receiver.at("/batch"))[0].event
    assert got["object"] == webhooks.client.http.get(f"/v1/batches/{batch['id']}").json()
    assert got["object"]["counts"]["succeeded"] == 2


def test_nothing_of_a_private_job_goes_out(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.endpoint("/private", payload="full", event_types=["job.*"])
    for store in ("none", "hashes"):
        payload = {"model": "sandbox/instant", "messages": [{"role": "user", "content": SECRET}]}
        job = webhooks.client.submit(payload, store=store)["id"]
        webhooks.client.wait(job)
    soon(lambda: len(receiver.at("/private")) == 6)
    got = receiver.at("/private")
    assert all(SECRET.encode() not in one.body for one in got)
    assert all(one.event["object"]["result"] is None for one in got)
    by_store = {one.event["object"]["store"]: one.event["object"]["input"] for one in got}
    assert by_store["none"] is None and set(by_store["hashes"]) == {"sha256", "bytes"}


def test_a_result_that_is_in_a_file_is_left_to_its_address(webhooks: Webhooks, receiver: Receiver) -> None:
    webhooks.endpoint("/large", payload="full")
    long = {"model": "openai/echo", "messages": [{"role": "user", "content": "x" * 300_000}]}
    job = webhooks.client.run(long)
    got = soon(lambda: receiver.at("/large"))[0].event
    assert got["object"]["result"] is None and job["result"]
    assert got["object"]["status"] == "succeeded"


def test_full_fails_with_the_reason_when_the_job_is_gone(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url("/deleted"), payload="full")
    # Their events are there, and no job is.
    desk.deliveries(endpoint, 2)
    with sending():
        soon(lambda: desk.counts(endpoint) == {"failed": 2})
    rows = desk.sql("SELECT attempts -> 0 ->> 'error' FROM webhook_deliveries")
    assert {error for (error,) in rows} == {"What the event is about is not kept any more."}
    assert desk.sql("SELECT failing_since FROM webhook_endpoints") == [(None,)]
