"""Webhook deliveries over HTTP: listed, shown, sent again one by one, and replayed by time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from standardwebhooks import Webhook

from infra.clock import rfc3339
from infra.dev.system import System
from infra.ids import lowest_id_at, parse, show
from tests.client import Client
from tests.conftest import another_project
from tests.fakes.receiver import Receiver

Json = dict[str, Any]
ENDPOINTS = "/v1/webhook_endpoints"
DELIVERIES = "/v1/webhook_deliveries"
# Nobody listens there, so nothing is ever delivered.
NOWHERE = "http://127.0.0.1:9/hook"
NOBODY = "wd_" + "0" * 32
NOON = datetime.now(UTC) - timedelta(days=3)
ATTEMPT = '{"at": "2026-01-01T00:00:00.000000Z", "milliseconds": 7, "status": 503, "error": "No.", "body": "busy"}'

# `many` events of one job each, a minute apart; their deliveries have the ids that they would get.
EVENTS = """
INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
SELECT gen_random_uuid(), 1,
  CAST(left(%(first)s, 24) || left(md5(%(type)s || n), 12) AS uuid), %(project)s, %(type)s, '{"status": "x"}',
  CAST(%(at)s AS timestamptz) + make_interval(secs => n * %(apart)s)
FROM generate_series(1, %(many)s) AS n
"""
THEIR_DELIVERIES = """
INSERT INTO webhook_deliveries (id, project_id, endpoint_id, subject_id, event_sequence, event_id, event_type, status,
  attempt, attempts, next_attempt_at, finished_at, created_at)
SELECT CAST(left(CAST(x.id AS text), 20) || left(md5(CAST(x.id AS text) || CAST(w.id AS text)), 3) || '-'
    || substr(md5(CAST(x.id AS text) || CAST(w.id AS text)), 4, 12) AS uuid),
  x.project_id, w.id, x.job_id, x.sequence, x.id, x.type, %(status)s, 8, jsonb_build_array(CAST(%(attempt)s AS jsonb)),
  NULL, now(), x.created_at
FROM job_events x JOIN webhook_endpoints w ON w.id = %(endpoint)s AND w.project_id = x.project_id
WHERE x.type = %(type)s
"""


CLAIMED = """
UPDATE webhook_deliveries SET status = 'pending', finished_at = NULL, attempt = %(attempt)s,
  attempts = %(attempts)s, next_attempt_at = now() + make_interval(secs => %(seconds)s) WHERE id = %(id)s
"""


def sql(system: System, statement: str, **parameters: Any) -> list[Any]:
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def uuid(text: str) -> str:
    return str(parse(text.partition("_")[0], text))


class Past:
    """A project of its own, with an endpoint that wants `job.*` and `batch.completed`, and a past that tests write."""

    def __init__(self, client: Client, system: System) -> None:
        self.client, self.system = client, system
        body = {"url": NOWHERE, "event_types": ["job.*", "batch.completed"]}
        self.endpoint: Json = client.http.post(ENDPOINTS, json=body).json()
        self.project = uuid(self.endpoint["project_id"])

    def events(self, type: str, many: int = 1, *, at: datetime = NOON, apart: float = 0.0) -> None:
        """Events that the endpoint had no delivery for."""
        what = {"type": type, "many": many, "at": at, "apart": apart, "first": str(lowest_id_at(at))}
        sql(self.system, EVENTS, project=self.project, **what)

    def deliveries(self, type: str, status: str, many: int = 1, **more: Any) -> None:
        """Events with deliveries that ended so."""
        self.events(type, many, **more)
        what = {"endpoint": uuid(self.endpoint["id"]), "type": type, "status": status, "attempt": ATTEMPT}
        sql(self.system, THEIR_DELIVERIES, **what)

    def list(self, **query: Any) -> list[Json]:
        """The endpoint's deliveries."""
        answer = self.client.http.get(f"{ENDPOINTS}/{self.endpoint['id']}/deliveries", params={"limit": 100, **query})
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["data"]
        return found

    def until_delivered(self, delivery_id: str) -> Json:
        """The delivery, as soon as its receiver has it."""
        deadline = time.monotonic() + 30
        while True:
            found: Json = self.client.http.get(f"{DELIVERIES}/{delivery_id}").json()
            if found["status"] == "delivered":
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)

    def replay(self, **wanted: Any) -> Any:
        """The answer."""
        body = {"since": (NOON - timedelta(hours=1)).isoformat(), **wanted}
        return self.client.http.post(f"{ENDPOINTS}/{self.endpoint['id']}/replay", json=body)

    def replayed(self, **wanted: Any) -> int:
        """How many went out again."""
        answer = self.replay(**wanted)
        assert answer.status_code == 202, answer.text
        assert answer.json()["object"] == "webhook_replay"
        return int(answer.json()["deliveries"])


