"""Metrics of traces over HTTP."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from infra.clock import now
from tests.client import Client
from tests.workers.traces.products import call
from tests.workers.traces.sending import send, span

Json = dict[str, Any]


@pytest.fixture(scope="module")
def service(client: Client) -> Iterator[str]:
    """A service of which four traces are counted, one of them failed."""
    name = f"metrics {uuid4().hex}"
    resource = {"service.name": name}
    for number in range(4):
        root = span(f"POST /{number % 2}", ms=100 * (number + 1), status=2 * (number == 3), resource=resource,
                    session__id=f"{name} {number}")  # fmt: skip
        send(client, [root, call(root, resource=resource)])
    until = time.monotonic() + 30
    while (found := metrics(client, service=name)["data"]) and found[0]["totals"]["count"] < 4:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    yield name


def metrics(client: Client, **query: Any) -> Json:
    """The answer."""
    answer = client.http.get("/v1/trace_metrics", params=query)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_traces_are_counted_over_time(client: Client, service: str) -> None:
    found = metrics(client, service=service, interval="hour")
    assert (found["object"], found["of"], found["interval"], found["group_by"]) == (
        "trace_metrics",
        "traces",
        "hour",
        [],
    )
    (group,) = found["data"]
    totals = group["totals"]
    assert (totals["count"], totals["errors"], totals["error_rate"]) == (4, 1, 0.25)
    assert totals["p50_ms"] == pytest.approx(200, rel=0.02) and totals["p99_ms"] == pytest.approx(400, rel=0.02)
    assert (totals["input_tokens"], totals["output_tokens"], totals["cost_usd"], totals["unpriced"]) == (
        400,
        40,
        "0.0014",
        0,
    )
    assert sum(one["count"] for one in group["points"]) == 4
    assert all(one["at"].endswith(":00:00.000000Z") for one in group["points"])
    assert found["from"] < group["points"][0]["at"] < found["to"]


def test_they_are_grouped_by_anything(client: Client, service: str) -> None:
    for by, groups in (("name", 2), ("session_id", 4), ("name,status", 3), ("model,feature_id", 1)):
        found = metrics(client, service=service, group_by=by, interval="all", measure="count")["data"]
        assert len(found) == groups and sum(one["totals"]["count"] for one in found) == 4
        assert all(list(one["totals"]) == ["count"] for one in found)
    found = metrics(client, service=service, of="observations", group_by="kind,model", measure="count")["data"]
    assert [one["group"] for one in found] == [
        {"kind": "generation", "model": "gpt-4o"},
        {"kind": "span", "model": None},
    ]


def test_they_are_of_the_project_alone(client: Client, stranger: Client, service: str) -> None:
    assert metrics(stranger, service=service, interval="all")["data"][0]["totals"]["count"] == 0
    project = client.http.get("/v1/projects").json()["data"][0]["id"]
    assert stranger.http.get(f"/v1/projects/{project}/trace_metrics").status_code == 404


@pytest.mark.parametrize(
    "query, code, pointer",
    [
        ({"group_by": "colour"}, "invalid_parameter", "/group_by"),
        ({"group_by": "name,name"}, "invalid_parameter", "/group_by"),
        ({"group_by": "name,model,status,service"}, "invalid_parameter", "/group_by"),
        ({"group_by": "provider"}, "invalid_parameter", "/group_by"),
        ({"kind": "tool"}, "invalid_parameter", "/kind"),
        ({"measure": "p50_ms,"}, "invalid_parameter", "/measure"),
        ({"interval": "year"}, "invalid_parameter", "/interval"),
        ({"from": "1970-01-01T00:00:00Z", "interval": "hour"}, "time_too_long", "/interval"),
    ],
)
def test_what_cannot_be_asked_is_said_where(client: Client, query: dict[str, str], code: str, pointer: str) -> None:
    answer = client.http.get("/v1/trace_metrics", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_odd_times_are_no_fault(client: Client) -> None:
    for query in (
        {"from": "0001-01-01T00:00:00Z", "to": "0001-01-02T00:00:00Z", "interval": "week"},
        {"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T23:59:59Z", "interval": "month"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from": (now() + timedelta(days=1)).isoformat()},
    ):
        assert client.http.get("/v1/trace_metrics", params=query).status_code in (200, 422)
