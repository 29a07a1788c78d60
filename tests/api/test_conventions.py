"""What every endpoint does alike: keys, scopes, request ids, idempotency, limits, health."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from infra.dev.system import System
from tests.client import HELLO, Client

Json = dict[str, Any]
BODY: Json = {"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}}


def make_key(client: Client, **body: Any) -> Json:
    answer = client.http.post("/v1/api_keys", json={"name": "test", **body})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def test_a_key_is_shown_once_and_then_only_its_beginning(client: Client) -> None:
    made = make_key(client)
    assert made["key"].startswith("sy_live_") and made["key"].startswith(made["hint"])
    listed = client.http.get("/v1/api_keys").json()["data"][0]
    assert listed["id"] == made["id"] and "key" not in listed


def test_a_key_works_until_it_is_revoked(client: Client, system: System) -> None:
    made = make_key(client)
    with Client(system.url, made["key"]) as other:
        for _ in range(5):
            assert other.http.get("/v1/jobs").status_code == 200
        assert client.http.delete(f"/v1/api_keys/{made['id']}").json()["revoked_at"]
        for _ in range(20):
            assert other.http.get("/v1/jobs").status_code == 401
    assert client.http.get(f"/v1/api_keys/{made['id']}").json()["last_used_at"]


def test_a_key_may_do_what_its_scopes_say_and_gives_no_more_than_it_has(client: Client, system: System) -> None:
    reader = make_key(client, scopes=["jobs:read", "api_keys:write"])
    with Client(system.url, reader["key"]) as other:
        assert other.http.get("/v1/jobs").status_code == 200
        refused = other.http.post("/v1/jobs", json=BODY)
        assert refused.status_code == 403 and refused.json()["code"] == "forbidden"
        more = other.http.post("/v1/api_keys", json={"name": "more", "scopes": ["jobs:write"]})
        assert more.status_code == 422 and more.json()["errors"][0]["pointer"] == "/scopes"


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x", "scopes": ["everything"]}, {"name": 7}])
def test_a_key_needs_a_name_and_known_scopes(client: Client, body: Json) -> None:
    assert client.http.post("/v1/api_keys", json=body).status_code == 422


def test_a_key_that_expires_in_the_past_is_not_made(client: Client) -> None:
    answer = client.http.post("/v1/api_keys", json={"name": "old", "expires_at": "2001-01-01T00:00:00Z"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/expires_at"


def test_a_key_sees_its_project(client: Client, system: System) -> None:
    page = client.http.get("/v1/projects").json()
    assert [project["id"] for project in page["data"]] == [system.project_id]
    assert client.http.get(f"/v1/projects/{system.project_id}").json()["name"] == "demo"


def test_a_well_formed_request_id_is_kept_and_another_replaced(client: Client) -> None:
    kept = client.http.get("/v1/jobs", headers={"X-Request-Id": "my-request-0001"})
    made = client.http.get("/v1/jobs", headers={"X-Request-Id": "no spaces please"})
    assert kept.headers["X-Request-Id"] == "my-request-0001"
    assert made.headers["X-Request-Id"].startswith("req_")


def test_the_same_key_and_body_get_the_first_answer_again(client: Client) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    first = client.http.post("/v1/jobs", json=BODY, headers=headers)
    again = client.http.post("/v1/jobs", json=BODY, headers=headers)
    assert again.status_code == 202 and again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true" and "Idempotent-Replayed" not in first.headers
    assert again.headers["Location"] == first.headers["Location"]


def test_the_same_key_with_another_body_is_refused(client: Client) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    client.http.post("/v1/jobs", json=BODY, headers=headers)
    other = client.http.post("/v1/jobs", json={**BODY, "priority": 1}, headers=headers)
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"


def test_many_requests_with_one_key_create_one_job(client: Client) -> None:
    mark = uuid4().hex
    headers = {"Idempotency-Key": mark}

    def post(_: int) -> int:
        return client.http.post("/v1/jobs", json={**BODY, "metadata": {"mark": mark}}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = set(pool.map(post, range(24)))
    assert codes <= {202, 409} and 202 in codes
    assert len(client.http.get("/v1/jobs", params={"metadata.mark": mark}).json()["data"]) == 1


def test_a_refused_request_leaves_its_key_free(client: Client) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    assert client.http.post("/v1/jobs", json={"kind": "nonsense", "input": {}}, headers=headers).status_code == 422
    assert client.http.post("/v1/jobs", json=BODY, headers=headers).status_code == 202


def test_answers_say_what_is_left_of_the_allowance(client: Client) -> None:
    answer = client.http.get("/v1/jobs")
    assert ";w=60" in answer.headers["RateLimit-Policy"] and ";r=" in answer.headers["RateLimit"]


def test_every_request_leaves_one_line_of_json_with_its_id_and_no_key(client: Client, system: System) -> None:
    client.http.get("/v1/projects", headers={"X-Request-Id": "find-me-in-the-log"})
    text = (system.folder.logs / "api.log").read_text()
    lines = [json.loads(line) for line in text.splitlines() if "find-me-in-the-log" in line]
    assert [(line["path"], line["status"], line["event"]) for line in lines] == [("/v1/projects", 200, "request")]
    assert system.api_key not in text


def test_health_asks_nobody_and_ready_asks_every_part(system: System) -> None:
    with Client(system.url, None) as nobody:
        assert nobody.http.get("/health").json() == {"status": "ok"}
        ready = nobody.http.get("/ready")
        assert ready.status_code == 200
        assert {name: check["status"] for name, check in ready.json()["checks"].items()} == {
            "database": "ok",
            "migrations": "ok",
            "broker": "ok",
        }


def test_metrics_count_requests_and_show_the_queues(client: Client, system: System) -> None:
    client.submit(run_at="2999-01-01T00:00:00Z")
    with Client(system.url, None) as nobody:
        text = nobody.http.get("/metrics").text
    assert 'switchyard_http_request_seconds_count{method="POST",route="/v1/jobs",status="202"}' in text
    assert 'switchyard_jobs{queue="completions",status="scheduled"}' in text