@pytest.fixture
def past(system: System) -> Iterator[Past]:
    """A project in which nothing has happened yet."""
    with Client(system.url, another_project(system)) as client:
        yield Past(client, system)


def types(found: list[Json]) -> list[str]:
    return [one["event_type"] for one in found]


def test_an_event_that_an_endpoint_wants_is_listed_with_its_delivery(past: Past) -> None:
    job = past.client.run()
    found = past.list(order="asc")
    assert types(found) == ["job.queued", "job.started", "job.succeeded"]
    assert {one["object_id"] for one in found} == {job["id"]} and [one["sequence"] for one in found] == [1, 2, 3]
    assert {one["status"] for one in found} == {"pending"} and {one["url"] for one in found} == {None}
    assert all(one["object"] == "webhook_delivery" and one["next_attempt_at"] for one in found)
    events = past.client.http.get(f"/v1/jobs/{job['id']}/events").json()["data"]
    for one, event in zip(found, events, strict=True):
        shown = past.client.http.get(f"{DELIVERIES}/{one['id']}").json()
        assert shown["event"] == event and one["event_id"] == event["id"]


def test_a_delivery_shows_its_attempts_and_an_event_that_is_gone_is_null(past: Past) -> None:
    past.deliveries("batch.completed", "failed")
    [listed] = past.list()
    shown = past.client.http.get(f"{DELIVERIES}/{listed['id']}").json()
    assert {**listed, "attempts": [listed["last_attempt"]], "event": shown["event"]} == shown
    assert shown["attempts"][0]["status"] == 503 and shown["attempts"][0]["body"] == "busy"
    assert (shown["status"], shown["attempt"], shown["next_attempt_at"]) == ("failed", 8, None)
    assert shown["object_id"].startswith("batch_") and shown["event"]["type"] == "batch.completed"
    sql(past.system, "DELETE FROM job_events WHERE project_id = %(project)s", project=past.project)
    assert past.client.http.get(f"{DELIVERIES}/{listed['id']}").json()["event"] is None
    refused = past.client.http.post(f"{DELIVERIES}/{listed['id']}/redeliver")
    assert refused.status_code == 409 and "not kept" in refused.json()["detail"]


def test_deliveries_are_filtered_by_status_type_time_and_endpoint(past: Past) -> None:
    past.deliveries("job.failed", "failed", 3, apart=60)
    past.deliveries("job.succeeded", "delivered", 2, at=NOON + timedelta(hours=1))
    other = past.client.http.post(ENDPOINTS, json={"url": NOWHERE, "event_types": ["*"]}).json()
    assert types(past.list()) == ["job.succeeded"] * 2 + ["job.failed"] * 3
    assert types(past.list(status="failed")) == types(past.list(event_type="job.failed")) == ["job.failed"] * 3
    second = (NOON + timedelta(seconds=120)).isoformat()
    assert len(past.list(created_after=second)) == 4 and len(past.list(created_before=second)) == 1
    assert past.list(status="pending") == []
    first = past.list()[0]
    assert past.list(object_id=first["object_id"]) == [first]
    whole = past.client.http.get(DELIVERIES, params={"endpoint_id": past.endpoint["id"], "status": "delivered"})
    assert types(whole.json()["data"]) == ["job.succeeded"] * 2
    assert past.client.http.get(DELIVERIES, params={"endpoint_id": other["id"]}).json()["data"] == []
    page = past.client.http.get(DELIVERIES, params={"limit": 2}).json()
    rest = past.client.http.get(DELIVERIES, params={"after": page["last_id"]}).json()["data"]
    assert page["has_more"] and types(page["data"] + rest) == ["job.succeeded"] * 2 + ["job.failed"] * 3


@pytest.mark.parametrize(
    "query",
    [
        {"status": "lost"},
        {"created_after": "yesterday"},
        {"endpoint_id": "we_1"},
        {"object_id": NOBODY},
        {"surprise": "1"},
        {"limit": "0"},
    ],
)
def test_a_filter_that_means_nothing_is_refused(client: Client, query: Json) -> None:
    answer = client.http.get(DELIVERIES, params=query)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_at_the_edge_of_the_calendar_is_a_time(past: Past, time: str) -> None:
    past.deliveries("job.failed", "failed")
    found = past.list(created_after=time) + past.list(created_before=time)
    assert types(found) == ["job.failed"]


def test_another_projects_delivery_does_not_exist(past: Past, stranger: Client) -> None:
    past.deliveries("job.failed", "failed")
    [found] = past.list()
    for name in (found["id"], NOBODY):
        assert stranger.http.get(f"{DELIVERIES}/{name}").status_code == 404
        assert stranger.http.post(f"{DELIVERIES}/{name}/redeliver").status_code == 404
    assert stranger.http.get(DELIVERIES, params={"endpoint_id": past.endpoint["id"]}).json()["data"] == []


