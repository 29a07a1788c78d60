"""Traces over HTTP: listed, read, walked, exported, deleted, and turned into tests."""

import json
import time
from typing import Any

import pytest

from tests.client import Client
from tests.workers.traces.sending import send, span, trace_id
from workers.traces.base import Span

Json = dict[str, Any]

CALL: Json = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Here."}]}]),
}  # fmt: skip


def conversation(**attributes: Any) -> list[Span]:
    """A request with a call of a model below it."""
    root = span("POST /chat", {"http.request.method": "POST", "url.full": "https://shop.example/chat",
                               "http.response.status_code": 200}, ms=900, kind=2, **attributes)  # fmt: skip
    return [root, span("chat", CALL, parent=root, ms=500)]


def get(client: Client, path: str, **query: Any) -> Json:
    answer = client.http.get(f"/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def added_up(client: Client, trace: str) -> Json:
    """The trace, when the roll-up has been there."""
    give_up_at = time.monotonic() + 20
    while (found := get(client, f"/traces/{trace}"))["pending"]:
        assert time.monotonic() < give_up_at, "nobody added it up"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def sent(client: Client) -> Json:
    """A trace that is added up, in a session of its own."""
    spans = conversation(session__id="traces over http", user__id="ann", tag="x")
    send(client, spans)
    return added_up(client, trace_id(spans[0]))


def test_a_trace_can_be_read_as_soon_as_it_was_received(client: Client) -> None:
    spans = conversation()
    send(client, spans)
    found = get(client, f"/traces/{trace_id(spans[0])}")
    assert [(one["name"], one["depth"]) for one in found["tree"]] == [("POST /chat", 0), ("chat", 1)]
    assert trace_id(spans[0]) in [one["id"] for one in get(client, "/traces", limit=100)["data"]]


def test_a_trace_says_what_it_adds_up_to(sent: Json) -> None:
    assert (sent["object"], sent["name"], sent["duration_ms"]) == ("trace", "POST /chat", 900.0)
    assert (sent["observations"], sent["generations"], sent["errors"]) == (2, 1, 0)
    assert (sent["input_tokens"], sent["output_tokens"], sent["models"]) == (1000, 100, ["gpt-4o-mini"])
    assert float(sent["cost_usd"]) > 0 and sent["unpriced"] == 0 and sent["feature"] is None
    assert "Where is it?" in sent["input"] and "Here." in sent["output"]
    call = sent["tree"][1]
    assert (call["kind"], call["model"], call["counts"], call["truncated"]) == (
        "generation",
        "gpt-4o-mini",
        True,
        False,
    )
    assert call["usage"]["input_tokens"] == 1000 and call["parent_id"] == sent["tree"][0]["id"]


def test_traces_are_found_by_filters_at_both_addresses(client: Client, sent: Json) -> None:
    for query in ({"session_id": "traces over http"}, {"user_id": "ann", "model": "gpt-4o-mini", "q": "where"},
                  {"session_id": "traces over http", "min_cost_usd": "0.0001", "status": "unset"}):  # fmt: skip
        for base in ("", f"/projects/{sent['project_id']}"):
            page = get(client, f"{base}/traces", **query)
            assert [one["id"] for one in page["data"]] == [sent["id"]] == [page["first_id"]], query
    session = get(client, f"/traces/{sent['id']}/session")
    assert [one["id"] for one in session["data"]] == [sent["id"]]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"min_cost_usd": "-1"}, "/min_cost_usd"),
        ({"min_duration_ms": "nan"}, "/min_duration_ms"),
        ({"min_tokens": "1_0"}, "/min_tokens"),
        ({"status": "bad"}, "/status"),
        ({"started_after": "yesterday"}, "/started_after"),
        ({"feature_id": "feat_1"}, "/feature_id"),
        ({"after": "trace_" + "0" * 31 + "1"}, "/after"),
        ({"unknown": "1"}, "/unknown"),
    ],
)
def test_a_filter_that_says_nothing_is_refused(client: Client, query: Json, pointer: str) -> None:
    answer = client.http.get("/v1/traces", params=query)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer


def test_observations_are_listed_across_traces_and_of_one(client: Client, sent: Json) -> None:
    page = get(client, f"/traces/{sent['id']}/observations", limit=1)
    assert (len(page["data"]), page["has_more"]) == (1, True)
    rest = get(client, f"/traces/{sent['id']}/observations", limit=1, after=page["cursor"], whole="true")
    assert not rest["has_more"] and {page["first_id"], rest["first_id"]} == {one["id"] for one in sent["tree"]}
    assert "attributes" not in page["data"][0] and "attributes" in rest["data"][0]
    calls = get(client, "/observations", kind="generation", model="gpt-4o-mini", limit=100)["data"]
    assert sent["id"] in [one["trace_id"] for one in calls]
    refused = client.http.get("/v1/observations", params={"after": "obs_zz"})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/after"


def test_another_projects_traces_are_not_there(client: Client, stranger: Client, sent: Json) -> None:
    for path in ("", "/session", "/observations"):
        assert stranger.http.get(f"/v1/traces/{sent['id']}{path}").status_code == 404
    assert stranger.http.delete(f"/v1/traces/{sent['id']}").status_code == 404
    assert stranger.http.post(f"/v1/traces/{sent['id']}/suggested_tests", json={}).status_code == 404
    assert stranger.http.post("/v1/traces/delete", json={"trace_ids": [sent["id"]]}).json()["deleted"] == 0
    wanted = {"kind": "test.generate", "input": {"from": "trace", "trace_ids": [sent["id"]]}}
    refused = stranger.http.post("/v1/jobs", json=wanted)
    assert refused.status_code == 404 and refused.json()["errors"][0]["pointer"] == "/input/trace_ids/0"
    assert get(stranger, "/observations", name="POST /chat")["data"] == []
    assert sent["id"] not in stranger.http.get("/v1/traces/export").text
    assert client.http.get("/v1/traces/trace_1").status_code == 404


