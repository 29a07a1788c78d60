"""Features at risk over HTTP: what changed, the prompts, and their tests run again until they are green."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.workers.features import rows as written
from tests.workers.features.rows import Rows

Json = dict[str, Any]


@pytest.fixture(scope="module")
def rows(system: System) -> Iterator[Rows]:
    """The system's database, for what only an analysis writes."""
    made = Rows(system.database_url, system.project_id)
    yield made
    made.close()


def uuid_of(shown: str) -> UUID:
    return UUID(shown.partition("_")[2])


def at_risk(rows: Rows) -> tuple[str, str]:
    """A feature and its open drift."""
    feature = rows.add("feat", written.feature)
    return feature, rows.add("drift", written.drift, uuid_of(feature), evidence={"trace_ids": []})


def case(client: Client, feature: str, url: str, **more: Any) -> str:
    """A test case that passes where the answer is 200."""
    step = {"method": "GET", "url": url, "assert": [{"type": "status", "expected": 200}]}
    answer = client.http.post("/v1/test_cases", json={"name": "x", "feature_id": feature, "steps": [step], **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def settled(client: Client, feature: str) -> Json:
    """The feature's newest drift, when the run has said what there is to say."""
    end = time.monotonic() + 20
    while True:
        found: Json = client.http.get(f"/v1/features/{feature}/drift").json()["data"][0]
        if (found["reruns"] and found["reruns"][-1]["verdict"]) or time.monotonic() > end:
            return found
        time.sleep(0.1)


def test_what_is_at_risk_is_listed_with_why_and_what_tests_it(client: Client, rows: Rows) -> None:
    feature, drift = at_risk(rows)
    tested = case(client, feature, "http://127.0.0.1:9/")
    listed = client.http.get("/v1/features/at_risk", params={"limit": 100}).json()["data"]
    (found,) = [one for one in listed if one["id"] == feature]
    assert found["at_risk"] and [one["id"] for one in found["test_cases"]] == [tested]
    (why,) = found["drifts"]
    assert (why["id"], why["root_cause"], why["confidence"]) == (drift, "SYSTEM_CHANGED", 0.9)
    assert why["diff"] == "-Be brief.\n+Be long." and why["state"] == "open" and why["reruns"] == []
    assert client.http.get(f"/v1/features/{feature}/drift").json()["data"] == [why]
    assert client.http.get(f"/v1/features/{feature}/drift/{drift}").json() == why
    for query in ({"signal": "cost"}, {"root_cause": "UNKNOWN"}, {"state": "resolved"}):
        assert client.http.get(f"/v1/features/{feature}/drift", params=query).json()["data"] == []
    answer = client.http.get(f"/v1/features/{feature}/drift", params={"signal": "vibes"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/signal"


def test_prompts_are_listed_by_fingerprint(client: Client, rows: Rows) -> None:
    feature = rows.add("feat", written.feature)
    made = [rows.add("fp", written.prompt, uuid_of(feature), model=model) for model in ("gpt-4o", "gpt-4o-mini")]
    path = f"/v1/features/{feature}/fingerprints"
    found = client.http.get(path).json()["data"]
    assert [one["id"] for one in found] == made[::-1]
    assert (found[0]["template"], found[0]["classification"], found[0]["seen"]) == ("You help {name}.", "pending", 3)
    assert [one["id"] for one in client.http.get(path, params={"model": "gpt-4o"}).json()["data"]] == made[:1]


def test_a_person_settles_a_drift_once(client: Client, rows: Rows) -> None:
    feature, drift = at_risk(rows)
    path = f"/v1/features/{feature}/drift/{drift}/resolve"
    found = client.http.post(path, json={"note": "Meant so."}).json()
    assert (found["state"], found["resolution"]["by"], found["resolution"]["note"]) == (
        "resolved",
        "person",
        "Meant so.",
    )
    assert not client.http.get(f"/v1/features/{feature}").json()["at_risk"]
    again = client.http.post(path)
    assert (again.status_code, again.json()["code"]) == (409, "drift_resolved")
    other = f"/v1/features/{rows.add('feat', written.feature)}/drift/{drift}"
    assert client.http.get(other).status_code == client.http.post(f"{other}/resolve").status_code == 404


def test_green_tests_settle_what_was_open(client: Client, rows: Rows, system: System) -> None:
    feature, drift = at_risk(rows)
    case(client, feature, f"{system.url}/health")
    answer = client.http.post(f"/v1/features/{feature}/rerun_tests", json={"metadata": {"why": "test"}})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}" and job["kind"] == "test.run"
    assert client.wait(job["id"])["result"]["verdict"] == "passed"
    found = settled(client, feature)
    run = job["id"].replace("job_", "run_")
    assert (found["id"], found["state"], found["resolution"]) == (drift, "resolved", {"by": "tests", "run_id": run})
    assert not client.http.get(f"/v1/features/{feature}").json()["at_risk"]


def test_red_tests_leave_it_at_risk_with_the_run_noted(client: Client, rows: Rows, system: System) -> None:
    feature, _ = at_risk(rows)
    case(client, feature, f"{system.url}/gone")
    job = client.http.post(f"/v1/features/{feature}/rerun_tests").json()
    assert client.wait(job["id"])["result"]["verdict"] == "failed"
    found = settled(client, feature)
    assert found["state"] == "open" and client.http.get(f"/v1/features/{feature}").json()["at_risk"]
    assert (found["reruns"][0]["run_id"], found["reruns"][0]["verdict"]) == (
        job["id"].replace("job_", "run_"),
        "failed",
    )


def test_a_feature_without_tests_says_how_to_get_some(client: Client, rows: Rows) -> None:
    feature, _ = at_risk(rows)
    case(client, feature, "http://127.0.0.1:9/", state="draft")
    answer = client.http.post(f"/v1/features/{feature}/rerun_tests")
    assert (answer.status_code, answer.json()["code"]) == (409, "feature_has_no_tests")
    assert "suggested_tests" in answer.json()["detail"]


def test_nothing_at_risk_is_nothing_to_run(stranger: Client) -> None:
    answer = stranger.http.post("/v1/features/rerun_tests")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_running_tests_needs_the_scope_for_that_too(client: Client, rows: Rows, system: System) -> None:
    feature, _ = at_risk(rows)
    case(client, feature, "http://127.0.0.1:9/")
    made = client.http.post("/v1/api_keys", json={"name": "no runs", "scopes": ["features:write"]}).json()
    with Client(system.url, made["key"]) as decider:
        answer = decider.http.post(f"/v1/features/{feature}/rerun_tests")
    assert answer.status_code == 403 and "tests:run" in answer.json()["detail"]
    assert client.http.get(f"/v1/features/{feature}/drift").json()["data"][0]["reruns"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [({"times": 0}, "/times"), ({"environment": "nowhere"}, "/environment"), ({"test_case_ids": []}, "/test_case_ids")],
)
def test_a_wrong_wish_is_refused_at_its_place(client: Client, rows: Rows, body: Json, pointer: str) -> None:
    feature, _ = at_risk(rows)
    case(client, feature, "http://127.0.0.1:9/")
    answer = client.http.post(f"/v1/features/{feature}/rerun_tests", json=body)
    assert answer.status_code in (404, 422) and answer.json()["errors"][0]["pointer"] == pointer, answer.text
