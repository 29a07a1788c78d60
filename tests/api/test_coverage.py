"""Test coverage over HTTP, and test cases that are written on demand."""

from typing import Any
from uuid import uuid4

import pytest

from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]

LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 50}}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
BODY = {"content": {"application/json": {"schema": {
    "type": "object", "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 9}, "tags": {"type": "array", "items": {"type": "string"}}},
}}}}  # fmt: skip
FINE = {"description": "Fine."}


@pytest.fixture(scope="module")
def bases(system: System) -> str:
    """Where knowledge bases are."""
    return f"/v1/projects/{system.project_id}/knowledge_bases"


@pytest.fixture(scope="module")
def base(client: Client, bases: str) -> str:
    """A knowledge base with three operations."""
    base = client.http.post(bases, json={"name": "covered"}).json()["id"]
    for method, path, operation in (
        ("GET", "/things", {"parameters": [LIMIT], "responses": {"200": FINE, "422": FINE}}),
        ("POST", "/things", {"requestBody": BODY, "responses": {"201": FINE, "422": FINE}}),
        ("GET", "/things/{id}", {"parameters": [ID], "responses": {"200": FINE, "404": FINE}}),
    ):
        made = client.http.post(f"{bases}/{base}/apis", json={"method": method, "path": path, "operation": operation})
        assert made.status_code == 201, made.text
    return str(base)


def case(client: Client, base: str, *steps: Json, **more: Any) -> str:
    body = {"name": "one", "knowledge_base_id": base, "steps": list(steps), **more}
    answer = client.http.post("/v1/test_cases", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def coverage(client: Client, base: str, **query: Any) -> Json:
    answer = client.http.get("/v1/test_coverage", params={"knowledge_base_id": base, **query})
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_approved_cases_cover_what_they_call_assert_and_send(client: Client, base: str) -> None:
    before = coverage(client, base)
    assert before["totals"]["operations"] == {"total": 3, "covered": 0, "percent": 0.0}
    by_url = {
        "method": "GET",
        "url": "https://example.com/v2/things/{{id}}",
        "assert": [{"type": "status", "expected": [200, "4xx"]}],
    }
    named = {
        "method": "POST",
        "url": "/v2/anything",
        "operation": "POST /things",
        "body": {"tags": ["x"]},
        "assert": [{"type": "status", "expected": 422}],
    }
    elsewhere = {"method": "GET", "url": "/nowhere"}
    first = case(client, base, by_url, named, elsewhere)
    case(client, base, {"method": "GET", "url": "/things", "query": {"limit": 3}}, state="draft")
    suite = f"only {uuid4().hex}"
    assert client.http.post("/v1/suites", json={"name": suite, "case_ids": [first]}).status_code == 201
    of_suite = coverage(client, base, suite=suite)
    assert (of_suite["cases"], of_suite["unknown_steps"], of_suite["version"]) == (1, 1, None)
    for found in (coverage(client, base), of_suite):
        assert found["totals"]["operations"] == {"total": 3, "covered": 2, "percent": 66.7}
        assert found["totals"]["statuses"] == {"total": 6, "covered": 3, "percent": 50.0}
        nothing, one, made = found["data"]
        assert (nothing["operation"], nothing["covered"], nothing["unused"]) == ("GET /things", False, ["limit"])
        assert "limit maximum" in nothing["keywords_missing"]
        assert (one["operation"], one["asserted"]) == ("GET /things/{id}", ["200", "404"])
        assert (made["operation"], made["asserted"], made["not_asserted"]) == ("POST /things", ["422"], ["201"])
        assert (made["unused"], made["omitted"]) == (["name"], [])
    page = coverage(client, base, limit=1, offset=1)
    assert ([one["operation"] for one in page["data"]], page["has_more"]) == (["GET /things/{id}"], True)


def test_cases_that_are_written_on_demand_cover_the_keywords_that_they_are_for(client: Client, base: str) -> None:
    wish = {"from": "openapi", "knowledge_base_id": base, "operations": ["GET /things"], "modes": ["negative"]}
    answer = client.http.post("/v1/test_cases/generate", json=wish)
    assert answer.status_code == 202, answer.text
    done = client.wait(answer.json()["id"], 60)
    assert done["status"] == "succeeded", done
    drafts = done["result"]["drafts"]
    approved = client.http.post("/v1/test_cases/approve", json={"test_case_ids": drafts})
    assert approved.status_code == 200, approved.text
    (found,) = [one for one in coverage(client, base)["data"] if one["operation"] == "GET /things"]
    assert (found["cases"], found["keywords"]["percent"], found["asserted"]) == (len(drafts) - 1, 100.0, ["422"])


@pytest.mark.parametrize(
    ("wish", "status", "pointer"),
    [
        ({"from": "openapi", "operations": ["GET /nowhere"]}, 422, "/operations/0"),
        ({"from": "openapi", "environment": "nowhere"}, 404, "/environment"),
        ({"from": "openapi", "source": "nobody's"}, 404, "/source"),
        ({"from": "trace"}, 422, "/trace"),
        ({"from": "thin air"}, 422, "/from"),
    ],
)
def test_what_cannot_be_written_is_refused(client: Client, base: str, wish: Json, status: int, pointer: str) -> None:
    answer = client.http.post("/v1/test_cases/generate", json={"knowledge_base_id": base, **wish})
    assert answer.status_code == status, answer.text
    assert [one["pointer"] for one in answer.json().get("errors", [])] == [pointer]


def test_an_empty_knowledge_base_is_covered_and_gets_no_cases(client: Client, bases: str) -> None:
    empty = client.http.post(bases, json={"name": "empty"}).json()["id"]
    found = coverage(client, empty)
    assert (found["data"], found["totals"]["operations"]["percent"]) == ([], 100.0)
    answer = client.http.post("/v1/test_cases/generate", json={"from": "openapi", "knowledge_base_id": empty})
    assert (answer.status_code, "has no operations" in answer.json()["detail"]) == (422, True)


def test_a_knowledge_base_or_a_suite_of_nobody_is_not_there(client: Client, base: str) -> None:
    nobody = {"knowledge_base_id": "kb_" + "0" * 32}
    assert client.http.get("/v1/test_coverage", params=nobody).status_code == 404
    for unknown in ("suite", "source"):
        asked = {"knowledge_base_id": base, unknown: "nobody's"}
        assert client.http.get("/v1/test_coverage", params=asked).status_code == 404
