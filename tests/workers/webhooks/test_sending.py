"""What a receiver gets, and what follows from its answer: through the doors, with real jobs and a real receiver."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.fakes.receiver import CLOSE, DRIP, HANG, Receiver, Reply
from tests.workers.webhooks.conftest import Desk, Webhooks, sending, soon

Json = dict[str, Any]
SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 36000)


def seconds_until(moment: str, since: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.fromisoformat(since)).total_seconds()


def test_a_delivery_is_verified_by_the_public_library(webhooks: Webhooks, receiver: Receiver) -> None:
    endpoint = webhooks.endpoint("/signed", headers={"Authorization": "Bearer mine"})
    job = webhooks.client.run()
    assert webhooks.ended(endpoint)["status"] == "delivered"
    (got,) = receiver.at("/signed")
    event = Webhook(endpoint["secret"]).verify(got.body, got.headers)
    assert event == got.event == next(e for e in webhooks.client.events(job["id"]) if e["type"] == "job.succeeded")
    assert got.headers["webhook-id"] == event["id"]
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("Switchyard/")
    assert got.headers["authorization"] == "Bearer mine"


def test_every_event_arrives_once_while_nothing_fails(webhooks: Webhooks, receiver: Receiver) -> None:
    endpoint = webhooks.endpoint("/once", event_types=["job.*"], rate_per_second=1000)
    jobs = [webhooks.client.submit()["id"] for _ in range(20)]
    for job in jobs:
        webhooks.client.wait(job)
    soon(lambda: len(receiver.at("/once")) >= 60)
    soon(lambda: all(one["status"] == "delivered" for one in webhooks.deliveries(endpoint)))
    got = sorted(
        (one.event["data"]["job_id"], one.event["sequence"], one.event["type"]) for one in receiver.at("/once")
    )
    types = enumerate(("job.queued", "job.started", "job.succeeded"), start=1)
    assert got == sorted((job, number, type) for number, type in types for job in jobs)


def test_a_failure_is_tried_again_by_the_schedule_until_it_is_delivered(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.script("/retried", Reply(500, b"out of \0 order \xff"), Reply(204))
    endpoint = webhooks.endpoint("/retried")
    webhooks.client.run()
    first = webhooks.tried(endpoint)
    (entry,) = first["attempts"]
    assert first["status"] == "pending" and first["attempt"] == 1
    assert (entry["status"], entry["error"]) == (500, "The receiver answered 500.")
    assert entry["body"] == "out of  order �" and entry["milliseconds"] >= 0
    assert 3.9 < seconds_until(first["next_attempt_at"], entry["at"]) < 7
    assert webhooks.shown(endpoint)["failing_since"] == entry["at"]
    webhooks.hurry(first)
    last = webhooks.ended(endpoint)
    assert last["status"] == "delivered" and [one["status"] for one in last["attempts"]] == [500, 204]
    assert last["attempts"][1]["error"] is None
    assert webhooks.shown(endpoint)["failing_since"] is None
    one, other = receiver.at("/retried")
    assert one.body == other.body and one.headers["webhook-id"] == other.headers["webhook-id"]


def test_the_eighth_failure_is_the_last_and_is_seen_as_failed(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.script("/broken", Reply(503))
    endpoint = webhooks.endpoint("/broken")
    webhooks.client.run()
    for number, wait in enumerate(SCHEDULE, start=1):
        delivery = webhooks.tried(endpoint, number)
        assert (
            0.79 * wait < seconds_until(delivery["next_attempt_at"], delivery["attempts"][-1]["at"]) < 1.21 * wait + 2
        )
        webhooks.hurry(delivery)
    assert webhooks.ended(endpoint)["status"] == "failed"
    params = {"status": "failed", "endpoint_id": endpoint["id"]}
    (listed,) = webhooks.client.http.get("/v1/webhook_deliveries", params=params).json()["data"]
    assert listed["attempt"] == 8 and listed["last_attempt"]["status"] == 503 and listed["next_attempt_at"] is None
    assert len(receiver.at("/broken")) == 8


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [("120", 120, 126), ("date", 110, 126), ("999999", 86_400, 86_406), ("soon", 4, 7), ("-7", 4, 7), ("1", 4, 7)],
)
def test_retry_after_lengthens_the_wait(
    webhooks: Webhooks, receiver: Receiver, value: str, least: int, most: int
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    receiver.script("/later", Reply(429, headers={"Retry-After": date if value == "date" else value}))
    endpoint = webhooks.endpoint("/later")
    webhooks.client.run()
    delivery = webhooks.tried(endpoint)
    assert least - 1 <= seconds_until(delivery["next_attempt_at"], delivery["attempts"][0]["at"]) <= most


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        (HANG, None, "did not answer within 2 s"),
        (DRIP, None, "did not answer within 2 s"),
        (CLOSE, None, "closed the connection"),
        (Reply(307, headers={"Location": "/elsewhere"}), 307, "a redirect, which is not followed"),
        (Reply(400, b"x" * 10_000_000), 400, "answered 400"),
    ],
    ids=["hang", "drip", "close", "redirect", "big"],
)
def test_a_receiver_that_does_not_take_it_is_a_failure_with_a_reason(
    webhooks: Webhooks, receiver: Receiver, script: Reply, status: int | None, words: str
) -> None:
    receiver.script("/bad", script)
    endpoint = webhooks.endpoint("/bad")
    webhooks.client.run()
    delivery = webhooks.tried(endpoint)
    (entry,) = delivery["attempts"]
    assert delivery["status"] == "pending" and entry["status"] == status and words in entry["error"]
    assert len(entry["body"] or "") <= 1024
    assert not receiver.at("/elsewhere")


def test_a_long_answer_that_accepts_is_success(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.script("/talkative", Reply(200, b"y" * 10_000_000))
    endpoint = webhooks.endpoint("/talkative")
    webhooks.client.run()
    delivery = webhooks.ended(endpoint)
    assert delivery["status"] == "delivered" and delivery["attempts"][0]["body"] == "y" * 1024


def test_both_secrets_sign_while_one_replaces_the_other(webhooks: Webhooks, receiver: Receiver) -> None:
    endpoint = webhooks.endpoint("/rotated")
    answer = webhooks.client.http.post(f"/v1/webhook_endpoints/{endpoint['id']}/rotate_secret", json={})
    assert answer.status_code == 200, answer.text
    webhooks.client.run()
    assert webhooks.ended(endpoint)["status"] == "delivered"
    (got,) = receiver.at("/rotated")
    assert len(got.headers["webhook-signature"].split()) == 2
    for secret in (endpoint["secret"], answer.json()["secret"]):
        Webhook(secret).verify(got.body, got.headers)
    webhooks.sql("UPDATE webhook_endpoints SET old_secret_until = now() WHERE url = %s", endpoint["url"])
    webhooks.client.run()
    last = soon(lambda: receiver.at("/rotated")[1:])[0]
    assert len(last.headers["webhook-signature"].split()) == 1
    Webhook(answer.json()["secret"]).verify(last.body, last.headers)


def test_a_delivery_whose_sender_died_is_sent_again_when_its_lease_ends(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.script("/lease", Reply(204)))
    desk.deliveries(endpoint)
    # As a sender that was killed after its claim leaves it.
    desk.sql("UPDATE webhook_deliveries SET attempt = 1, next_attempt_at = now() + interval '1 second'")
    with sending():
        soon(lambda: desk.counts(endpoint) == {"delivered": 1})
    ((attempt, entries),) = desk.sql("SELECT attempt, jsonb_array_length(attempts) FROM webhook_deliveries")
    assert (attempt, entries, len(receiver.at("/lease"))) == (2, 1, 1)


def test_a_sender_that_ends_hands_back_what_has_no_answer_yet(desk: Desk, receiver: Receiver) -> None:
    fast, slow = desk.endpoint(receiver.url("/fast")), desk.endpoint(receiver.script("/slow", HANG, Reply(204)))
    with sending(0.2):
        desk.deliveries(slow)
        desk.deliveries(fast, 5)
        soon(lambda: receiver.at("/slow") and desk.counts(fast) == {"delivered": 5})
    ((status, attempt, entries, due),) = desk.sql(
        "SELECT status, attempt, attempts, next_attempt_at <= now() FROM webhook_deliveries WHERE endpoint_id = :id",
        id=slow,
    )
    assert (status, attempt, entries, due) == ("pending", 0, [], True)
    with sending():
        soon(lambda: desk.counts(slow) == {"delivered": 1})


def test_two_senders_send_nothing_twice(desk: Desk, receiver: Receiver) -> None:
    endpoints = [desk.endpoint(receiver.url(f"/shared{number}")) for number in range(4)]
    for endpoint in endpoints:
        desk.deliveries(endpoint, 50)
    with sending(), sending():
        soon(lambda: all(desk.counts(one) == {"delivered": 50} for one in endpoints))
    # Not all that came: the receiver is everybody's, and others' second attempts come seconds later.
    got = [one.headers["webhook-id"] for one in receiver.requests if one.path.startswith("/shared")]
    assert len(got) == len(set(got)) == 200


def test_a_delivery_of_an_event_that_is_gone_fails_with_the_reason(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url("/without_event"))
    desk.deliveries(endpoint)
    desk.sql("TRUNCATE job_events")
    with sending():
        soon(lambda: desk.counts(endpoint) == {"failed": 1})
    (((entry,),),) = desk.sql("SELECT attempts FROM webhook_deliveries")
    assert entry["error"] == "The event is not kept any more." and not receiver.at("/without_event")
