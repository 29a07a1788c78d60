"""Webhook endpoints over HTTP: made, shown, changed, their secrets, test events, replays, and what is refused."""

import base64
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest

from infra.dev.system import System
from infra.ids import parse
from tests.client import Client
from tests.conftest import another_project

Json = dict[str, Any]
ENDPOINTS = "/v1/webhook_endpoints"
DELIVERIES = "/v1/webhook_deliveries"
# Nobody listens there, so nothing is ever delivered.
GOOD: Json = {"url": "http://127.0.0.1:9/hook", "event_types": ["job.succeeded"]}
NOBODY = "we_" + "0" * 32
A_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def owner(system: System) -> Iterator[Client]:
    """A client of a project that has no other endpoints."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture
def fresh(system: System) -> Iterator[Client]:
    """A client of a project in which nothing has happened."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def make(client: Client, **changed: Any) -> Json:
    answer = client.http.post(ENDPOINTS, json={**GOOD, **changed})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"{ENDPOINTS}/{found['id']}"
    return found


@pytest.fixture
def endpoint(owner: Client) -> Iterator[Json]:
    made = make(owner)
    yield made
    owner.http.delete(f"{ENDPOINTS}/{made['id']}")


def do(client: Client, verb: str, endpoint: Json, body: Json | None = None, *, status: int = 200) -> Json:
    answer = client.http.post(f"{ENDPOINTS}/{endpoint['id']}/{verb}", json=body or {})
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def change(client: Client, endpoint: Json, **changes: Any) -> Json:
    answer = client.http.patch(f"{ENDPOINTS}/{endpoint['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def secret_of(client: Client, endpoint: Json) -> str:
    answer = client.http.get(f"{ENDPOINTS}/{endpoint['id']}/secret")
    assert answer.status_code == 200 and answer.json()["object"] == "webhook_secret"
    return str(answer.json()["secret"])


def deliveries(client: Client, endpoint: Json, **query: Any) -> list[Json]:
    answer = client.http.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


def sql(system: System, statement: str, *parameters: Any) -> list[Any]:
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def uuid(text: str) -> str:
    found = parse(text.partition("_")[0], text)
    return str(found)


def refusal(answer: Any, pointer: str, code: str = "invalid_input", *, status: int = 422) -> str:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    details = [one["detail"] for one in body["errors"] if one["pointer"] == pointer]
    assert details, body["errors"]
    return str(details[0])


def test_an_endpoint_shows_everything_but_its_secret_and_the_values_of_its_headers(owner: Client) -> None:
    headers = {"X-Team": "a", "Authorization": "Bearer hidden"}
    more = {"description": "ours", "payload": "full", "rate_per_second": 50, "event_types": ["job.*", "batch.failed"]}
    made = make(owner, headers=headers, **more)
    assert made["object"] == "webhook_endpoint" and {**made, **more, "url": GOOD["url"]} == made
    assert made["header_names"] == ["Authorization", "X-Team"]
    assert (made["disabled"], made["disabled_reason"], made["failing_since"]) == (False, None, None)
    secret = made.pop("secret")
    assert secret.startswith("whsec_") and len(base64.b64decode(secret[6:])) == 32
    shown = owner.http.get(f"{ENDPOINTS}/{made['id']}")
    assert shown.json() == made and "hidden" not in shown.text
    assert secret_of(owner, made) == secret
    assert owner.http.delete(f"{ENDPOINTS}/{made['id']}").json() == made


def test_what_is_left_out_has_a_default_and_a_given_secret_is_kept(owner: Client) -> None:
    made = make(owner, secret=A_SECRET, disabled=True)
    assert (made["payload"], made["rate_per_second"], made["description"]) == ("thin", 10, None)
    assert made["header_names"] == [] and made["secret"] == A_SECRET == secret_of(owner, made)
    assert (made["disabled"], made["disabled_reason"]) == (True, "manual") and made["disabled_at"]
    owner.http.delete(f"{ENDPOINTS}/{made['id']}")


def test_secrets_and_headers_are_sealed_in_the_database(owner: Client, system: System) -> None:
    made = make(owner, headers={"Authorization": "Bearer hidden"})
    row = sql(system, "SELECT secret, headers FROM webhook_endpoints WHERE id = %s", uuid(made["id"]))[0]
    assert made["secret"].encode() not in bytes(row[0]) and b"hidden" not in bytes(row[1])
    owner.http.delete(f"{ENDPOINTS}/{made['id']}")


def test_endpoints_are_listed_page_by_page(fresh: Client) -> None:
    made = [make(fresh)["id"] for _ in range(3)]
    first = fresh.http.get(ENDPOINTS, params={"limit": 2}).json()
    assert [one["id"] for one in first["data"]] == made[:0:-1] and first["has_more"]
    rest = fresh.http.get(ENDPOINTS, params={"after": first["last_id"]}).json()
    assert [one["id"] for one in rest["data"]] == made[:1] and "secret" not in rest["data"][0]


def test_a_change_keeps_what_it_does_not_name_and_null_takes_an_option_back(owner: Client, endpoint: Json) -> None:
    del endpoint["secret"]
    more = {"description": "ours", "rate_per_second": 1000, "payload": "full", "event_types": ["*"]}
    changed = change(owner, endpoint, **more, headers={"X-A": "1"}, url="http://127.0.0.1:9/other")
    assert changed == {**endpoint, **more, "header_names": ["X-A"], "url": "http://127.0.0.1:9/other"}
    assert change(owner, endpoint, description=None, headers=None) == {
        **changed, "description": None, "header_names": [],
    }  # fmt: skip
    assert change(owner, endpoint) == {**changed, "description": None, "header_names": []}


def test_enabling_forgets_why_it_was_disabled_and_since_when_it_failed(
    owner: Client, endpoint: Json, system: System
) -> None:
    failing = "UPDATE webhook_endpoints SET failing_since = now(), disabled_at = now(), disabled_reason = 'failing'"
    sql(system, f"{failing} WHERE id = %s", uuid(endpoint["id"]))
    found = change(owner, endpoint, disabled=True)
    assert found["disabled_reason"] == "failing" and found["failing_since"]
    found = change(owner, endpoint, disabled=False)
    assert found["disabled"] is False
    assert found["disabled_reason"] is found["disabled_at"] is found["failing_since"] is None


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"url": "http://169.254.169.254/latest"}, "/url", "target_refused"),
        ({"url": "http://10.0.0.1/"}, "/url", "target_refused"),
        ({"url": "file:///etc/passwd"}, "/url", "target_refused"),
        ({"url": "http://user:word@example.com/"}, "/url", "target_refused"),
        ({"url": None}, "/url", "invalid_input"),
        ({"event_types": []}, "/event_types", "invalid_input"),
        ({"event_types": ["*", "job.sucseeded"]}, "/event_types/1", "invalid_input"),
        ({"event_types": ["job.delta"]}, "/event_types/0", "invalid_input"),
        ({"event_types": ["webhook.*"]}, "/event_types/0", "invalid_input"),
        ({"event_types": ["webhook.test"]}, "/event_types/0", "invalid_input"),
        ({"event_types": ["job"]}, "/event_types/0", "invalid_input"),
        ({"event_types": ["j*"]}, "/event_types/0", "invalid_input"),
        ({"event_types": "job.*"}, "/event_types", "invalid_input"),
        ({"secret": "secret"}, "/secret", "invalid_input"),
        ({"secret": "whsec_äöü"}, "/secret", "invalid_input"),
        ({"secret": "whsec_" + base64.b64encode(bytes(23)).decode()}, "/secret", "invalid_input"),
        ({"secret": "whsec_" + base64.b64encode(bytes(65)).decode()}, "/secret", "invalid_input"),
        ({"headers": {"Host": "example.com"}}, "/headers/Host", "invalid_input"),
        ({"headers": {"webhook-id": "mine"}}, "/headers/webhook-id", "invalid_input"),
        ({"headers": {"User-Agent": "me"}}, "/headers/User-Agent", "invalid_input"),
        ({"headers": {"Content-Type": "text/plain"}}, "/headers/Content-Type", "invalid_input"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "/headers/X-A", "invalid_input"),
        ({"headers": {"X A": "1"}}, "/headers/X A", "invalid_input"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a", "invalid_input"),
        ({"headers": {f"X-{number}": "1" for number in range(21)}}, "/headers", "invalid_input"),
        ({"secret": ""}, "/secret", "invalid_input"),
        ({"url": "http://127.0.0.1:009/hook"}, "/url", "target_refused"),
        ({"headers": {"X-A": 1}}, "/headers/X-A", "invalid_input"),
        ({"headers": {"": "1"}}, "/headers/", "invalid_input"),
        ({"headers": {"value": None, "key": "1"}}, "/headers/value", "invalid_input"),
        ({"payload": "fat"}, "/payload", "invalid_input"),
        ({"rate_per_second": 0}, "/rate_per_second", "invalid_input"),
        ({"rate_per_second": 1001}, "/rate_per_second", "invalid_input"),
        ({"disabled": "yes"}, "/disabled", "invalid_input"),
        ({"disabled": 1}, "/disabled", "invalid_input"),
        ({"surprise": 1}, "/surprise", "unknown_field"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_where_it_stands(
    owner: Client, endpoint: Json, body: Json, pointer: str, code: str
) -> None:
    refusal(owner.http.post(ENDPOINTS, json={**GOOD, **body}), pointer, code)
    if "secret" not in body:
        refusal(owner.http.patch(f"{ENDPOINTS}/{endpoint['id']}", json=body), pointer, code)
    assert len(owner.http.get(ENDPOINTS).json()["data"]) == 1


def test_a_refusal_names_what_would_be_right(owner: Client) -> None:
    near = refusal(owner.http.post(ENDPOINTS, json={**GOOD, "event_types": ["job.sucseeded"]}), "/event_types/0")
    assert "job.succeeded" in near
    never = refusal(owner.http.post(ENDPOINTS, json={**GOOD, "event_types": ["job.delta"]}), "/event_types/0")
    assert "not delivered by webhook" in never
    short = refusal(owner.http.post(ENDPOINTS, json={**GOOD, "secret": "whsec_YWJj"}), "/secret")
    made = make(owner)
    tests = f"{ENDPOINTS}/{made['id']}/test"
    assert "Name one exact type" in refusal(owner.http.post(tests, json={"event_type": "job.*"}), "/event_type")
    near = refusal(owner.http.post(tests, json={"event_type": "job.failde"}), "/event_type")
    assert "job.failed" in near and "*" not in near
    owner.http.delete(f"{ENDPOINTS}/{made['id']}")
    assert "3 bytes" in short and "24" in short


def test_a_project_has_fifty_endpoints_at_most(fresh: Client, system: System) -> None:
    make(fresh)
    sql(
        system,
        "INSERT INTO webhook_endpoints (id, created_at, project_id, url, event_types, payload, secret, rate_per_second,"
        " tokens, event_sequence) SELECT gen_random_uuid(), now(), project_id, url, event_types, payload, secret,"
        " rate_per_second, tokens, 0 FROM webhook_endpoints, generate_series(1, 48) WHERE project_id = %s",
        uuid(fresh.http.get(ENDPOINTS).json()["data"][0]["project_id"]),
    )
    # The project's own for callbacks is not one of them.
    fresh.http.post(f"{ENDPOINTS}/callback")
    make(fresh)
    answer = fresh.http.post(ENDPOINTS, json=GOOD)
    assert answer.status_code == 409 and answer.json()["code"] == "conflict" and "50" in answer.json()["detail"]


def test_another_projects_endpoint_does_not_exist(endpoint: Json, stranger: Client) -> None:
    for found in (endpoint["id"], NOBODY):
        address = f"{ENDPOINTS}/{found}"
        since = {"since": datetime.now(UTC).isoformat()}
        for answer in (
            stranger.http.get(address),
            stranger.http.patch(address, json={"disabled": True}),
            stranger.http.delete(address),
            stranger.http.get(f"{address}/secret"),
            stranger.http.get(f"{address}/deliveries"),
            stranger.http.post(f"{address}/rotate_secret"),
            stranger.http.post(f"{address}/test"),
            stranger.http.post(f"{address}/replay", json={**since, "since": yesterday()}),
        ):
            assert answer.status_code == 404, answer.request.url
    body = {**GOOD, "project_id": endpoint["project_id"]}
    assert stranger.http.post(ENDPOINTS, json=body).status_code == 404


def test_reading_needs_one_scope_and_secrets_the_other(owner: Client, endpoint: Json, system: System) -> None:
    key = owner.http.post("/v1/api_keys", json={"name": "reader", "scopes": ["webhooks:read"]}).json()["key"]
    with Client(system.url, key) as reader:
        address = f"{ENDPOINTS}/{endpoint['id']}"
        assert reader.http.get(address).status_code == reader.http.get(DELIVERIES).status_code == 200
        assert reader.http.get(f"{address}/secret").status_code == 403
        assert reader.http.post(f"{address}/test").status_code == 403
        assert reader.http.get("/v1/jobs").status_code == 403


def test_after_a_rotation_both_secrets_sign_for_a_day(owner: Client, endpoint: Json, system: System) -> None:
    rotated = do(owner, "rotate_secret", endpoint)
    until = datetime.fromisoformat(rotated["old_secret_until"])
    assert rotated["secret"] != endpoint["secret"] and rotated["secret"] == secret_of(owner, endpoint)
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= timedelta(days=1)
    [(first,)] = sql(system, "SELECT secret FROM webhook_endpoints WHERE id = %s", uuid(endpoint["id"]))
    again = do(owner, "rotate_secret", endpoint, {"secret": A_SECRET, "overlap_s": 60})
    assert again["secret"] == A_SECRET
    # The newest two.
    [(old,)] = sql(system, "SELECT old_secret FROM webhook_endpoints WHERE id = %s", uuid(endpoint["id"]))
    assert bytes(old) == bytes(first)
    at_once = do(owner, "rotate_secret", endpoint, {"overlap_s": 0})
    assert at_once["old_secret_until"] is None and at_once["secret"] != A_SECRET


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"overlap_s": 7 * 86_400 + 1}, "/overlap_s"),
        ({"overlap_s": -1}, "/overlap_s"),
        ({"secret": "whsec_YWJj"}, "/secret"),
        ({"secret": A_SECRET}, "/secret"),
        ({"secret": ""}, "/secret"),
    ],
)
def test_a_rotation_that_would_not_help_is_refused(owner: Client, body: Json, pointer: str) -> None:
    made = make(owner, secret=A_SECRET)
    refusal(owner.http.post(f"{ENDPOINTS}/{made['id']}/rotate_secret", json=body), pointer)
    assert secret_of(owner, made) == A_SECRET
    owner.http.delete(f"{ENDPOINTS}/{made['id']}")


