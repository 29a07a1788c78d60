"""Sessions of traces over HTTP: sent as OTLP, added up by the clock."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from infra.clock import now
from tests.client import Client
from tests.workers.traces.products import call, said
from tests.workers.traces.sending import send, span, trace_id

Json = dict[str, Any]


@pytest.fixture(scope="module")
def chat(client: Client) -> Iterator[Json]:
    """A session of three traces, added up: its free text of an id, and the traces' ids by time."""
    name = f"chat/ä?&# {uuid4().hex}"
    begun = now() - timedelta(hours=1)
    roots = [
        span("turn", start=begun + timedelta(minutes=n), ms=900, status=2 * (n == 1), session__id=name, user__id=name)
        for n in range(3)
    ]
    calls = [call(root, attributes=said(f"question {n}", f"answer {n}")) for n, root in enumerate(roots)]
    send(client, [*roots, *calls])
    until = time.monotonic() + 30
    while (found := view(client, name)).get("traces") != 3:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    yield {"id": name, "traces": [trace_id(one) for one in roots]}


def view(client: Client, name: str, **more: Any) -> Json:
    """The session's answer."""
    found: Json = client.http.get("/v1/trace_sessions/view", params={"session_id": name, **more}).json()
    return found


def test_a_session_shows_its_traces_in_the_order_of_time(client: Client, chat: Json) -> None:
    found = view(client, chat["id"])
    assert (found["object"], found["id"], found["user_id"]) == ("trace_session", chat["id"], chat["id"])
    assert (found["traces"], found["observations"], found["errors"]) == (3, 6, 1)
    assert (found["input_tokens"], found["output_tokens"], found["cost_usd"]) == (300, 30, "0.00105")
    assert found["duration_ms"] == 120_900
    page = found["page"]
    assert [one["id"] for one in page["data"]] == chat["traces"]
    assert [(one["input"], one["output"]) for one in page["data"]][2] == ("question 2", "answer 2")
    assert (page["first_id"], page["last_id"], page["has_more"]) == (chat["traces"][0], chat["traces"][2], False)


def test_a_sessions_traces_come_page_by_page(client: Client, chat: Json) -> None:
    page = view(client, chat["id"], limit=2)["page"]
    assert [one["id"] for one in page["data"]] == chat["traces"][:2] and page["has_more"]
    rest = view(client, chat["id"], limit=2, after=page["last_id"])["page"]
    assert [one["id"] for one in rest["data"]] == chat["traces"][2:] and not rest["has_more"]
    assert view(client, chat["id"], limit=1, order="desc")["page"]["first_id"] == chat["traces"][2]


def test_sessions_are_listed_with_filters(client: Client, chat: Json) -> None:
    page = client.http.get("/v1/trace_sessions", params={"user_id": chat["id"], "has_errors": "true"}).json()
    assert [one["id"] for one in page["data"]] == [chat["id"]]
    assert page["first_id"] == page["last_id"] == chat["id"]
    behind = client.http.get("/v1/trace_sessions", params={"user_id": chat["id"], "after": chat["id"]}).json()
    assert (behind["data"], behind["first_id"]) == ([], None)


def test_a_session_is_found_below_its_project_too_and_by_nobody_else(
    client: Client, stranger: Client, chat: Json
) -> None:
    project = client.http.get("/v1/projects").json()["data"][0]["id"]
    answer = client.http.get(f"/v1/projects/{project}/trace_sessions/view", params={"session_id": chat["id"]})
    assert answer.json()["traces"] == 3
    for path in ("/v1/trace_sessions/view", f"/v1/projects/{project}/trace_sessions/view"):
        answer = stranger.http.get(path, params={"session_id": chat["id"]})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path, query, pointer",
    [
        ("", {"after": "nobody"}, "/after"),
        ("", {"has_errors": "1"}, "/has_errors"),
        ("", {"seen_after": "yesterday"}, "/seen_after"),
        ("/view", {}, "/session_id"),
        ("/view", {"session_id": "x" * 501}, "/session_id"),
    ],
)
def test_what_cannot_be_asked_is_said_where(client: Client, path: str, query: dict[str, str], pointer: str) -> None:
    answer = client.http.get(f"/v1/trace_sessions{path}", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_parameter")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
