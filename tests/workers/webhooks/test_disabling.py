"""When nothing more is sent to an endpoint, and who hears of it."""

from datetime import timedelta

from infra.clock import now
from tests.fakes.receiver import Receiver, Reply
from tests.workers.webhooks.conftest import Desk, Webhooks, sending, soon, uuid
from workers.webhooks.disabling import public_url


def test_410_disables_at_once_and_the_other_endpoints_hear_of_it(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.script("/gone", Reply(410, b"moved away"))
    gone = webhooks.endpoint("/gone", event_types=["*"])
    other = webhooks.endpoint("/other", event_types=["webhook_endpoint.*"])
    webhooks.client.submit(run_at="2999-01-01T00:00:00Z")
    delivery = webhooks.ended(gone)
    assert delivery["status"] == "failed" and len(delivery["attempts"]) == 1
    shown = webhooks.shown(gone)
    assert shown["disabled"] and shown["disabled_reason"] == "gone"
    event = soon(lambda: receiver.at("/other"))[0].event
    assert event["type"] == "webhook_endpoint.disabled" and event["sequence"] == 1
    assert event["data"] == {
        "webhook_endpoint_id": gone["id"],
        "url": gone["url"],
        "reason": "gone",
        "failing_since": delivery["attempts"][0]["at"],
        "last_error": "The receiver answered 410: it wants no more deliveries.",
    }
    assert webhooks.ended(other)["status"] == "delivered"
    # It hears of nothing any more, its own end included.
    assert len(webhooks.deliveries(gone)) == len(receiver.at("/gone")) == 1


def test_five_days_of_nothing_but_failures_disable(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.script("/down", Reply(500))
    down = webhooks.endpoint("/down")
    webhooks.endpoint("/told", event_types=["webhook_endpoint.disabled"])
    since = now() - timedelta(days=4, hours=23)
    webhooks.sql("UPDATE webhook_endpoints SET failing_since = %s WHERE id = %s", since, uuid(down["id"]))
    webhooks.client.run()
    delivery = webhooks.tried(down)
    assert not webhooks.shown(down)["disabled"]
    since -= timedelta(hours=2)
    webhooks.sql("UPDATE webhook_endpoints SET failing_since = %s WHERE id = %s", since, uuid(down["id"]))
    webhooks.hurry(delivery)
    soon(lambda: webhooks.shown(down)["disabled_reason"] == "failing")
    assert soon(lambda: receiver.at("/told"))[0].event["data"]["reason"] == "failing"
    # Its pending delivery stays, and goes out when it is enabled again.
    assert webhooks.deliveries(down)[0]["status"] == "pending"
    receiver.script("/down", Reply(204))
    webhooks.hurry(delivery)
    webhooks.client.http.patch(f"/v1/webhook_endpoints/{down['id']}", json={"disabled": False})
    assert webhooks.ended(down)["status"] == "delivered"


def test_one_success_in_five_days_keeps_an_endpoint(webhooks: Webhooks, receiver: Receiver) -> None:
    receiver.script("/flaky", Reply(204), Reply(500))
    flaky = webhooks.endpoint("/flaky", rate_per_second=1)
    since = now() - timedelta(days=6)
    webhooks.sql("UPDATE webhook_endpoints SET failing_since = %s WHERE id = %s", since, uuid(flaky["id"]))
    webhooks.client.run()
    webhooks.ended(flaky)
    webhooks.client.run()
    soon(lambda: webhooks.shown(flaky)["failing_since"])
    assert not webhooks.shown(flaky)["disabled"]


def test_a_disabled_endpoint_gets_nothing(desk: Desk, receiver: Receiver) -> None:
    off, on = desk.endpoint(receiver.url("/off"), disabled_at=now()), desk.endpoint(receiver.url("/on"))
    desk.deliveries(off, ago=60)
    desk.deliveries(on)
    with sending():
        soon(lambda: desk.counts(on) == {"delivered": 1})
    assert desk.counts(off) == {"pending": 1} and not receiver.at("/off")


def test_the_callback_endpoint_is_never_disabled(desk: Desk, receiver: Receiver) -> None:
    callbacks = desk.endpoint(None, failing_since=now() - timedelta(days=9))
    for path, reply in (("/callback_gone", Reply(410)), ("/callback_broken", Reply(500))):
        desk.deliveries(callbacks, url=receiver.script(path, reply))
    with sending():
        soon(lambda: desk.counts(callbacks) == {"failed": 1, "pending": 1})
        soon(lambda: desk.sql("SELECT FROM webhook_deliveries WHERE attempts = '[]'") == [])
    assert desk.sql("SELECT disabled_at FROM webhook_endpoints") == [(None,)]


def test_the_event_of_it_has_no_token_of_the_receivers_address(desk: Desk, receiver: Receiver) -> None:
    desk.deliveries(desk.endpoint(receiver.script("/tokens", Reply(410)) + "?token=sesame"))
    with sending():
        told = "SELECT data ->> 'url' FROM job_events WHERE type = 'webhook_endpoint.disabled'"
        assert soon(lambda: desk.sql(told)) == [(receiver.url("/tokens"),)]
    assert public_url("https://me:word@a.example:8443/x?y=z#w") == "https://a.example:8443/x"


def test_a_secret_that_cannot_be_read_is_not_the_receivers_fault(desk: Desk, receiver: Receiver) -> None:
    endpoint = desk.endpoint(receiver.url("/unsigned"), failing_since=now() - timedelta(days=9))
    desk.sql("UPDATE webhook_endpoints SET secret = secret || '\\x00'")
    desk.deliveries(endpoint)
    with sending():
        found = soon(
            lambda: desk.sql("SELECT status, attempts -> 0 ->> 'error' FROM webhook_deliveries WHERE attempts <> '[]'")
        )
    assert found == [("pending", "A stored secret was changed, or belongs to another object.")]
    assert not receiver.at("/unsigned") and desk.sql("SELECT disabled_at FROM webhook_endpoints") == [(None,)]