def test_a_test_is_an_event_for_this_endpoint_alone_whatever_it_wants(fresh: Client) -> None:
    tested, other = make(fresh), make(fresh, event_types=["*"])
    answer = fresh.http.post(f"{ENDPOINTS}/{tested['id']}/test")
    first = answer.json()
    assert answer.status_code == 202 and answer.headers["Location"] == f"{DELIVERIES}/{first['id']}"
    assert (first["event_type"], first["sequence"], first["object_id"]) == ("webhook.test", 1, tested["id"])
    second = do(fresh, "test", tested, {"event_type": "job.failed"}, status=202)
    assert second["sequence"] == 2 and second["endpoint_id"] == tested["id"]
    assert [one["id"] for one in deliveries(fresh, tested)] == [second["id"], first["id"]]
    assert deliveries(fresh, other) == []
    plain, shown = (fresh.http.get(f"{DELIVERIES}/{one['id']}").json()["event"] for one in (first, second))
    assert plain["id"] == first["event_id"] and plain["data"]["webhook_endpoint_id"] == tested["id"]
    assert "sample" not in plain["data"] and shown["data"]["sample"]["status"] == "failed"


def test_a_test_is_refused_for_a_disabled_endpoint_and_for_a_type_that_is_none(owner: Client, endpoint: Json) -> None:
    address = f"{ENDPOINTS}/{endpoint['id']}/test"
    for wrong in ("job.sucseeded", "job.*", "*", "job.delta"):
        refusal(owner.http.post(address, json={"event_type": wrong}), "/event_type")
    change(owner, endpoint, disabled=True)
    refused = owner.http.post(address)
    assert refused.status_code == 409 and "enable it first" in refused.json()["detail"]
    assert deliveries(owner, endpoint) == []