@pytest.mark.parametrize("status", ["failed", "delivered"])
def test_a_delivery_is_sent_again_in_a_fresh_round(past: Past, status: str) -> None:
    past.deliveries("job.failed", status)
    [found] = past.list()
    answer = past.client.http.post(f"{DELIVERIES}/{found['id']}/redeliver")
    again = answer.json()
    assert answer.status_code == 202 and answer.headers["Location"] == f"{DELIVERIES}/{found['id']}"
    assert (again["status"], again["attempt"], again["finished_at"]) == ("pending", 0, None)
    assert datetime.fromisoformat(again["next_attempt_at"]) <= datetime.now(UTC)
    assert again["last_attempt"] == found["last_attempt"] and again["id"] == found["id"]


def test_what_goes_out_again_arrives_as_it_was_and_is_signed_with_both_secrets(past: Past) -> None:
    address = f"{ENDPOINTS}/{past.endpoint['id']}"
    with Receiver() as receiver:
        moved = past.client.http.patch(address, json={"url": receiver.url(), "headers": {"X-Team": "a"}})
        assert moved.status_code == 200
        new = past.client.http.post(f"{address}/rotate_secret").json()["secret"]
        first = past.client.http.post(f"{address}/test").json()
        sent = past.until_delivered(first["id"])
        past.client.http.post(f"{DELIVERIES}/{first['id']}/redeliver")
        again = past.until_delivered(first["id"])
        past.deliveries("job.failed", "failed")
        assert past.replayed() == 1
        past.until_delivered(past.list(event_type="job.failed")[0]["id"])
        one, same, other = receiver.requests
    assert one.body == same.body and one.headers["webhook-id"] == same.headers["webhook-id"] == sent["event_id"]
    assert [len(found["attempts"]) for found in (sent, again)] == [1, 2] and again["attempts"][1]["status"] == 204
    assert one.headers["x-team"] == "a" and other.event["type"] == "job.failed"
    for secret in (past.endpoint["secret"], new):
        for request in (one, same, other):
            assert Webhook(secret).verify(request.body, request.headers) == request.event


def test_a_delivery_is_not_sent_again_while_its_endpoint_is_disabled_or_gone(past: Past) -> None:
    past.deliveries("job.failed", "failed")
    [found] = past.list()
    address = f"{ENDPOINTS}/{past.endpoint['id']}"
    past.client.http.patch(address, json={"disabled": True})
    disabled = past.client.http.post(f"{DELIVERIES}/{found['id']}/redeliver")
    assert disabled.status_code == 409 and "enable it first" in disabled.json()["detail"]
    assert past.replay().status_code == 409
    past.client.http.delete(address)
    deleted = past.client.http.post(f"{DELIVERIES}/{found['id']}/redeliver")
    assert deleted.status_code == 409 and "deleted" in deleted.json()["detail"]
    assert past.client.http.get(f"{DELIVERIES}/{found['id']}").json()["status"] == "failed"


def test_a_replay_sends_again_what_failed_in_that_time(past: Past) -> None:
    past.deliveries("job.failed", "failed", 3, apart=60)
    past.deliveries("job.succeeded", "delivered", 2)
    past.deliveries("batch.completed", "failed", 1)
    past.events("job.expired")
    assert past.replayed(since=(NOON + timedelta(minutes=2)).isoformat()) == 2
    assert len(past.list(status="pending")) == 2 and len(past.list(status="failed")) == 2
    assert past.replayed(until=(NOON + timedelta(minutes=2)).isoformat(), event_types=["job.*"]) == 1
    assert types(past.list(status="failed")) == ["batch.completed"]
    assert past.replayed() == 1 and past.replayed() == 0
    assert types(past.list(status="delivered")) == ["job.succeeded"] * 2


def test_a_replay_of_what_is_missing_sends_what_the_endpoint_never_had(past: Past) -> None:
    past.deliveries("job.failed", "failed")
    past.deliveries("job.succeeded", "delivered")
    past.events("job.expired", 2)
    past.events("job.queued", at=NOON - timedelta(hours=2))
    past.events("batch.failed")
    past.events("webhook.test")
    assert past.replayed(only="missing") == 2
    assert types(past.list(status="pending")) == ["job.expired"] * 2
    assert past.replayed(only="missing") == 0
    # Nobody's events but the project's own, and each once.
    assert len(past.list()) == 4


