"""Test runs over HTTP: shown, judged by people, decided on, run again, reported, forgotten."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from junitparser import JUnitXml
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from infra import ids
from infra.dev.system import System
from tests.client import Client
from tests.workers.suites.recorded import Recorder, executed, http_step

Json = dict[str, Any]
Write = Callable[[Recorder], Any]

NOBODY = "0" * 32


@pytest.fixture(scope="module")
def database(system: System) -> Iterator[Engine]:
    made = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg2"))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def project(client: Client) -> UUID:
    found = client.http.get("/v1/jobs?limit=1").json()["data"] or [client.submit()]
    return UUID(hex=found[0]["project_id"].partition("_")[2])


Record = Callable[..., str]


@pytest.fixture
def record(database: Engine, project: UUID) -> Record:
    """Writes a run; returns its id."""

    def write(fill: Write, **more: Any) -> str:
        with Session(database) as session, session.begin():
            run = Recorder(session, project, **more)
            fill(run)
            return run.end().public_id

    return write


def got(client: Client, address: str, **query: Any) -> Json:
    answer = client.http.get(address, params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def done(client: Client, address: str, body: Json | None = None, status: int = 200, method: str = "POST") -> Json:
    answer = client.http.request(method, address, json=body)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def new_case(client: Client, *asserts: Json, **more: Any) -> Json:
    step = {"method": "GET", "url": "http://shop.test/users/7", "assert": list(asserts or (STATUS,))}
    return done(client, "/v1/test_cases", {"name": "A user can be read", "steps": [step], **more}, 201)


STATUS: Json = {"type": "status", "expected": 200}


def uuid_of(shown: Json | str) -> UUID:
    text = shown if isinstance(shown, str) else shown["id"]
    return UUID(hex=str(text).partition("_")[2])


def three(run: Recorder) -> None:
    """A run with one of each."""
    run.case("good", executed(), executed(repetition=1))
    broken = run.case("broken", executed("failed"), new=True)
    run.failure(broken)
    run.case("mixed", executed(), executed("failed", repetition=1))


def test_a_run_shows_its_end_its_cases_and_its_executions(client: Client, stranger: Client, record: Record) -> None:
    run = record(three)
    shown = got(client, f"/v1/test_runs/{run}")
    assert shown["object"] == "test_run" and shown["verdict"] == "failed" and shown["status"] == "succeeded"
    assert shown["counts"] | {"passed": 1, "failed": 1, "flaky": 1} == shown["counts"]
    assert (shown["total"], shown["done"], shown["new_failures"]) == (5, 5, 1)
    assert shown["reports"]["junit"] == {"url": f"/v1/test_runs/{run}/report?format=junit", "file_id": None}
    assert run in [one["id"] for one in got(client, "/v1/test_runs", verdict="failed", limit=100)["data"]]
    assert run not in [one["id"] for one in got(client, "/v1/test_runs", verdict="passed", limit=100)["data"]]
    cases = got(client, f"/v1/test_runs/{run}/cases")["data"]
    assert [(one["name"], one["verdict"], one["new"]) for one in cases] == [
        ("good", "passed", False),
        ("broken", "failed", True),
        ("mixed", "flaky", False),
    ]
    assert got(client, f"/v1/test_runs/{run}/cases/{cases[1]['id']}") == cases[1]
    page = got(client, f"/v1/test_runs/{run}/executions", case_id=cases[2]["id"], verdict="failed")["data"]
    assert [(one["repetition"], "steps" in one) for one in page] == [(1, False)]
    whole = got(client, f"/v1/test_runs/{run}/executions/{page[0]['id']}")
    assert whole["steps"][0]["response"]["status"] == 500 and whole["trace_id"] == page[0]["trace_id"]
    in_project = f"/v1/projects/{shown['project_id']}/test_runs/{run}"
    assert got(client, in_project) == shown
    for address in (f"/v1/test_runs/{run}", f"/v1/test_runs/{run}/cases", f"/v1/test_runs/{run}/report"):
        assert stranger.http.get(address).status_code == 404


def test_the_cases_of_a_run_are_walked_and_filtered_in_its_order(client: Client, record: Record) -> None:
    def fill(run: Recorder) -> None:
        for number in range(5):
            run.case(f"case {number}", executed("failed" if number % 2 else "passed"), new=number == 3)

    address = f"/v1/test_runs/{record(fill)}/cases"
    first = got(client, address, limit=2)
    assert first["has_more"] and [one["position"] for one in first["data"]] == [0, 1]
    rest = got(client, address, limit=5, after=first["last_id"])
    assert not rest["has_more"] and [one["position"] for one in rest["data"]] == [2, 3, 4]
    assert [one["position"] for one in got(client, address, order="desc", limit=1)["data"]] == [4]
    assert [one["position"] for one in got(client, address, verdict="failed")["data"]] == [1, 3]
    assert [one["position"] for one in got(client, address, new="true")["data"]] == [3]
    assert len(got(client, address, new="false")["data"]) == 4
    assert client.http.get(address, params={"verdict": "green"}).json()["code"] == "invalid_parameter"


def test_a_persons_verdict_stands_until_it_is_taken_back(client: Client, record: Record) -> None:
    run = record(lambda one: one.case("broken", executed("failed")))
    (case,) = got(client, f"/v1/test_runs/{run}/cases")["data"]
    address = f"/v1/test_runs/{run}/cases/{case['id']}/override"
    before = got(client, f"/v1/test_runs/{run}/report", format="json")
    assert before["run"]["verdict"] == "failed"
    shown = done(client, address, {"verdict": "passed", "note": "The limit was raised."})
    assert (shown["verdict"], shown["found"], shown["override"]["note"]) == (
        "passed",
        "failed",
        "The limit was raised.",
    )
    assert shown["override"]["by"].startswith("key_")
    after = got(client, f"/v1/test_runs/{run}")
    assert after["verdict"] == "passed" and after["counts"]["passed"] == 1 and after["reason"] is None
    assert got(client, f"/v1/test_runs/{run}/report", format="json")["run"]["verdict"] == "passed"
    assert got(client, f"/v1/test_runs/{run}/cases", verdict="passed")["data"] == [shown]
    back = done(client, address, method="DELETE")
    assert (back["verdict"], back["override"]) == ("failed", None)
    assert [one["verdict"] for one in back["overrides"]] == ["passed", None]
    assert done(client, address, method="DELETE") == back
    assert got(client, f"/v1/test_runs/{run}")["verdict"] == "failed"
    assert done(client, address, {"verdict": "skipped", "note": "x"}, 422)["errors"][0]["pointer"] == "/verdict"


def failed_with(client: Client, record: Record, status: int, *asserts: Json) -> tuple[str, Json]:
    """A run of a new case that got that status, and the address below which it is decided on."""
    case = new_case(client, *asserts)
    kept = [{"verdict": "failed", "message": "No.", **one} for one in asserts or (STATUS,)]
    step = http_step("failed", status=status, assertions=kept)
    run = record(lambda one: one.case(case["name"], executed("failed", step), case_id=uuid_of(case)))
    return f"/v1/test_runs/{run}/cases/{case['id']}", case


def test_what_came_back_is_accepted_as_a_new_version_that_says_so(client: Client, record: Record) -> None:
    address, case = failed_with(client, record, 404)
    shown = done(client, f"{address}/accept", {"note": "It was deleted on purpose."})
    assert shown["decision"]["decision"] == "accepted" and shown["decision"]["case_version"] == 2
    changed = got(client, f"/v1/test_cases/{case['id']}")
    assert changed["version"] == 2 and changed["steps"][0]["assert"] == [{"type": "status", "expected": 404}]
    newest = got(client, f"/v1/test_cases/{case['id']}/versions")["data"][0]
    run = address.split("/")[3]
    assert newest["note"] == f"Characterisation of {run}: what came back is expected. It was deleted on purpose."
    assert done(client, f"{address}/accept", {}, 409)["detail"].startswith("The case is at version 2 by now")


def test_what_cannot_be_an_expectation_is_refused_with_its_reason(client: Client, record: Record) -> None:
    address, case = failed_with(client, record, 404, STATUS, {"type": "latency", "max_ms": 5})
    refused = done(client, f"{address}/accept", {}, 409)
    assert refused["code"] == "nothing_to_accept" and refused["errors"][0]["pointer"] == "/steps/0/assert/1"
    assert got(client, f"/v1/test_cases/{case['id']}")["version"] == 1
    flaky = record(lambda run: run.case("x", executed(), executed("failed", repetition=1), case_id=uuid_of(case)))
    refused = done(client, f"/v1/test_runs/{flaky}/cases/{case['id']}/accept", {}, 409)
    assert "1 executions passed with what is expected now" in refused["detail"]


def test_what_came_back_may_be_a_case_of_its_own_or_a_fault(client: Client, record: Record) -> None:
    address, case = failed_with(client, record, 410)
    decided = done(client, f"{address}/new_case", {})["decision"]
    made = got(client, f"/v1/test_cases/{decided['test_case_id']}")
    assert made["state"] == "draft" and made["origin"] == "run" and made["name"] == "A user can be read (as observed)"
    assert made["steps"][0]["assert"] == [{"type": "status", "expected": 410}]
    assert got(client, f"/v1/test_cases/{case['id']}")["version"] == 1
    shown = done(client, f"{address}/reject", {"note": "It must be there."})
    assert [one["decision"] for one in shown["decisions"]] == ["new_case", "rejected"]
    passed = record(lambda run: run.case("fine", executed(), case_id=uuid_of(case)))
    assert done(client, f"/v1/test_runs/{passed}/cases/{case['id']}/reject", {}, 409)["code"] == "conflict"


def test_a_run_that_waits_is_there_and_takes_no_decision_until_it_has_ended(client: Client) -> None:
    case = new_case(client)
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    job = done(client, "/v1/test_runs", {"test_case_ids": [case["id"]], "run_at": later, "priority": 7}, 202)
    assert job["kind"] == "test.run" and job["priority"] == 7 and job["input"]["test_case_ids"] == [case["id"]]
    run = job["id"].replace("job_", "run_")
    shown = got(client, f"/v1/test_runs/{run}")
    assert shown["status"] == "scheduled" and shown["verdict"] is None and shown["total"] == 1
    address = f"/v1/test_runs/{run}"
    for do in (
        lambda: done(client, address, status=409, method="DELETE"),
        lambda: done(client, f"{address}/rerun", {}, 409),
        lambda: done(client, f"{address}/cases/{case['id']}/override", {"verdict": "passed", "note": "x"}, 409),
        lambda: done(client, f"{address}/report?format=html", status=409, method="GET"),
    ):
        assert do()["code"] == "run_not_final"
    assert done(client, f"{address}/cancel")["status"] == "cancelled"
    assert done(client, f"{address}/cancel", status=409)["code"] == "job_final"
    assert done(client, address, method="DELETE")["id"] == run
    # Its job is kept for longer, and is no run.
    assert got(client, f"/v1/jobs/{job['id']}")["status"] == "cancelled"
    assert client.http.get(address).status_code == client.http.delete(address).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"suite": "there is none"}, "/suite"),
        ({"test_case_ids": ["tc_" + NOBODY]}, "/test_case_ids/0"),
        ({"tags": ["none has it"]}, "/tags"),
        ({"tags": ["x"], "suite": "y"}, "/tags"),
        ({"tags": ["x"], "times": 0}, "/times"),
    ],
)
def test_a_run_of_nothing_is_refused_where_it_was_asked_for(client: Client, body: Json, pointer: str) -> None:
    answer = client.http.post("/v1/test_runs", json=body)
    assert answer.status_code in (404, 422) and answer.json()["errors"][0]["pointer"] == pointer


def test_a_deleted_run_is_gone_with_its_reports(client: Client, record: Record) -> None:
    run = record(three)
    address = f"/v1/test_runs/{run}"
    assert client.http.get(f"{address}/report?format=html").status_code == 200
    file_id = got(client, address)["reports"]["html"]["file_id"]
    assert got(client, f"/v1/files/{file_id}")["purpose"] == "report"
    assert done(client, address, method="DELETE")["id"] == run
    for gone in (address, f"{address}/cases", f"{address}/executions", f"/v1/files/{file_id}"):
        assert client.http.get(gone).status_code == 404


def test_reports_come_with_their_types_and_are_written_once(client: Client, record: Record) -> None:
    address = f"/v1/test_runs/{record(three)}/report"
    types = {"json": "application/json", "junit": "application/xml", "html": "text/html", "har": "application/json"}
    for name, media_type in types.items():
        first, second = (client.http.get(address, params={"format": name}) for _ in range(2))
        assert first.status_code == 200 and first.headers["Content-Type"].startswith(media_type), first.text
        assert first.content == second.content and first.headers["ETag"] == second.headers["ETag"]
        again = client.http.get(address, params={"format": name}, headers={"If-None-Match": first.headers["ETag"]})
        assert again.status_code == 304
    policy = client.http.get(address).headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; ") and "default-src 'none'" in policy and "unsafe" not in policy
    assert client.http.get(address).headers["Content-Disposition"].startswith("inline")
    found = JUnitXml.fromstring(client.http.get(address, params={"format": "junit"}).content)
    assert (found.tests, found.failures, found.errors) == (5, 1, 0)
    assert client.http.get(address, params={"format": "pdf"}).status_code == 422


def test_failures_are_remembered_and_a_case_has_a_history(client: Client, record: Record) -> None:
    case = new_case(client)

    def fill(run: Recorder, verdict: str) -> None:
        result = run.case(case["name"], executed(verdict), case_id=uuid_of(case))
        if verdict == "failed":
            run.failure(result)

    for verdict in ("passed", "failed", "passed", "passed"):
        record(lambda run, verdict=verdict: fill(run, verdict))
    (failure,) = got(client, "/v1/test_failures", case_id=case["id"])["data"]
    assert failure["state"] == "open" and failure["occurrences"] == 3
    assert got(client, f"/v1/test_failures/{failure['id']}") == failure
    assert got(client, "/v1/test_failures", case_id=case["id"], state="resolved")["data"] == []
    history = got(client, f"/v1/test_cases/{case['id']}/history")
    assert [one["verdict"] for one in history["data"]] == ["passed", "passed", "failed", "passed"]
    assert (history["runs"], history["flaky"], history["flake_rate"], history["passed_in_a_row"]) == (4, 0, 0.0, 2)
    assert len(got(client, f"/v1/test_cases/{case['id']}/history", limit=2)["data"]) == 2


def test_a_badge_needs_its_token_and_no_key(client: Client, system: System, record: Record) -> None:
    suite = done(client, "/v1/suites", {"name": f"badge {ids.new_id()}", "case_ids": [new_case(client)["id"]]}, 201)
    address = f"/v1/suites/{suite['id']}/badge.svg"
    with Client(system.url, None) as anybody:
        token = {"token": suite["badge_token"]}
        first = anybody.http.get(address, params=token)
        assert first.status_code == 200 and first.headers["Content-Type"] == "image/svg+xml" and "no runs" in first.text
        assert "no-cache" in first.headers["Cache-Control"]
        same = anybody.http.get(address, params=token, headers={"If-None-Match": first.headers["ETag"]})
        assert same.status_code == 304
        record(three, suite_id=uuid_of(suite))
        assert "1 failing" in anybody.http.get(address, params=token).text
        for wrong in ({}, {"token": "x"}, {"token": "\udcff".encode("utf-8", "surrogateescape").decode("latin-1")}):
            assert anybody.http.get(address, params=wrong).status_code == 404
        nobody = anybody.http.get(f"/v1/suites/suite_{NOBODY}/badge.svg", params=token)
        assert nobody.status_code == 404 and nobody.json()["code"] == "not_found"


def ended(client: Client, job: Json) -> Json:
    """The run of a job, when it has ended."""
    assert client.wait(job["id"])["status"] == "succeeded"
    return got(client, f"/v1/test_runs/{job['id'].replace('job_', 'run_')}")


def test_a_real_run_fails_is_run_again_and_passes_once_its_answer_is_accepted(client: Client, system: System) -> None:
    cases = [
        done(client, "/v1/test_cases", {"name": name, "steps": [step]}, 201)
        for name, step in {
            "health": {"method": "GET", "url": "{{shop}}/health", "assert": [STATUS]},
            "missing": {"method": "GET", "url": "{{shop}}/nowhere", "assert": [STATUS]},
        }.items()
    ]
    wanted = {"case_ids": [one["id"] for one in cases], "variables": {"shop": system.url}}
    suite = done(client, "/v1/suites", {"name": f"real {ids.new_id()}", **wanted}, 201)
    run = ended(client, done(client, f"/v1/suites/{suite['id']}/run", {"times": 2}, 202))
    assert run["verdict"] == "failed" and run["suite_id"] == suite["id"] and run["new_failures"] == 1
    assert re.fullmatch(r"file_[0-9a-f]{32}", run["reports"]["html"]["file_id"])
    page = client.http.get(run["reports"]["html"]["url"]).text
    assert "New since the last green run" in page and "/nowhere" in page
    again = ended(client, done(client, f"/v1/test_runs/{run['id']}/rerun", {"only": "failed"}, 202))
    assert again["rerun_of"] == run["id"] and again["total"] == 2 and again["verdict"] == "failed"
    done(client, f"/v1/test_runs/{again['id']}/cases/{cases[1]['id']}/accept", {})
    green = ended(client, done(client, f"/v1/test_runs/{run['id']}/rerun", {"only": "all"}, 202))
    assert green["verdict"] == "passed" and green["suite_id"] == suite["id"] and green["total"] == 4
    assert got(client, "/v1/test_failures", case_id=cases[1]["id"])["data"][0]["state"] == "resolved"
    assert done(client, f"/v1/test_runs/{green['id']}/rerun", {"only": "failed"}, 404)["code"] == "not_found"