def test_what_waits_for_a_deleted_endpoint_has_failed_and_stays_listed(owner: Client) -> None:
    made = make(owner)
    waiting = do(owner, "test", made, status=202)
    owner.http.delete(f"{ENDPOINTS}/{made['id']}")
    assert owner.http.get(f"{ENDPOINTS}/{made['id']}").status_code == 404
    deadline = time.monotonic() + 30
    # One that a sender has at that very moment is found by the sweep.
    while (left := owner.http.get(DELIVERIES, params={"endpoint_id": made["id"]}).json()["data"][0])[
        "status"
    ] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (left["id"], left["status"], left["next_attempt_at"]) == (waiting["id"], "failed", None)
    assert left["last_attempt"]["error"] == "endpoint_deleted" and left["finished_at"]


def test_the_callback_endpoint_is_made_once_and_is_the_projects_own(fresh: Client) -> None:
    answer = fresh.http.post(f"{ENDPOINTS}/callback")
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["Location"] == f"{ENDPOINTS}/{made['id']}"
    assert made["url"] is None and made["rate_per_second"] == 100 and made["secret"].startswith("whsec_")
    assert "job.succeeded" in made["event_types"] and "job.started" not in made["event_types"]
    again = fresh.http.post(f"{ENDPOINTS}/callback")
    assert again.status_code == 200 and again.json() == made
    assert [one["id"] for one in fresh.http.get(ENDPOINTS).json()["data"]] == [made["id"]]
    address = f"{ENDPOINTS}/{made['id']}"
    for refused in (
        fresh.http.patch(address, json={"url": GOOD["url"]}),
        fresh.http.patch(address, json={"event_types": ["*"]}),
        fresh.http.delete(address),
        fresh.http.post(f"{address}/test"),
    ):
        assert refused.status_code == 409, refused.text
    assert change(fresh, made, rate_per_second=7, payload="full")["rate_per_second"] == 7
    assert do(fresh, "rotate_secret", made)["secret"] == secret_of(fresh, made) != made["secret"]


def yesterday(days: float = 1) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()