def test_a_replay_of_all_sends_everything_again_that_is_not_on_its_way(past: Past) -> None:
    past.deliveries("job.failed", "failed")
    past.deliveries("job.succeeded", "delivered", 2)
    past.events("job.expired", 2)
    assert past.replayed(only="all", event_types=["job.succeeded", "job.failed"]) == 3
    assert past.replayed(only="all") == 2
    assert {one["status"] for one in past.list()} == {"pending"} and len(past.list()) == 5


@pytest.mark.parametrize("only", ["failed", "missing", "all"])
def test_a_replay_until_the_end_of_the_calendar_is_one_until_now(past: Past, only: str) -> None:
    past.deliveries("job.failed", "failed")
    past.events("job.expired")
    assert past.replayed(only=only, until="9999-12-31T23:59:59Z") == {"failed": 1, "missing": 1, "all": 2}[only]


def test_what_a_sender_has_at_this_moment_is_not_sent_again(past: Past) -> None:
    past.deliveries("job.failed", "failed")
    [found] = past.list()
    address = f"{DELIVERIES}/{found['id']}/redeliver"
    first = "at_the_first_attempt", {"attempt": 1, "attempts": "[]", "seconds": 4}
    later = "at_a_later_one", {"attempt": 3, "attempts": f"[{ATTEMPT}]", "seconds": 4}
    for name, state in (first, later):
        sql(past.system, CLAIMED, id=uuid(found["id"]), **state)
        refused = past.client.http.post(address)
        assert refused.status_code == 409 and "being attempted now" in refused.json()["detail"], name
    kept = past.client.http.get(f"{DELIVERIES}/{found['id']}").json()
    assert kept["attempt"] == 3


def test_what_waits_for_its_next_attempt_is_sent_again_at_once(past: Past) -> None:
    past.deliveries("job.failed", "failed")
    [found] = past.list()
    just_now = ATTEMPT.replace("2026-01-01T00:00:00.000000Z", rfc3339(datetime.now(UTC)))
    soon = {"attempt": 1, "attempts": f"[{just_now}]", "seconds": 2}
    late = {"attempt": 5, "attempts": f"[{ATTEMPT}]", "seconds": 3000}
    for state in (soon, late):
        sql(past.system, CLAIMED, id=uuid(found["id"]), **state)
        again = past.client.http.post(f"{DELIVERIES}/{found['id']}/redeliver")
        assert again.status_code == 202 and again.json()["attempt"] == 0, again.text


def test_what_happened_while_an_endpoint_was_disabled_is_missing(past: Past) -> None:
    address = f"{ENDPOINTS}/{past.endpoint['id']}"
    past.client.http.patch(address, json={"disabled": True})
    job = past.client.run()
    past.client.http.patch(address, json={"disabled": False})
    assert past.list() == []
    assert past.replayed(only="missing") == 3
    assert [one["object_id"] for one in past.list()] == [job["id"]] * 3


def test_more_than_ten_thousand_at_once_are_refused_with_nothing_written(past: Past) -> None:
    past.deliveries("job.failed", "failed", 10_001, apart=0.01)
    for only in ("failed", "all"):
        answer = past.replay(only=only)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "replay_too_large")
        assert "shorter time" in problem["detail"] and problem["errors"][0]["pointer"] == "/since"
    assert past.list(status="pending") == []
    assert past.replayed(since=(NOON + timedelta(seconds=0.02)).isoformat()) == 10_000


def test_a_replay_that_would_have_to_read_too_much_is_refused(past: Past) -> None:
    past.events("job.progress", 100_001)
    answer = past.replay(only="missing", event_types=["job.failed"])
    assert answer.status_code == 422 and "100,000" in answer.json()["detail"]
    assert past.list() == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"since": (NOON - timedelta(days=12)).isoformat()}, "/since"),
        ({"since": "2999-01-01T00:00:00Z"}, "/since"),
        ({"until": (NOON - timedelta(days=1)).isoformat()}, "/since"),
        ({"since": None}, "/since"),
        ({"since": "2026-01-01T00:00:00"}, "/since"),
        ({"only": "some"}, "/only"),
        ({"event_types": []}, "/event_types"),
        ({"event_types": ["job.sucseeded"]}, "/event_types/0"),
    ],
)
def test_a_replay_of_no_time_or_no_events_is_refused(past: Past, body: Json, pointer: str) -> None:
    answer = past.replay(**body)
    assert answer.status_code == 422, answer.text
    assert pointer in [one["pointer"] for one in answer.json()["errors"]]


def test_the_subject_is_named_as_elsewhere(past: Past) -> None:
    past.deliveries("job.failed", "failed")
    [(subject,)] = sql(
        past.system, "SELECT subject_id FROM webhook_deliveries WHERE project_id = %(p)s", p=past.project
    )
    assert past.list()[0]["object_id"] == show("job", UUID(str(subject)))
