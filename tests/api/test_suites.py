"""Suites over HTTP: what they run and in which order, how they are changed, and what is refused."""

from typing import Any
from uuid import uuid4

import pytest

from tests.client import Client

Json = dict[str, Any]
GET: Json = {"method": "GET", "url": "/"}
NOBODY = "tc_" + "0" * 32


def case(client: Client, **changed: Any) -> str:
    answer = client.http.post("/v1/test_cases", json={"name": "one", "steps": [GET], **changed})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def make(client: Client, **wanted: Any) -> Json:
    answer = client.http.post("/v1/suites", json={"name": uuid4().hex, **wanted})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/suites/{found['id']}"
    return found


def patch(client: Client, suite: Json, **changes: Any) -> Json:
    answer = client.http.patch(f"/v1/suites/{suite['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def where(client: Client, body: Json) -> dict[str, str]:
    answer = client.http.post("/v1/suites", json={"name": uuid4().hex, **body})
    assert answer.status_code == 422, answer.text
    return {one["pointer"]: one["detail"] for one in answer.json()["errors"]}


def cases_of(client: Client, suite: Json, **query: Any) -> list[str]:
    answer = client.http.get(f"/v1/suites/{suite['id']}/cases", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


def test_a_suite_comes_back_as_it_was_sent(client: Client) -> None:
    wanted: Json = {
        "description": "What must always work.",
        "tags": ["nightly"],
        "case_ids": [case(client), case(client)],
        "select_tags": ["smoke"],
        "variables": {"a": [1]},
        "setup": [{"id": "login", "kind": "http", "method": "POST", "url": "/login"}],
        "defaults": {"times": 3, "concurrency": 5, "fail_fast": True, "reports": ["junit"]},
    }
    suite = make(client, **wanted)
    assert suite["object"] == "suite" and suite["environment_id"] is None and suite["teardown"] == []
    assert {**suite, **wanted} == suite and len(suite["badge_token"]) >= 32
    assert client.http.get(f"/v1/suites/{suite['id']}").json() == suite
    path = f"/v1/projects/{suite['project_id']}/suites"
    assert client.http.get(f"{path}/{suite['id']}").json() == suite
    assert client.http.get(path, params={"limit": 1}).json()["data"] == [suite]


def test_a_suite_runs_the_cases_it_names_in_its_order_and_then_those_of_its_tags(client: Client) -> None:
    tag = uuid4().hex
    tagged, draft, rejected, gone = (case(client, tags=[tag], state=state) for state in ("approved", *["draft"] * 3))
    named = [case(client), case(client, tags=[tag]), case(client)]
    client.http.post(f"/v1/test_cases/{rejected}/reject")
    client.http.delete(f"/v1/test_cases/{gone}")
    suite = make(client, case_ids=[named[2], named[0], named[1]], select_tags=[tag, "none"])
    order = [named[2], named[0], named[1], tagged]
    assert cases_of(client, suite) == order
    assert cases_of(client, suite, include_drafts="true") == [*order, draft]
    assert cases_of(client, suite, limit=2) == order[:2] and cases_of(client, suite, after=order[1]) == order[2:]
    page = client.http.get(f"/v1/suites/{suite['id']}/cases", params={"limit": 1, "after": order[2]}).json()
    assert page["has_more"] is False and page["first_id"] == page["last_id"] == tagged
    answer = client.http.get(f"/v1/suites/{suite['id']}/cases", params={"after": NOBODY})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/after"
    client.http.delete(f"/v1/test_cases/{named[0]}")
    assert cases_of(client, suite) == [named[2], named[1], tagged]


def test_a_suite_is_changed_field_by_field(client: Client) -> None:
    suite = make(client, variables={"a": 1}, setup=[GET], tags=["x"])
    changed = patch(client, suite, teardown=[GET], name=suite["name"] + "!", select_tags=["smoke"])
    assert changed["variables"] == {"a": 1} and changed["tags"] == ["x"] and changed["select_tags"] == ["smoke"]
    assert changed["setup"][0]["id"] == "setup_1" and changed["teardown"][0]["id"] == "teardown_1"
    assert patch(client, suite, setup=[])["setup"] == []
    assert changed["badge_token"] == suite["badge_token"] and changed["updated_at"] > suite["updated_at"]


def test_a_name_stands_for_one_suite_until_that_is_deleted(client: Client, stranger: Client) -> None:
    suite, other = make(client), make(client)
    for answer in (
        client.http.post("/v1/suites", json={"name": suite["name"]}),
        client.http.patch(f"/v1/suites/{other['id']}", json={"name": suite["name"]}),
    ):
        assert answer.status_code == 409 and "choose another name" in answer.json()["detail"]
    make(stranger, name=suite["name"])
    assert client.http.delete(f"/v1/suites/{suite['id']}").json()["id"] == suite["id"]
    assert client.http.get(f"/v1/suites/{suite['id']}").status_code == 404
    make(client, name=suite["name"])


def test_suites_are_listed_by_tag_and_name(client: Client) -> None:
    tag = uuid4().hex
    suite = make(client, name=f"Nightly {tag}", tags=[tag])
    for query in ({"tag": tag}, {"q": f"nightly {tag}"}):
        assert [one["id"] for one in client.http.get("/v1/suites", params=query).json()["data"]] == [suite["id"]]


def test_a_suite_of_another_project_is_not_there(client: Client, stranger: Client) -> None:
    suite = make(client)
    for path in ("", "/cases"):
        assert stranger.http.get(f"/v1/suites/{suite['id']}{path}").status_code == 404
    assert stranger.http.patch(f"/v1/suites/{suite['id']}", json={}).status_code == 404
    assert stranger.http.delete(f"/v1/suites/{suite['id']}").status_code == 404


def test_what_a_suite_names_must_be_in_its_project(client: Client, stranger: Client) -> None:
    mine, theirs = case(client), case(stranger)
    assert where(client, {"case_ids": [mine, NOBODY, theirs]}) == {
        "/case_ids/1": "There is no such test case.",
        "/case_ids/2": "There is no such test case.",
    }
    environment = stranger.http.post("/v1/environments", json={"name": uuid4().hex}).json()["id"]
    assert "/environment_id" in where(client, {"environment_id": environment})
    suite = make(client, case_ids=[mine])
    answer = client.http.patch(f"/v1/suites/{suite['id']}", json={"case_ids": [theirs]})
    assert answer.status_code == 422 and cases_of(client, suite) == [mine]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"case_ids": ["tc_1"]}, "/case_ids/0"),
        ({"case_ids": [NOBODY, NOBODY]}, "/case_ids"),
        ({"setup": [{"method": "GET"}]}, "/setup/0/url"),
        ({"teardown": [{**GET, "url": "{{"}]}, "/teardown/0/url"),
        ({"setup": [{**GET, "id": "a"}], "teardown": [{**GET, "id": "a"}]}, "/teardown/0/id"),
        ({"defaults": {"times": 0}}, "/defaults/times"),
        ({"defaults": {"speed": 1}}, "/defaults/speed"),
        ({"defaults": {"reports": ["pdf"]}}, "/defaults/reports/0"),
        ({"steps": []}, "/steps"),
    ],
)
def test_a_suite_that_cannot_run_is_refused_where_it_is_wrong(body: Json, pointer: str, client: Client) -> None:
    assert pointer in where(client, body)
