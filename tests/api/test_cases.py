"""Test cases over HTTP: made, versioned, listed, reviewed, quarantined, copied, and refused where they cannot work."""

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
