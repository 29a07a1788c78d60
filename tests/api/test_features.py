"""Features over HTTP: made, found, changed, switched, merged, split, dismissed, removed; and who may what."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.workers.features import rows as written
from tests.workers.features.rows import Rows

Json = dict[str, Any]
NOBODY = "feat_" + "0" * 32
NOTHING = "trace_" + "0" * 32


@pytest.fixture(scope="module")
def rows(system: System) -> Iterator[Rows]:
    """The system's database, for what only an analysis writes."""
    made = Rows(system.database_url, system.project_id)
    yield made
    made.close()


def make(client: Client, **wanted: Any) -> Json:
    answer = client.http.post("/v1/features", json={"name": f"Track {uuid4().hex}", **wanted})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/features/{found['id']}"
    return found


def get(client: Client, feature: str, **query: Any) -> Json:
    answer = client.http.get(f"/v1/features/{feature}", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def post(client: Client, feature: str, what: str, **body: Any) -> Json:
    answer = client.http.post(f"/v1/features/{feature}/{what}", json=body)
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


def until(ask: Callable[[], Any]) -> Any:
    """What it says, as soon as it says something."""
    end = time.monotonic() + 20
    while not (found := ask()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def changes(rows: Rows, feature: str) -> list[str]:
    found: list[str] = rows.do(written.changes, UUID(feature.removeprefix("feat_")))
    return found


def test_a_feature_is_made_by_hand_and_shown_as_it_is(client: Client, rows: Rows) -> None:
    name = f"Track {uuid4().hex}"
    made = make(client, name=name, description="Where is it?", tags=["shop"], inputs=["Where is my parcel?"])
    assert made["object"] == "feature" and made["key"] == name.lower().replace(" ", "_")
    expected = {
        "state": "confirmed",
        "named_by": "person",
        "enabled": True,
        "at_risk": False,
        "merged_into": None,
        "traces": 0,
        "tests": {"approved": 0, "drafts": 0},
        "evidence": {"trace_ids": [], "inputs": ["Where is my parcel?"]},
        "description": "Where is it?",
        "tags": ["shop"],
    }
    assert {**made, **expected} == made
    assert get(client, made["id"]) == made
    path = f"/v1/projects/{made['project_id']}/features"
    assert client.http.get(f"{path}/{made['id']}").json() == made
    assert client.http.get(path, params={"key": made["key"]}).json()["data"] == [made]
    assert changes(rows, made["id"]) == ["created"]


def test_features_are_listed_page_by_page_with_their_tests(client: Client) -> None:
    tag = uuid4().hex
    first, second = make(client, tags=[tag]), make(client, tags=[tag])
    steps = [{"method": "GET", "url": "/"}]
    client.http.post("/v1/test_cases", json={"name": "one", "steps": steps, "feature_id": first["id"]})
    page = client.http.get("/v1/features", params={"tag": tag, "limit": 1}).json()
    assert [one["id"] for one in page["data"]] == [second["id"]] and page["has_more"]
    rest = client.http.get("/v1/features", params={"tag": tag, "after": page["last_id"]}).json()
    assert [(one["id"], one["tests"]["approved"]) for one in rest["data"]] == [(first["id"], 1)]
    assert get(client, first["id"])["tests"] == {"approved": 1, "drafts": 0}


def test_a_feature_is_changed_switched_confirmed_and_dismissed(client: Client, rows: Rows) -> None:
    feature = rows.add("feat", written.feature)
    before = get(client, feature)
    assert post(client, feature, "disable")["enabled"] is False
    assert post(client, feature, "enable")["enabled"] is True
    assert post(client, feature, "confirm")["state"] == "confirmed"
    changed = client.http.patch(f"/v1/features/{feature}", json={"name": "Mine", "tags": ["x"]}).json()
    assert (changed["name"], changed["named_by"], changed["tags"], changed["key"]) == (
        "Mine", "person", ["x"], before["key"])  # fmt: skip
    assert changed["updated_at"] > before["updated_at"]
    assert post(client, feature, "dismiss")["state"] == "dismissed"
    assert not client.http.get("/v1/features", params={"key": before["key"]}).json()["data"]
    dismissed = client.http.get("/v1/features", params={"key": before["key"], "state": "dismissed"}).json()
    assert [one["id"] for one in dismissed["data"]] == [feature]
    assert changes(rows, feature) == ["disabled", "enabled", "changed", "changed", "dismissed"]


def test_a_merged_feature_leads_on(client: Client) -> None:
    one, into, other = make(client), make(client), make(client)
    assert post(client, one["id"], "merge", into=into["id"])["id"] == into["id"]
    merged = get(client, one["id"])
    assert (merged["state"], merged["merged_into"]) == ("merged", into["id"])
    assert get(client, one["id"], follow="true")["id"] == into["id"]
    assert [get(client, into["id"], follow=follow)["id"] for follow in ("true", "false")] == [into["id"]] * 2
    for path, body, code in (
        ("merge", {"into": other["id"]}, "feature_merged"),
        ("enable", None, "feature_merged"),
        ("confirm", None, "feature_merged"),
    ):
        answer = client.http.post(f"/v1/features/{one['id']}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, code)
        assert into["id"] in answer.json()["detail"]
    answer = client.http.post(f"/v1/features/{into['id']}/merge", json={"into": one["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "merge_refused")
    post(client, other["id"], "dismiss")
    answer = client.http.post(f"/v1/features/{into['id']}/merge", json={"into": other["id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "feature_dismissed")


def test_traces_are_split_off_given_taken_away_and_listed(client: Client, rows: Rows) -> None:
    feature = rows.add("feat", written.feature, traces=2)
    traces = [rows.add("trace", written.trace, UUID(feature.removeprefix("feat_"))) for _ in range(2)]
    cut = post(client, feature, "split", trace_ids=traces[:1], name=f"Refund {uuid4().hex}")
    assert (cut["traces"], cut["evidence"]["trace_ids"]) == (1, traces[:1])
    listed = client.http.get(f"/v1/features/{cut['id']}/traces").json()["data"]
    assert [one["id"] for one in listed] == traces[:1] and listed[0]["feature"]["assigned_by"] == "person"
    answer = client.http.post(f"/v1/features/{feature}/split", json={"trace_ids": traces})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/trace_ids/0"
    path = f"/v1/features/{feature}/traces"
    assert client.http.put(path, json={"trace_ids": traces}).json()["traces"] == 2
    assert get(client, cut["id"])["traces"] == 0
    taken = client.http.request("DELETE", path, json={"trace_ids": traces[:1]})
    assert taken.status_code == 200 and taken.json()["traces"] == 1
    assert client.http.put(path, json={"trace_ids": [NOTHING]}).status_code == 404


@pytest.mark.parametrize(
    ("filter", "pointer"),
    [
        ({}, "/filter"),
        ({"feature_id": NOBODY}, "/filter/feature_id"),
        ({"has_errors": "true"}, "/filter/has_errors"),
        ({"min_tokens": "5"}, "/filter/min_tokens"),
        ({"has_errors": False, "min_tokens": 10, "min_cost_usd": 0.5}, "/filter"),
    ],
)
def test_a_filter_says_which_of_a_features_traces_are_meant(client: Client, filter: Json, pointer: str) -> None:
    made = make(client)
    answer = client.http.post(f"/v1/features/{made['id']}/split", json={"filter": filter})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text
    assert client.http.get(f"/v1/features/{made['id']}/traces", params={"feature_id": NOBODY}).status_code == 422


def test_a_removed_feature_is_gone_and_answered_as_it_was(client: Client, rows: Rows) -> None:
    made = make(client)
    assert client.http.delete(f"/v1/features/{made['id']}").json() == made
    assert client.http.get(f"/v1/features/{made['id']}").status_code == 404
    assert client.http.delete(f"/v1/features/{made['id']}").status_code == 404
    assert changes(rows, made["id"]) == ["created", "removed"]


def test_a_feature_learns_its_examples_within_moments(client: Client, rows: Rows) -> None:
    made = make(client, inputs=["I want my money back"])
    feature = UUID(made["id"].removeprefix("feat_"))
    found = until(lambda: rows.do(written.prototypes, feature))
    assert {one.pinned for one in found} == {True}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": "  "}, "/name"),
        ({"name": "x", "key": "Not a key"}, "/key"),
        ({"name": "x", "key": "a\n"}, "/key"),
        ({"name": "x", "trace_ids": ["trace_7"]}, "/trace_ids/0"),
        ({"name": "x", "inputs": [""]}, "/inputs/0"),
        ({"name": "x", "state": "merged"}, "/state"),
    ],
)
def test_what_is_no_feature_is_refused_at_its_place(client: Client, body: Json, pointer: str) -> None:
    answer = client.http.post("/v1/features", json=body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text


def test_a_key_stands_for_one_feature(client: Client, stranger: Client) -> None:
    key = f"k{uuid4().hex}"
    make(client, key=key)
    answer = client.http.post("/v1/features", json={"name": "x", "key": key})
    assert (answer.status_code, answer.json()["code"]) == (409, "feature_key_taken")
    assert make(stranger, key=key)["key"] == key


def test_a_feature_of_another_project_is_not_there(client: Client, stranger: Client) -> None:
    made, own = make(client), make(stranger)
    one = f"/v1/features/{made['id']}"
    for path in ("", "/traces", "/drift", "/fingerprints", f"/drift/drift_{'0' * 32}"):
        assert stranger.http.get(one + path).status_code == 404
    for path in ("enable", "disable", "confirm", "dismiss", "rerun_tests", f"drift/drift_{'0' * 32}/resolve"):
        assert stranger.http.post(f"{one}/{path}").status_code == 404
    for path, body in (("merge", {"into": own["id"]}), ("split", {"trace_ids": [NOTHING]})):
        assert stranger.http.post(f"{one}/{path}", json=body).status_code == 404
    answer = stranger.http.post(f"/v1/features/{own['id']}/merge", json={"into": made["id"]})
    assert answer.status_code == 404 and answer.json()["errors"][0]["pointer"] == "/into"
    assert stranger.http.patch(one, json={"name": "x"}).status_code == 404
    assert stranger.http.delete(one).status_code == 404
    for method in ("PUT", "DELETE"):
        assert stranger.http.request(method, f"{one}/traces", json={"trace_ids": [NOTHING]}).status_code == 404
    assert get(client, made["id"]) == made


def test_reading_and_deciding_need_scopes_of_their_own(client: Client, system: System) -> None:
    made = make(client)
    key = client.http.post("/v1/api_keys", json={"name": "reader", "scopes": ["features:read"]}).json()["key"]
    with Client(system.url, key) as reader:
        assert reader.http.get("/v1/features/overview").status_code == 200
        for answer in (
            reader.http.post(f"/v1/features/{made['id']}/disable"),
            reader.http.post("/v1/features/analyze"),
            reader.http.get(f"/v1/features/{made['id']}/traces"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_the_overview_has_every_feature(client: Client) -> None:
    made = make(client)
    found = client.http.get("/v1/features/overview", params={"limit": 1000}).json()
    (row,) = [one for one in found["features"] if one["feature_id"] == made["id"]]
    assert row["key"] == made["key"] and row["tests"]["approved"] == 0 and row["cost_usd"] == "0"
    for wrong in ({"since": "2999-01-01T00:00:00Z"}, {"until": "0001-01-01T00:00:00Z"}):
        answer = client.http.get("/v1/features/overview", params=wrong)
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == f"/{next(iter(wrong))}"


def test_an_analysis_on_demand_is_a_job(client: Client) -> None:
    answer = client.http.post("/v1/features/analyze", json={"trace_ids": [NOTHING], "metadata": {"why": "test"}})
    assert answer.status_code == 202 and answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    assert (answer.json()["kind"], answer.json()["metadata"]) == ("feature.analyze", {"why": "test"})
    answer = client.http.post("/v1/features/analyze", json={"trace_ids": []})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/trace_ids"
