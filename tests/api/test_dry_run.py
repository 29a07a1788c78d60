"""Dry runs over HTTP: what would become of a job, and that nothing is left of asking."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from infra.dev.system import System
from infra.ids import parse
from tests.api.test_bad_input import GOOD, problem
from tests.client import HELLO, Client
from tests.conftest import another_project

Json = dict[str, Any]
TABLES = ("jobs", "job_events", "outbox", "idempotency_keys", "usage")


@pytest.fixture(scope="module")
def user(system: System) -> Iterator[Client]:
    """A client of a project of its own."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def dry_run(user: Client, **body: Any) -> Json:
    answer = user.http.post("/v1/jobs?dry_run=true", json={**GOOD, **body})
    assert answer.status_code == 200, answer.text
    assert "Location" not in answer.headers
    found: Json = answer.json()
    return found


def reasons(found: Json) -> list[str]:
    return [reason["code"] for reason in found["limits"]["reasons"]]


def rows(system: System, user: Client) -> list[int]:
    """How many the project has in each table; other projects' work goes on."""
    project = user.http.get("/v1/projects").json()["data"][0]["id"]
    with psycopg2.connect(system.database_url) as connection, connection.cursor() as cursor:
        counts = []
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE project_id = %s", [str(parse("proj", project))])
            counts += [count for (count,) in cursor.fetchall()]
        return counts


def test_it_says_what_a_job_would_take_and_when_it_would_start(user: Client) -> None:
    found = dry_run(user, input={"model": "openai/gpt-4.1-mini", "messages": HELLO, "max_tokens": 100})
    assert found["object"] == "dry_run" and (found["kind"], found["queue"]) == ("completion", "completions")
    assert found["tokens"]["input"] > 0 and found["tokens"]["output_max"] == 100
    assert 0 < float(found["cost_usd"]["low"]) < float(found["cost_usd"]["high"]) < 0.01
    assert found["queue_estimate"] == {"ahead": 0, "starts_in_seconds": 0.0, "workers": 1}
    assert found["limits"] == {"verdict": "accepted", "reasons": []}
    assert all(sentence.endswith(".") for sentence in found["assumptions"]) and len(found["assumptions"]) >= 2


def test_the_sandbox_costs_nothing_and_a_model_without_a_price_nobody_knows_what(user: Client) -> None:
    assert dry_run(user)["cost_usd"] == {"low": "0", "high": "0"}
    unknown = dry_run(user, input={"model": "local/echo", "messages": HELLO})
    assert unknown["cost_usd"] == {"low": None, "high": None}
    vectors = dry_run(user, kind="embedding", input={"model": "sandbox", "input": ["some text"]})
    assert vectors["tokens"]["output_max"] == 0


def test_nothing_is_stored_not_even_the_idempotency_key(user: Client, system: System) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    before = rows(system, user)
    for _ in range(3):
        answer = user.http.post("/v1/jobs?dry_run=true", json=GOOD, headers=headers)
        assert answer.status_code == 200 and "Idempotent-Replayed" not in answer.headers
    assert rows(system, user) == before
    assert user.http.post("/v1/jobs", json=GOOD, headers=headers).status_code == 202
    assert user.http.post("/v1/jobs?dry_run=true", json=GOOD, headers=headers).json()["object"] == "dry_run"


def test_a_job_for_later_would_wait_for_its_time(user: Client) -> None:
    found = dry_run(user, run_at="2999-01-01T00:00:00Z")
    assert found["limits"]["verdict"] == "would_wait" and reasons(found) == ["schedule"]
    assert found["queue_estimate"]["starts_in_seconds"] > 10**9


def test_a_concurrency_key_that_is_taken_would_have_to_be_waited_for(user: Client) -> None:
    user.run(concurrency_key="k")
    assert dry_run(user, concurrency_key="k")["limits"]["verdict"] == "accepted"
    job = user.submit({"model": "openai/hang", "messages": HELLO}, concurrency_key="k")
    found = dry_run(user, concurrency_key="k")
    assert found["limits"]["verdict"] == "would_wait" and reasons(found) == ["concurrency_key"]
    assert dry_run(user, concurrency_key="another")["limits"]["verdict"] == "accepted"
    user.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_a_max_cost_below_the_cheapest_answer_is_pointed_out(user: Client) -> None:
    body = {"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "word " * 1000}]}
    found = dry_run(user, input=body, max_cost="0.0000001")
    assert reasons(found) == ["cost_limit_exceeded"] and found["limits"]["verdict"] == "accepted"


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"kind": "nonsense"}, "unknown_kind", "/kind"),
        ({"priority": 11}, "invalid_input", "/priority"),
        ({"input": {"model": "sandbox", "messages": []}}, "invalid_input", "/input/messages"),
        ({"input": {"model": "nobody/has-this", "messages": HELLO}}, "model_not_found", "/input/model"),
        ({"input": {"model": "local/echo", "messages": HELLO}, "max_cost": 1}, "invalid_input", "/max_cost"),
        ({"run_at": "2001-01-01T00:00:00Z"}, "invalid_input", "/run_at"),
    ],
)
def test_what_a_submission_refuses_is_refused_in_the_same_way(
    client: Client, body: Json, code: str, pointer: str
) -> None:
    answers = [client.http.post(path, json={**GOOD, **body}) for path in ("/v1/jobs?dry_run=true", "/v1/jobs")]
    for answer in answers:
        assert problem(answer, 422, code)["errors"][0]["pointer"] == pointer
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


def test_another_project_and_a_malformed_key_are_refused_too(client: Client, stranger: Client) -> None:
    project = client.submit()["project_id"]
    problem(stranger.http.post("/v1/jobs?dry_run=true", json={**GOOD, "project_id": project}), 404, "not_found")
    headers = {"Idempotency-Key": "x" * 256}
    problem(client.http.post("/v1/jobs?dry_run=true", json=GOOD, headers=headers), 422, "invalid_input")


@pytest.mark.parametrize("value", ["yes", "1", "True", "maybe"])
def test_only_true_and_false_say_whether_a_run_is_dry(client: Client, value: str) -> None:
    found = problem(client.http.post(f"/v1/jobs?dry_run={value}", json=GOOD), 422, "invalid_parameter")
    assert found["errors"][0]["pointer"] == "/dry_run"
    assert client.http.post("/v1/jobs?dry_run=false", json=GOOD).status_code == 202
