"""Test cases as files over HTTP: imported with what is around them, exported, and imported again as the same."""

from typing import Any
from uuid import uuid4

import pytest
import yaml

from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]

FILE = """
description: What a customer does.
variables: {currency: EUR}
setup: [{request: GET /warm}]
environment: {base_url: "https://shop.example.com", variables: {region: eu}}
tests:
- name: an order can be read
  tags: [orders]
  parametrize: [{id: 1}, {id: 9223372036854775807}]
  steps:
  - request: GET /orders/{{id}}
    assert: {status: 200, body: {$.currency: "{{currency}}"}}
- name: it is alive
  request: GET /health
"""


def sent(client: Client, content: Any = FILE, status: int = 201, *, query: Json | None = None, **more: Any) -> Json:
    answer = client.http.post("/v1/test_cases/import", json={"content": content, **more}, params=query)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def hashes(client: Client, ids: list[str]) -> list[str]:
    return [client.http.get(f"/v1/test_cases/{one}").json()["content_hash"] for one in ids]


def exported(client: Client, **query: Any) -> str:
    answer = client.http.get("/v1/test_cases/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_file_makes_cases_a_suite_and_an_environment_and_comes_back_as_the_same_content(client: Client) -> None:
    name = uuid4().hex
    made = sent(client, suite=name, environment=name)
    suite = client.http.get(f"/v1/suites/{made['suite_id']}").json()
    environment = client.http.get(f"/v1/environments/{made['environment_id']}").json()
    assert suite["case_ids"] == made["created"] and suite["environment_id"] == environment["id"]
    assert suite["variables"] == {"currency": "EUR"} and suite["setup"][0]["url"] == "/warm"
    assert (environment["name"], environment["base_url"]) == (name, "https://shop.example.com")
    case = client.http.get(f"/v1/test_cases/{made['created'][0]}").json()
    assert (case["origin"], case["state"], case["tags"]) == ("import", "approved", ["orders"])
    assert case["data"][1]["id"] == 9223372036854775807

    text = exported(client, suite_id=made["suite_id"])
    document = yaml.safe_load(text)
    assert document["suite"] == name and document["setup"] == [{"request": "GET /warm"}]
    assert document["tests"][1]["steps"] == [{"request": "GET /health"}]
    again = sent(client, text, suite=f"{name} again", state="draft")
    assert hashes(client, again["created"]) == hashes(client, made["created"])
    assert again["environment_id"] == made["environment_id"] and again["warnings"] == []


def test_a_knowledge_base_of_another_project_is_left_out_and_said(client: Client, stranger: Client) -> None:
    assertion = {"type": "operation", "operation": "GET /a"}
    project = client.http.get("/v1/projects").json()["data"][0]["id"]
    bases = f"/v1/projects/{project}/knowledge_bases"
    made = client.http.post(bases, json={"name": uuid4().hex}).json()["id"]
    step = {"method": "GET", "url": "/a", "assert": [{**assertion, "knowledge_base_id": made}]}
    case = {"name": "one", "knowledge_base_id": made, "steps": [step]}
    for who, kept in ((client, made), (stranger, None)):
        done = who.http.post("/v1/test_cases/import", json={"content": {"tests": [case]}}).json()
        found = who.http.get(f"/v1/test_cases/{done['created'][0]}").json()
        assert found["knowledge_base_id"] == found["steps"][0]["assert"][0].get("knowledge_base_id") == kept
        said = [] if kept else [("/tests/0", f"This project has no knowledge base {made}")]
        warnings = [(one["pointer"], one["message"].partition(";")[0]) for one in done["warnings"]]
        assert warnings == said
    lost = {"content": {"tests": [{**case, "data_file_id": "file_" + "0" * 32}]}}
    refusal = client.http.post("/v1/test_cases/import", json=lost).json()
    assert refusal["errors"][0]["pointer"] == "/tests/0/data_file_id"


def test_without_a_suite_each_case_has_what_the_file_says_around_it(client: Client) -> None:
    first, second = sent(client, environment=uuid4().hex)["created"]
    case = client.http.get(f"/v1/test_cases/{first}").json()
    assert case["variables"] == {"currency": "EUR"} and case["setup"][0]["url"] == "/warm"
    assert client.http.get(f"/v1/test_cases/{second}").json()["variables"] == {}


def test_a_dry_run_shows_everything_and_makes_nothing(client: Client) -> None:
    name = uuid4().hex
    shown = sent(client, status=200, query={"dry_run": "true"}, suite=name, environment=name)
    assert shown["dry_run"] and shown["created"] == [] and shown["suite_id"] is None
    assert [(one["name"], one["steps"], one["pointer"]) for one in shown["cases"]] == [
        ("an order can be read", 1, "/tests/0"), ("it is alive", 1, "/tests/1")
    ]  # fmt: skip
    assert client.http.get("/v1/suites", params={"q": name}).json()["data"] == []
    assert all(one["name"] != name for one in client.http.get("/v1/environments").json()["data"])


@pytest.mark.parametrize("form", ["form", "yaml", "bytes"])
def test_a_file_is_uploaded_as_a_form_or_as_the_body(client: Client, form: str) -> None:
    name = uuid4().hex
    if form == "form":
        files = {"file": ("tests.yaml", FILE.encode())}
        options: Json = {"files": files, "data": {"suite": name, "environment": name}}
    else:
        kind = "application/yaml" if form == "yaml" else "application/octet-stream"
        options = {"content": FILE.encode(), "headers": {"Content-Type": kind}}
        options["params"] = {"suite": name, "environment": name}
    answer = client.http.post("/v1/test_cases/import", **options)
    assert answer.status_code == 201, answer.text
    assert len(answer.json()["created"]) == 2 and answer.json()["suite_id"]


COLLECTION: Json = {
    "info": {"name": "Shop", "schema": "v2.1.0"},
    "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "canary-token"}]},
    "variable": [{"key": "baseUrl", "value": "https://shop.example.com"},
                 {"key": "password", "value": "canary-password"}],
    "item": [{"name": "Orders", "item": [
        {"name": "List", "request": {"method": "GET", "url": "{{baseUrl}}/orders", "header": []},
         "event": [{"listen": "test", "script": {"exec": ["pm.response.to.have.status(200);", "while (true) {}"]}}]}]}],
}  # fmt: skip


def test_a_collection_becomes_cases_and_its_secrets_are_sealed(client: Client, system: System) -> None:
    name = uuid4().hex
    made = sent(client, COLLECTION, suite=name, environment=name)
    assert made["format"] == "postman" and sorted(made["secrets"]) == ["password", "token"]
    environment = client.http.get(f"/v1/environments/{made['environment_id']}").json()
    assert environment["auth"]["bearer"]["token"] == "{{secret.token}}" and environment["default_auth"] == "bearer"
    kept = client.http.get(f"/v1/environments/{made['environment_id']}/secrets").json()["data"]
    assert [one["name"] for one in kept] == ["password", "token"]
    assert any("line 2 of its test script" in one["message"] for one in made["warnings"])
    shown = [made, environment, client.http.get(f"/v1/suites/{made['suite_id']}").text,
             *(client.http.get(f"/v1/test_cases/{one}").text for one in made["created"]),
             *(exported(client, suite_id=made["suite_id"], format=form) for form in ("yaml", "curl"))]  # fmt: skip
    assert "canary" not in str(shown)
    again = sent(client, COLLECTION, environment=name)
    assert again["secrets"] == [] and any("which is kept" in one["message"] for one in again["warnings"])


def test_cases_are_exported_by_name_by_state_and_one_by_one(client: Client) -> None:
    made = sent(client, environment=uuid4().hex, state="draft")["created"]
    text = exported(client, test_case_ids=",".join(reversed(made)))
    assert [one["name"] for one in yaml.safe_load(text)["tests"]] == ["it is alive", "an order can be read"]
    assert yaml.safe_load(exported(client, test_case_ids=made[0], state="approved")) == {"tests": []}
    answer = client.http.get(f"/v1/test_cases/{made[1]}/export", params={"format": "curl"})
    assert answer.headers["Content-Type"].startswith("text/x-shellscript")
    assert '"${BASE_URL}"/health' in answer.text and f'filename="{made[1]}.sh"' in answer.headers["Content-Disposition"]


NOBODY = "tc_" + "0" * 32


def test_what_is_not_there_is_not_exported(client: Client, stranger: Client) -> None:
    made = sent(client, environment=uuid4().hex)["created"][0]
    assert stranger.http.get(f"/v1/test_cases/{made}/export").status_code == 404
    for query in ({"test_case_ids": NOBODY}, {"suite_id": "suite_" + "0" * 32}):
        assert client.http.get("/v1/test_cases/export", params=query).status_code == 404
    for query in ({"test_case_ids": "x"}, {"format": "exe"}, {"nothing": "1"}):
        assert client.http.get("/v1/test_cases/export", params=query).status_code == 422


@pytest.mark.parametrize(
    ("content", "pointer", "says"),
    [
        ("tests: [", "", "line 2"),
        ("- name: x\n  request: GET /\n  assert: {status: 999}", "/0/steps/0/assert/0/expected", "100 to 599"),
        ("- name: x\n  request: GET /{{a b}}", "/0/steps/0/url", "names no value"),
        ([{"name": "x", "steps": []}], "/0/steps", ""),
        ({"tests": [{"request": "GET /"}]}, "/tests/0/name", "required"),
        ("", "/content", "text of a file"),
        (7, "/content", "text of a file"),
        ({"tests": [], "a": 1}, "/a", "no field"),
        ([], "/content", ""),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place_and_nothing_is_made(
    client: Client, content: Any, pointer: str, says: str
) -> None:
    before = client.http.get("/v1/test_cases", params={"limit": 1}).json()["first_id"]
    refusal = sent(client, content, 422)
    assert refusal["errors"][0]["pointer"] == pointer, refusal
    assert says in refusal["errors"][0]["detail"]
    assert client.http.get("/v1/test_cases", params={"limit": 1}).json()["first_id"] == before


def test_refusals_of_the_whole(client: Client) -> None:
    name = uuid4().hex
    sent(client, suite=name, environment=name)
    assert sent(client, status=409, suite=name)["code"] == "conflict"
    assert sent(client, "{", 422, format="postman")["errors"][0]["pointer"] == ""
    assert sent(client, {"item": 1}, 422, format="postman")["code"] == "invalid_input"
    assert sent(client, status=422, format="x")["errors"][0]["pointer"] == "/format"
    many = "[" + ",".join(['{"name": "x", "request": "GET /"}'] * 5001) + "]"
    assert "5,000" in sent(client, many, 422)["detail"]
    deep = "[" * 150 + "]" * 150
    assert sent(client, f"- {{name: x, request: GET /, body: {deep}}}", 422)["code"] == "invalid_input"
    for body, status in ((b"x" * (10 * 1024 * 1024 + 1), 413), (b"\xff", 422), (b"", 422)):
        answer = client.http.post("/v1/test_cases/import", content=body, headers={"Content-Type": "application/yaml"})
        assert answer.status_code == status, answer.text
