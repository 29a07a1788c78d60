"""Schedules over HTTP: made, shown, changed, paused, run now, deleted, and refused."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from infra.dev.system import System
from infra.ids import parse
from tests.client import HELLO, Client

Json = dict[str, Any]
GOOD: Json = {
    "name": "Morning report",
    "cron": "30 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "kind": "completion",
    "input": {"model": "sandbox/instant", "messages": HELLO},
}
NOBODY = "sched_" + "0" * 32


def make(client: Client, **changed: Any) -> Json:
    answer = client.http.post("/v1/schedules", json={**GOOD, **changed})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/schedules/{found['id']}"
    return found


def jobs_of(client: Client, schedule: Json) -> list[Json]:
    found: list[Json] = client.http.get("/v1/jobs", params={"schedule_id": schedule["id"]}).json()["data"]
    return found


def do(client: Client, verb: str, schedule: Json) -> Json:
    answer = client.http.post(f"/v1/schedules/{schedule['id']}/{verb}")
    assert answer.status_code in (200, 202), answer.text
    found: Json = answer.json()
    return found


@pytest.fixture
def schedule(client: Client) -> Iterator[Json]:
    made = make(client)
    yield made
    client.http.delete(f"/v1/schedules/{made['id']}")


def test_a_schedule_shows_when_it_runs_next_and_what_it_submits(schedule: Json, client: Client) -> None:
    assert schedule["object"] == "schedule" and schedule["id"].startswith("sched_")
    assert {**schedule, **GOOD} == schedule
    assert schedule["catch_up"] == "last" and schedule["paused"] is False and schedule["priority"] == 5
    assert schedule["last_run_at"] is schedule["last_job_id"] is schedule["last_error"] is None
    runs = [datetime.fromisoformat(time) for time in schedule["next_runs"]]
    assert len(runs) == 5 and runs == sorted(set(runs)) and runs[0] > datetime.now(UTC)
    assert schedule["next_runs"][0] == schedule["next_run_at"]
    assert {time.weekday() for time in runs} == set(range(5)) and {time.minute for time in runs} == {30}
    assert client.http.get(f"/v1/schedules/{schedule['id']}").json() == schedule


def test_what_is_left_out_has_a_default(client: Client) -> None:
    made = make(client, timezone="UTC", cron="@hourly", catch_up="none", deadline_s=60, max_cost=0.25, store="none")
    bare = client.http.post(
        "/v1/schedules", json={name: GOOD[name] for name in ("name", "cron", "kind", "input")}
    ).json()
    assert (made["cron"], made["catch_up"], made["deadline_s"]) == ("@hourly", "none", 60)
    assert (made["max_cost"], made["store"]) == ("0.25", "none")
    assert (bare["timezone"], bare["catch_up"], bare["max_cost"], bare["metadata"]) == ("UTC", "last", None, {})


def test_schedules_are_listed_page_by_page(client: Client) -> None:
    made = [make(client)["id"] for _ in range(3)]
    first = client.http.get("/v1/schedules", params={"limit": 2}).json()
    assert [one["id"] for one in first["data"]] == made[:0:-1] and first["has_more"]
    rest = client.http.get("/v1/schedules", params={"limit": 1, "after": first["last_id"]}).json()
    assert [one["id"] for one in rest["data"]] == made[:1] and len(rest["data"][0]["next_runs"]) == 5


def test_a_change_keeps_what_it_does_not_name(schedule: Json, client: Client) -> None:
    address = f"/v1/schedules/{schedule['id']}"
    named = client.http.patch(address, json={"name": "Other", "concurrency_key": "reports", "priority": 1}).json()
    assert named == {**schedule, "name": "Other", "concurrency_key": "reports", "priority": 1}
    limited = client.http.patch(address, json={"concurrency_limit": 3}).json()
    assert limited == {**named, "concurrency_limit": 3}
    both = {"concurrency_limit": None, "concurrency_key": None}
    assert client.http.patch(address, json=both).json() == {**named, **both}
    moved = client.http.patch(address, json={"timezone": "America/New_York"}).json()
    assert moved["next_run_at"] != schedule["next_run_at"] and moved["cron"] == schedule["cron"]
    assert client.http.patch(address, json={}).json() == moved


def test_a_paused_schedule_has_no_next_time_until_it_is_resumed(schedule: Json, client: Client) -> None:
    for _ in range(2):
        paused = do(client, "pause", schedule)
        assert paused["paused"] is True and paused["next_run_at"] is None and paused["next_runs"] == []
    changed = client.http.patch(f"/v1/schedules/{schedule['id']}", json={"cron": "0 12 * * *"}).json()
    assert changed["paused"] is True and changed["next_run_at"] is None
    for _ in range(2):
        resumed = do(client, "resume", schedule)
        assert resumed["paused"] is False and resumed["next_run_at"] == resumed["next_runs"][0]
        assert datetime.fromisoformat(resumed["next_run_at"]) > datetime.now(UTC)


@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
def test_what_lay_in_a_pause_never_runs(client: Client, system: System, catch_up: str) -> None:
    schedule = make(client, catch_up=catch_up, cron="0 0 1 1 *")
    do(client, "pause", schedule)
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        long_ago = "UPDATE schedules SET paused_at = now() - interval '9 years' WHERE id = %s"
        cursor.execute(long_ago, [str(parse("sched", schedule["id"]))])
    assert do(client, "resume", schedule)["next_run_at"] == schedule["next_run_at"]
    # Beat has swept when a schedule that is due now has run.
    witness = make(client, cron="* * * * * *")
    deadline = time.monotonic() + 30
    while not jobs_of(client, witness):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert jobs_of(client, schedule) == []
    client.http.delete(f"/v1/schedules/{witness['id']}")


def test_run_now_submits_a_job_at_once_and_leaves_the_schedule_as_it_is(schedule: Json, client: Client) -> None:
    do(client, "pause", schedule)
    before = client.http.get(f"/v1/schedules/{schedule['id']}").json()
    answer = client.http.post(f"/v1/schedules/{schedule['id']}/run")
    job = answer.json()
    assert answer.status_code == 202 and answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["schedule_id"] == schedule["id"] and job["run_at"] is None
    assert job["request_id"] == answer.headers["X-Request-Id"]
    again = do(client, "run", schedule)
    assert client.wait(job["id"])["status"] == client.wait(again["id"])["status"] == "succeeded"
    assert [one["id"] for one in jobs_of(client, schedule)] == [again["id"], job["id"]]
    assert client.http.get(f"/v1/schedules/{schedule['id']}").json() == before


def test_run_now_with_a_key_runs_once(schedule: Json, client: Client) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = (client.http.post(f"/v1/schedules/{schedule['id']}/run", headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"] and second.headers["Idempotent-Replayed"] == "true"


def test_a_deleted_schedule_is_gone_and_its_jobs_stay(client: Client) -> None:
    schedule = make(client)
    job = do(client, "run", schedule)
    answer = client.http.delete(f"/v1/schedules/{schedule['id']}")
    assert answer.status_code == 200 and answer.json() == schedule
    assert client.http.get(f"/v1/schedules/{schedule['id']}").status_code == 404
    assert client.wait(job["id"])["schedule_id"] == schedule["id"]
    assert [one["id"] for one in jobs_of(client, schedule)] == [job["id"]]


def test_a_project_has_at_most_a_thousand_schedules(system: System, client: Client, schedule: Json) -> None:
    copies = """
        INSERT INTO schedules (id, created_at, project_id, name, cron, timezone, catch_up, kind, payload, options)
        SELECT gen_random_uuid(), now(), project_id, 'copy', cron, timezone, catch_up, kind, payload, options
        FROM schedules, generate_series(1, 1000) WHERE id = %s
    """
    connection = psycopg2.connect(system.database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(copies, [str(parse("sched", schedule["id"]))])
        answer = client.http.post("/v1/schedules", json=GOOD)
        cursor.execute("DELETE FROM schedules WHERE name = 'copy'")
    connection.close()
    assert answer.status_code == 409 and "1000" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changed", "code", "pointer"),
    [
        ({"cron": "* * * *"}, "invalid_input", "/cron"),
        ({"cron": "61 * * * *"}, "invalid_input", "/cron"),
        ({"cron": "30 2 30 2 *"}, "invalid_input", "/cron"),
        ({"cron": "0 0 */20 * 1L"}, "invalid_input", "/cron"),
        ({"cron": "@reboot"}, "invalid_input", "/cron"),
        ({"cron": "* " * 200}, "invalid_input", "/cron"),
        ({"cron": 5}, "invalid_input", "/cron"),
        ({"timezone": "Mars/Olympus"}, "invalid_input", "/timezone"),
        ({"timezone": "../etc/passwd"}, "invalid_input", "/timezone"),
        ({"timezone": None}, "invalid_input", "/timezone"),
        ({"catch_up": "sometimes"}, "invalid_input", "/catch_up"),
        ({"name": ""}, "invalid_input", "/name"),
        ({"name": "a\0b"}, "nul_character", "/name"),
        ({"kind": "nonsense"}, "unknown_kind", "/kind"),
        ({"input": {"model": "sandbox/instant"}}, "invalid_input", "/input/messages"),
        ({"input": {**GOOD["input"], "model": "nobody/has-this"}}, "model_not_found", None),
        ({"input": {**GOOD["input"], "model": "xai/grok"}}, "provider_not_configured", None),
        ({"priority": 10}, "invalid_input", "/priority"),
        ({"concurrency_limit": 2}, "invalid_input", "/concurrency_limit"),
        ({"max_cost": -1}, "invalid_input", "/max_cost"),
        ({"run_at": "2999-01-01T00:00:00Z"}, "unknown_field", "/run_at"),
        ({"colour": "red"}, "unknown_field", "/colour"),
    ],
)
def test_nonsense_is_refused_with_a_pointer_when_made_and_when_changed(
    client: Client, schedule: Json, changed: Json, code: str, pointer: str | None
) -> None:
    address = f"/v1/schedules/{schedule['id']}"
    for answer in (
        client.http.post("/v1/schedules", json={**GOOD, **changed}),
        client.http.patch(address, json=changed),
    ):
        body = answer.json()
        assert (answer.status_code, body["code"]) == (422, code), body
        said = {error["pointer"]: error["detail"] for error in body.get("errors", [])}
        assert pointer is None or said[pointer].endswith("."), body
    assert client.http.get(address).json() == schedule


def test_what_a_schedule_needs_is_asked_for(client: Client) -> None:
    answer = client.http.post("/v1/schedules", json={})
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/name", "/cron", "/kind", "/input"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/run")],
)
def test_a_schedule_of_another_project_or_of_nobody_does_not_exist(
    schedule: Json, client: Client, stranger: Client, method: str, path: str
) -> None:
    body: Json = {"json": {}} if method == "PATCH" else {}
    for who, name, code in (
        (stranger, schedule["id"], "not_found"),
        (client, NOBODY, "not_found"),
        (client, "sched_1", "malformed_id"),
    ):
        answer = who.http.request(method, f"/v1/schedules/{name}{path}", **body)
        assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert stranger.http.get("/v1/schedules").json()["data"] == jobs_of(stranger, schedule) == []
    project = {**GOOD, "project_id": schedule["project_id"]}
    assert stranger.http.post("/v1/schedules", json=project).status_code == 404
    assert client.http.get(f"/v1/schedules/{schedule['id']}").json() == schedule


def test_a_key_that_may_only_read_jobs_only_sees_schedules(schedule: Json, client: Client, system: System) -> None:
    made = client.http.post("/v1/api_keys", json={"name": "reader", "scopes": ["jobs:read"]}).json()
    with Client(system.url, made["key"]) as reader:
        assert reader.http.get(f"/v1/schedules/{schedule['id']}").json() == schedule
        assert reader.http.post(f"/v1/schedules/{schedule['id']}/run").status_code == 403
        assert reader.http.delete(f"/v1/schedules/{schedule['id']}").status_code == 403