def test_an_export_sent_again_adds_nothing_here_and_all_of_it_elsewhere(
    client: Client, stranger: Client, sent: Json
) -> None:
    wanted = {"session_id": "traces over http"}
    answer = client.http.get("/v1/traces/export", params=wanted)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    (line,) = [json.loads(one) for one in answer.text.splitlines()]
    assert line["trace"]["id"] == sent["id"] and len(line["observations"]) == 2
    (request,) = client.http.get("/v1/traces/export", params=wanted | {"format": "otlp"}).text.splitlines()
    for to in (client, stranger):
        received = to.http.post("/otlp/v1/traces", content=request, headers={"Content-Type": "application/json"})
        assert received.status_code == 200, received.text
    assert get(client, f"/traces/{sent['id']}")["pending"] is False
    theirs = added_up(stranger, sent["id"])
    mine = get(client, f"/traces/{sent['id']}", whole="true")
    assert [one["attributes"] for one in get(stranger, f"/traces/{sent['id']}", whole="true")["tree"]] == [
        one["attributes"] for one in mine["tree"]
    ]
    assert theirs["cost_usd"] == mine["cost_usd"]
    assert stranger.http.delete(f"/v1/traces/{sent['id']}").json()["id"] == sent["id"]


def test_traces_are_deleted_one_by_one_by_ids_and_by_a_filter(client: Client) -> None:
    some = [conversation(session__id="to be deleted") for _ in range(4)]
    for spans in some:
        send(client, spans)
    ids = [trace_id(spans[0]) for spans in some]
    for one in ids:
        added_up(client, one)
    assert client.http.delete(f"/v1/traces/{ids[0]}").json()["id"] == ids[0]
    assert client.http.get(f"/v1/traces/{ids[0]}").status_code == 404
    done = client.http.post("/v1/traces/delete", json={"trace_ids": ids[:2]}).json()
    assert done == {"object": "trace_deletion", "deleted": 1, "observations": 2, "has_more": False}
    done = client.http.post("/v1/traces/delete", json={"filter": {"session_id": "to be deleted"}}).json()
    assert done["deleted"] == 2 and get(client, "/traces", session_id="to be deleted")["data"] == []


@pytest.mark.parametrize(
    "body", [{}, {"filter": {}}, {"trace_ids": []}, {"trace_ids": ["x"]}, {"filter": {"min_tokens": "x"}},
             {"filter": {"user_id": "a"}, "trace_ids": ["trace_" + "0" * 32]}],
)  # fmt: skip
def test_nobody_deletes_without_saying_what(client: Client, body: Json) -> None:
    answer = client.http.post("/v1/traces/delete", json=body)
    assert answer.status_code == 422 and answer.json()["errors"]


def test_a_trace_suggests_tests_which_wait_as_drafts_and_come_once(client: Client, sent: Json) -> None:
    def suggest() -> Json:
        answer = client.http.post(f"/v1/traces/{sent['id']}/suggested_tests", json={})
        assert answer.status_code == 202, answer.text
        job = client.wait(answer.json()["id"])
        assert job["status"] == "succeeded", job
        found: Json = job["result"]
        return found

    drafts = [get(client, f"/test_cases/{one}") for one in suggest()["drafts"]]
    assert {one["state"] for one in drafts} == {"draft"} and {one["origin"] for one in drafts} == {"trace"}
    assert sorted(one["steps"][0]["kind"] for one in drafts) == ["completion", "http"]
    assert {one["source"]["trace_id"] for one in drafts} == {sent["id"]}
    again = suggest()
    assert again["drafts"] == [] and again["skipped"] == 2


def test_who_may_not_read_traces_gets_no_tests_of_them(client: Client, sent: Json) -> None:
    scopes = ["jobs:write", "tests:write"]
    key = client.http.post("/v1/api_keys", json={"name": "writer", "scopes": scopes}).json()["key"]
    with Client(str(client.http.base_url), key) as writer:
        refused = writer.http.post(f"/v1/traces/{sent['id']}/suggested_tests", json={})
        assert refused.status_code == 403 and "traces:read" in refused.json()["detail"]


@pytest.mark.parametrize(
    "more", [{}, {"trace_id": "trace_1"}, {"trace_ids": []}, {"trace": [{}], "trace_id": "trace_" + "1" * 32},
             {"trace_ids": ["trace_" + "1" * 32] * 2}],
)  # fmt: skip
def test_tests_are_written_from_traces_of_one_place(client: Client, more: Json) -> None:
    answer = client.http.post("/v1/test_cases/generate", json={"from": "trace", **more})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"].startswith("/trace")


def test_a_case_of_a_feature_that_is_not_there_is_refused(client: Client) -> None:
    nowhere = "feat_" + "0" * 31 + "1"
    case = {"name": "x", "steps": [{"method": "GET", "url": "/"}]}
    made = client.http.post("/v1/test_cases", json=case).json()
    for answer in (client.http.post("/v1/test_cases", json={**case, "feature_id": nowhere}),
                   client.http.patch(f"/v1/test_cases/{made['id']}", json={"feature_id": nowhere})):  # fmt: skip
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/feature_id"
    assert get(client, "/test_cases", feature_id=nowhere)["data"] == []
