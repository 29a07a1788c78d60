"""Test cases over HTTP: made, versioned, listed, reviewed, quarantined, copied, and refused where they cannot work."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.client import HELLO, Client

Json = dict[str, Any]
NOBODY = "tc_" + "0" * 32
GET: Json = {"method": "GET", "url": "/users/{{row.id}}", "assert": [{"type": "status", "expected": "{{row.status}}"}]}
ASK: Json = {
    "kind": "completion",
    "model": "sandbox/instant",
    "messages": HELLO,
    "assert": [{"type": "same_meaning", "expected": "hello", "by": "embedding"}],
}
FULL: Json = {
    "name": "A user can be read",
    "description": "Reads a user, then asks a model about it.",
    "tags": ["smoke"],
    "operation": "GET /users/{id}",
    "variables": {"greeting": {"de": ["Hallo"]}},
    "data": [{"id": 7, "status": 200}, {"id": 0, "status": 404}],
    "setup": [
        {
            "id": "login",
            "method": "POST",
            "url": "/login",
            "body": {"user": "ada", "password": "{{secret.password}}"},
            "extract": [{"name": "token", "from": "jsonpath", "expression": "$.token", "secret": True}],
            "retry": {"max": 2, "on": ["connect", "5xx", "429"], "delay_s": 0.5},
        }
    ],
    "steps": [{**GET, "auth": {"type": "bearer", "token": "{{token}}"}}, ASK],
    "teardown": [{"method": "DELETE", "url": "https://example.com/sessions/1", "continue_on_failure": True}],
}


def make(client: Client, **changed: Any) -> Json:
    answer = client.http.post("/v1/test_cases", json={"name": "one", "steps": [GET], **changed})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/test_cases/{found['id']}"
    return found


def refused(client: Client, body: Any, status: int = 422) -> Json:
    answer = client.http.post("/v1/test_cases", json=body)
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def where(client: Client, body: Any) -> dict[str, str]:
    """What was wrong, by pointer."""
    return {one["pointer"]: one["detail"] for one in refused(client, body)["errors"]}


def patch(client: Client, case: Json, **changes: Any) -> Json:
    answer = client.http.patch(f"/v1/test_cases/{case['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def get(client: Client, case: Json, **query: Any) -> Json:
    found: Json = client.http.get(f"/v1/test_cases/{case['id']}", params=query).json()
    return found


def do(client: Client, case: Json, verb: str, body: Json | None = None, status: int = 200) -> Json:
    answer = client.http.post(f"/v1/test_cases/{case['id']}/{verb}", json=body or {})
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def listed(client: Client, **query: Any) -> list[str]:
    answer = client.http.get("/v1/test_cases", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


@pytest.fixture
def case(client: Client) -> Iterator[Json]:
    made = make(client, **FULL)
    yield made
    client.http.delete(f"/v1/test_cases/{made['id']}")


def test_a_case_comes_back_as_it_was_sent_with_an_id_for_each_step(case: Json, client: Client) -> None:
    assert case["object"] == "test_case" and case["state"] == "approved" and case["origin"] == "manual"
    assert case["version"] == 1 and case["source"] == {} and case["quarantine"] is None
    assert {name: case[name] for name in ("name", "description", "tags", "operation", "variables", "data")} == {
        name: FULL[name] for name in ("name", "description", "tags", "operation", "variables", "data")
    }
    assert case["setup"] == [{"kind": "http", **FULL["setup"][0]}]
    assert case["steps"] == [{"id": "step_1", "kind": "http", **FULL["steps"][0]}, {"id": "step_2", **ASK}]
    assert case["teardown"] == [{"id": "teardown_1", "kind": "http", **FULL["teardown"][0]}]
    assert get(client, case) == case


def test_a_case_is_found_below_its_project_too(case: Json, client: Client) -> None:
    path = f"/v1/projects/{case['project_id']}/test_cases"
    assert client.http.get(f"{path}/{case['id']}").json() == case
    assert client.http.get(path, params={"limit": 1}).json()["data"][0]["id"] == case["id"]


def test_a_list_shows_cases_without_what_they_do(case: Json, client: Client) -> None:
    shown = client.http.get("/v1/test_cases", params={"limit": 1}).json()["data"][0]
    assert shown == {name: case[name] for name in shown} and "steps" not in shown


def test_a_change_of_what_a_case_does_is_a_new_version(client: Client) -> None:
    case = make(client)
    changed = patch(client, case, steps=[ASK], note="asks instead")
    assert changed["version"] == 2 and changed["steps"][0]["messages"] == HELLO
    assert changed["content_hash"] != case["content_hash"] and changed["updated_at"] > case["updated_at"]
    assert get(client, case, version=1)["steps"] == case["steps"] and get(client, case, version=1)["version"] == 1
    versions = client.http.get(f"/v1/test_cases/{case['id']}/versions").json()["data"]
    assert [(one["number"], one["note"]) for one in versions] == [(2, "asks instead"), (1, None)]
    assert versions[0]["created_by"].startswith("key_") and versions[0]["test_case_id"] == case["id"]


def test_another_name_is_no_new_version_and_neither_is_the_same_content(client: Client) -> None:
    case = make(client)
    same = patch(client, case, name="two", tags=["a"], description="d", operation="GET /a", steps=case["steps"])
    assert same["version"] == 1 and same["content_hash"] == case["content_hash"]
    assert (same["name"], same["tags"], same["operation"]) == ("two", ["a"], "GET /a")


def test_new_rows_replace_those_of_another_source(client: Client) -> None:
    file = client.http.post("/v1/files", content=b"id\n1\n", params={"filename": "rows.csv"}).json()["id"]
    case = make(client, data=[{"id": 1}])
    with_file = patch(client, case, data_file_id=file)
    assert with_file["data"] == [] and with_file["data_file_id"] == file
    assert patch(client, case, variables={"a": 1})["data_file_id"] == file
    with_csv = patch(client, case, data_csv='id,name\n1,ada\n2,"x\ny"\n')
    assert with_csv["data_file_id"] is None
    assert with_csv["data"] == [{"id": "1", "name": "ada"}, {"id": "2", "name": "x\ny"}]
    assert patch(client, case, variables={"a": 2})["data"] == with_csv["data"]
    assert patch(client, case, data=[])["data"] == []


def test_an_old_version_is_brought_back_as_a_new_one(client: Client) -> None:
    case = make(client)
    patch(client, case, steps=[ASK])
    restored = do(client, case, "versions/1/restore")
    assert restored["version"] == 3 and restored["steps"] == case["steps"]
    assert restored["content_hash"] == case["content_hash"]
    assert do(client, case, "versions/3/restore")["version"] == 3
    assert do(client, case, "versions/9/restore", status=404)["detail"].startswith("The test case has no version 9")
    assert client.http.get(f"/v1/test_cases/{case['id']}", params={"version": 9}).status_code == 404


def test_a_copy_does_the_same_under_its_own_name(client: Client) -> None:
    draft = make(client, name="n" * 200, state="draft", data=[{"id": 1}])
    copy = do(client, draft, "duplicate", status=201)
    assert copy["id"] != draft["id"] and copy["name"] == "n" * 193 + " (copy)" and copy["state"] == "draft"
    assert copy["source"] == {"duplicate_of": draft["id"], "version": 1} and copy["data"] == draft["data"]
    assert do(client, make(client), "duplicate", {"name": "mine"}, status=201)["state"] == "approved"


def test_a_deleted_case_is_found_no_more(client: Client) -> None:
    case = make(client)
    assert client.http.delete(f"/v1/test_cases/{case['id']}").json()["id"] == case["id"]
    assert client.http.delete(f"/v1/test_cases/{case['id']}").status_code == 404
    assert client.http.get(f"/v1/test_cases/{case['id']}").status_code == 404
    assert case["id"] not in listed(client)


def test_cases_are_listed_by_what_they_are(client: Client) -> None:
    tag = f"t{uuid4().hex}"
    first = make(client, name=f"100%_{tag}", tags=[tag], state="draft", operation=f"GET /{tag}")
    second = make(client, name="other", tags=[tag, "more"])
    assert listed(client, tag=tag) == [second["id"], first["id"]] == listed(client, tag=tag, origin="manual")
    assert listed(client, tag=tag, state="draft") == listed(client, operation=f"GET /{tag}") == [first["id"]]
    assert listed(client, q=f"0%_{tag.upper()}") == [first["id"]] and listed(client, tag=tag, q="%") == [first["id"]]
    do(client, second, "quarantine", {"reason": "flaky"})
    assert listed(client, tag=tag, quarantined="true") == [second["id"]]
    assert listed(client, tag=tag, quarantined="false") == [first["id"]]
    suite = client.http.post("/v1/suites", json={"name": tag, "case_ids": [first["id"]], "select_tags": [tag]}).json()
    assert listed(client, suite=suite["id"]) == listed(client, suite=tag) == [second["id"], first["id"]]
    answer = client.http.get("/v1/test_cases", params={"suite": "nowhere"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/suite"


def test_a_draft_is_approved_or_rejected_once(client: Client) -> None:
    good, bad = make(client, state="draft"), make(client, state="draft")
    approved = do(client, good, "approve", {"note": "fine"})
    assert approved["state"] == "approved" and approved["source"]["review"]["note"] == "fine"
    assert approved["source"]["review"]["reviewed_by"].startswith("key_")
    assert do(client, bad, "reject")["state"] == "rejected"
    for case in (good, bad):
        problem = do(client, case, "approve", status=409)
        assert problem["code"] == "conflict" and "Only drafts are reviewed" in problem["detail"]


def test_drafts_are_reviewed_together_or_not_at_all(client: Client) -> None:
    drafts = [make(client, state="draft")["id"] for _ in range(3)]
    approved = make(client)["id"]
    for wrong, status in ((approved, 409), (NOBODY, 404)):
        answer = client.http.post("/v1/test_cases/approve", json={"test_case_ids": [*drafts, wrong]})
        assert answer.status_code == status
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/test_case_ids/3"]
    assert get(client, {"id": drafts[0]})["state"] == "draft"
    answer = client.http.post("/v1/test_cases/reject", json={"test_case_ids": drafts})
    assert answer.json() == {"object": "test_case_review", "state": "rejected", "test_case_ids": drafts}
    many = {"test_case_ids": [f"tc_{number:032x}" for number in range(1001)]}
    assert client.http.post("/v1/test_cases/approve", json=many).status_code == 422
    twice = {"test_case_ids": [drafts[0], drafts[0]]}
    assert client.http.post("/v1/test_cases/approve", json=twice).status_code == 422


def test_a_case_is_quarantined_and_released_and_both_are_told(client: Client) -> None:
    case = make(client, name="flaky one")
    held = do(client, case, "quarantine", {"reason": "fails on Mondays"})
    assert held["quarantined_at"] and held["quarantine"] == {"reason": "fails on Mondays", "run_id": None}
    assert do(client, case, "quarantine", {"reason": "again"}, status=409)["code"] == "conflict"
    assert do(client, case, "release")["quarantined_at"] is None
    assert do(client, case, "release", status=409)["code"] == "conflict"
    types = "test_case.quarantined,test_case.released"
    found = client.http.get("/v1/events", params={"types": types, "limit": 100}).json()["data"]
    told = [one for one in found if one["data"]["test_case_id"] == case["id"]]
    assert {one["type"]: one["data"]["reason"] for one in told} == {
        "test_case.quarantined": "fails on Mondays",
        "test_case.released": "It was released by hand.",
    }
    assert told[0]["data"]["name"] == "flaky one" and told[0]["data"]["run_id"] is None


def test_a_case_of_another_project_is_not_there(case: Json, stranger: Client) -> None:
    for path in ("", "/versions"):
        assert stranger.http.get(f"/v1/test_cases/{case['id']}{path}").status_code == 404
    assert stranger.http.patch(f"/v1/test_cases/{case['id']}", json={"name": "x"}).status_code == 404
    assert stranger.http.delete(f"/v1/test_cases/{case['id']}").status_code == 404
    for verb in ("approve", "reject", "quarantine", "release", "duplicate", "versions/1/restore"):
        assert do(stranger, case, verb, {"reason": "x"} if verb == "quarantine" else {}, status=404)
    assert stranger.http.get(f"/v1/projects/{case['project_id']}/test_cases").status_code == 404


def test_what_a_case_refers_to_must_be_in_its_project(client: Client, stranger: Client) -> None:
    file = stranger.http.post("/v1/files", content=b"id\n1\n").json()["id"]
    body = {"name": "one", "steps": [GET]}
    assert "/data_file_id" in where(client, {**body, "data_file_id": file})
    assert "/knowledge_base_id" in where(client, {**body, "knowledge_base_id": "kb_" + "0" * 32})


WRONG: list[tuple[Json, str, str]] = [
    ({"method": "GET"}, "/steps/0/url", "Missing"),
    ({"url": "/a"}, "/steps/0/method", "Missing"),
    ({**GET, "method": "FETCH"}, "/steps/0/method", "Must be one of: GET"),
    ({**GET, "kind": "grpc"}, "/steps/0/kind", "Must be one of: http, completion."),
    ({**GET, "json": {}}, "/steps/0/json", "A step of kind http has no such field; it takes id, name,"),
    ({**ASK, "stream": True}, "/steps/0/stream", "has no such field"),
    ({**ASK, "messages": []}, "/steps/0/messages", "Must have 1 to"),
    ({**ASK, "assert": [{"type": "status", "expected": 200}]}, "/steps/0/assert/0/type", "Must be one of: body"),
    ({**GET, "url": "ftp://example.com"}, "/steps/0/url", "Must begin with http://"),
    ({**GET, "url": "file:///etc/passwd"}, "/steps/0/url", "Must begin with http://"),
    ({**GET, "url": "https://ada:secret@example.com/"}, "/steps/0/url", "user name or password"),
    ({**GET, "url": "/a\nb"}, "/steps/0/url", "control characters"),
    ({**GET, "url": "/a/{{"}, "/steps/0/url", "is not closed"),
    ({**GET, "url": "/a/{{ 7 * 7 }}"}, "/steps/0/url", "names no value"),
    ({**GET, "url": "/a/{{ ''.__class__ }}"}, "/steps/0/url", "names no value"),
    ({**GET, "id": "a b"}, "/steps/0/id", "Must be a name"),
    ({**GET, "timeout_s": 0.01}, "/steps/0/timeout_s", "Must be greater"),
    ({**GET, "redirects": 11}, "/steps/0/redirects", "Must be greater"),
    ({**GET, "retry": {"max": 6}}, "/steps/0/retry/max", "Must be greater"),
    ({**GET, "retry": {"max": 1, "on": ["never"]}}, "/steps/0/retry/on/0", "Must be a cause"),
    ({**GET, "body": 1, "text": "a"}, "/steps/0/text", "has `body` already"),
    ({**GET, "query": {"a": {}}}, "/steps/0/query/a", "Must be a text"),
    ({**GET, "path_params": {"a": None}}, "/steps/0/path_params/a", "not be null"),
    ({**GET, "headers": {"a b": "c"}}, "/steps/0/headers/a b", "Must be the name of a header"),
    ({**GET, "headers": {"Host": "c"}}, "/steps/0/headers/Host", "set by Switchyard itself"),
    ({**GET, "headers": {"X": "a\r\nY: b"}}, "/steps/0/headers/X", "printable ASCII"),
    ({**GET, "auth": True}, "/steps/0/auth", "or false for none"),
    ({**GET, "auth": {"type": "magic"}}, "/steps/0/auth/type", "Must be one of: bearer"),
    ({**GET, "auth": {"type": "bearer", "token": "s3cret"}}, "/steps/0/auth/token", "secret of the environment"),
    ({**GET, "auth": {"type": "basic", "username": "a", "password": "b"}}, "/steps/0/auth/password", "plain text"),
    ({**GET, "operation": "users"}, "/steps/0/operation", "as `GET /users/{id}`"),
    ({**GET, "extract": [{"name": "a", "from": "jsonpath"}]}, "/steps/0/extract/0/expression", "needs an expression"),
    ({**GET, "extract": [{"name": "a", "from": "status", "expression": "x"}]}, "/steps/0/extract/0/expression", "out"),
    (
        {**GET, "extract": [{"name": "a", "from": "jsonpath", "expression": "$..["}]},
        "/steps/0/extract/0/expression",
        "not valid JSONPath",
    ),
    (
        {**GET, "extract": [{"name": "a", "from": "regex", "expression": "(a"}]},
        "/steps/0/extract/0/expression",
        "not valid: missing )",
    ),
]
WRONG_ASSERTIONS: list[tuple[Any, str, str]] = [
    (3, "", "Must be an object."),
    ({"type": "status", "expected": 200, "path": "$.a"}, "/path", "An assertion of type status has no such field"),
    ({"type": "status", "expected": 99}, "/expected", "Must be a status from 100 to 599"),
    ({"type": "status", "expected": [200, "6xx"]}, "/expected", "Must be a status from 100 to 599"),
    ({"type": "status", "expected": "2xx", "op": "less"}, "/expected", "compares with one status"),
    ({"type": "status", "expected": 200, "op": "contains"}, "/op", "Must be one of: equals"),
    ({"type": "status", "expected": 200, "severity": "maybe"}, "/severity", "Must be one of: fail, warn."),
    ({"type": "header", "name": "X", "op": "exists", "expected": 1}, "/expected", "leave `expected` out"),
    ({"type": "header", "name": "X"}, "/expected", "needs a value"),
    ({"type": "body", "path": "$.[", "op": "exists"}, "/path", "not valid JSONPath"),
    ({"type": "body", "path": "a[", "op": "exists"}, "/path", "not valid JMESPath"),
    ({"type": "body", "op": "matches", "expected": "(a"}, "/expected", "missing )"),
    ({"type": "body", "op": "less", "expected": []}, "/expected", "a number or a text"),
    ({"type": "body", "op": "length", "expected": -1}, "/expected", "whole number"),
    ({"type": "body", "op": "type", "expected": "date"}, "/expected", "one of: string"),
    ({"type": "body", "op": "one_of", "expected": []}, "/expected", "a list"),
    ({"type": "json_schema", "schema": {"type": "strnig"}}, "/schema", "JSON schema"),
    ({"type": "json_schema", "schema": {"$ref": "http://127.0.0.1/x"}}, "/schema", "JSON schema"),
    ({"type": "json_schema", "schema": []}, "/schema", "Must be a JSON schema"),
    ({"type": "regex", "pattern": "[a"}, "/pattern", "not valid"),
    ({"type": "regex", "pattern": "((a{99}){99}){99}"}, "/pattern", "repeats too much"),
    ({"type": "latency", "max_ms": 0}, "/max_ms", "Must be greater"),
    ({"type": "size"}, "", "Needs max_bytes"),
    ({"type": "size", "min_bytes": 2, "max_bytes": 1}, "/min_bytes", "more than max_bytes"),
    ({"type": "same_meaning", "expected": "a", "judges": 3}, "/judges", "by: judge"),
    ({"type": "same_meaning", "expected": "a", "model": "m", "judges": 6}, "/judges", "Must be greater"),
    ({"type": "validation_prompt"}, "/prompt", "Missing"),
]


@pytest.mark.parametrize(("step", "pointer", "detail"), WRONG, ids=lambda value: str(value)[:60])
def test_a_step_that_cannot_work_is_refused_where_it_is_wrong(
    step: Json, pointer: str, detail: str, client: Client
) -> None:
    assert detail in where(client, {"name": "one", "steps": [step]})[pointer]


@pytest.mark.parametrize(("assertion", "at", "detail"), WRONG_ASSERTIONS, ids=lambda value: str(value)[:60])
def test_an_assertion_that_cannot_work_is_refused_where_it_is_wrong(
    assertion: Any, at: str, detail: str, client: Client
) -> None:
    body = {"name": "one", "steps": [ASK, {**GET, "assert": [{"type": "status", "expected": 200}, assertion]}]}
    assert detail in where(client, body)[f"/steps/1/assert/1{at}"]


def test_a_case_that_cannot_be_is_refused(client: Client) -> None:
    good = {"name": "one", "steps": [GET]}
    assert refused(client, {**good, "colour": "red"})["code"] == "unknown_field"
    assert "/name" in where(client, {**good, "name": " "}) and "/steps" in where(client, {"name": "one"})
    assert "/steps" in where(client, {**good, "steps": []})
    assert "/steps" in where(client, {**good, "steps": [GET] * 51})
    assert "/steps/0/assert" in where(client, {**good, "steps": [{**GET, "assert": GET["assert"] * 101}]})
    assert "/state" in where(client, {**good, "state": "rejected"})
    assert "/tags" in where(client, {**good, "tags": ["a", "a"]})
    assert "/variables/a b" in where(client, {**good, "variables": {"a b": 1}})
    assert "/data/1" in where(client, {**good, "data": [{}, 7]})
    assert "/data_csv" in where(client, {**good, "data": [{"a": 1}], "data_csv": "a\n1\n"})
    twice = where(client, {**good, "setup": [{**GET, "id": "a"}], "steps": [GET, {**GET, "id": "a"}]})
    assert twice == {"/steps/1/id": "'a' is the id of another step already (/setup/0/id)."}


def test_schemas_with_cycles_and_templates_in_every_place_are_taken(client: Client) -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    found = make(client, steps=[{**GET, "assert": [{"type": "json_schema", "schema": tree, "path": "{{where}}"}]}])
    assert found["steps"][0]["assert"][0]["schema"] == tree
    regex = {"type": "regex", "pattern": "{{row.pattern}}("}
    make(client, steps=[{**GET, "headers": {"X": "{{name ?? ü}}"}, "assert": [regex]}])


@pytest.mark.parametrize(
    ("csv", "detail"),
    [
        ("id,name\n1,ada\n2\n", "Line 3 has 1 cells, and the first line 2."),
        ("id,id\n1,2\n", "The first line names the column 'id' twice."),
        ("id,\n1,2\n", "empty"),
        ('id\n"open\n', "Line 2 is not valid CSV"),
        ("\n\n", "There is no line with the names"),
    ],
)
def test_csv_that_is_no_table_is_refused(csv: str, detail: str, client: Client) -> None:
    assert detail in where(client, {"name": "one", "steps": [GET], "data_csv": csv})["/data_csv"]


def test_too_many_rows_belong_into_a_file(client: Client) -> None:
    rows = {"data": [{"id": 1}] * 100_000}, {"data_csv": "id\n" + "1\n" * 100_000}
    for body in rows:
        problem = refused(client, {"name": "one", "steps": [GET], **body})
        assert problem["code"] == "too_many_rows" and "data_file_id" in problem["detail"]
    assert len(make(client, data=[{"id": 1}] * 10_000)["data"]) == 10_000


def test_what_is_nested_without_end_or_too_large_is_refused(client: Client) -> None:
    def nested(depth: int) -> Any:
        return json.loads("[" * depth + "]" * depth)

    good = {"name": "one", "steps": [GET]}
    for depth in (70, 300, 900):
        assert "nested" in where(client, {**good, "variables": {"deep": nested(depth)}})["/variables"]
        assert "nested" in where(client, {**good, "data": [{"deep": nested(depth)}]})["/data"]
        assert "nested" in where(client, {**good, "steps": [{**GET, "body": nested(depth)}]})["/steps"]
    assert "bytes" in where(client, {**good, "variables": {"large": "x" * 1_100_000}})["/steps"]
    assert refused(client, {**good, "variables": {"large": "x" * 5_000_000}}, 413)["code"] == "body_too_large"
    assert refused(client, {**good, "variables": {"nul": "\0"}})["code"] == "nul_character"
    make(client, variables={"deep": nested(40)})
