"""Spec drift over HTTP: what changed in the operations of the draft or a version, and whether that breaks clients."""

from typing import Any

import pytest

from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]


def operation(path: str, **more: Any) -> Json:
    """An operation as it is written by hand."""
    return {"method": "GET", "path": path, "operation": {"responses": {"200": {"description": "Fine."}}, **more}}


@pytest.fixture(scope="module")
def place(client: Client, system: System) -> str:
    """The address of a knowledge base with two operations in its draft, and no version."""
    bases = f"/v1/projects/{system.project_id}/knowledge_bases"
    at = f"{bases}/{client.http.post(bases, json={'name': 'drift'}).json()['id']}"
    for path in ("/orders", "/customers"):
        made = client.http.post(f"{at}/apis", json=operation(path))
        assert made.status_code == 201, made.text
    return at


def test_every_operation_of_a_draft_is_new_where_nothing_was_active(client: Client, place: str) -> None:
    report = client.http.get(f"{place}/draft/spec-diff").json()
    assert report["object"] == "spec_diff"
    assert (report["before"], report["after"]) == (None, "draft")
    assert report["summary"] == {"added": 2, "removed": 0, "changed": 0}
    assert (report["breaking"], report["affected"], report["compared"]) == (False, {"operations": []}, 2)
    assert report["levels"] == {"error": 0, "warning": 0, "info": 2}
    assert [one["key"] for one in report["data"]] == ["GET /orders", "GET /customers"]
    assert report["data"][0]["changes"] == [
        {
            "id": "endpoint-added",
            "level": "info",
            "operation": "GET /orders",
            "text": "The operation was added.",
            "pointer_before": None,
            "pointer_after": "",
            "what_to_do": "Nothing.",
        }
    ]
    assert report["last_id"] == report["data"][1]["id"]


def test_a_report_is_read_page_by_page_and_filtered(client: Client, place: str) -> None:
    first = client.http.get(f"{place}/draft/spec-diff", params={"limit": 1}).json()
    assert (first["has_more"], len(first["data"])) == (True, 1)
    rest = client.http.get(f"{place}/draft/spec-diff", params={"after": first["last_id"]}).json()
    assert (rest["has_more"], [one["key"] for one in rest["data"]]) == (False, ["GET /customers"])
    for only in ({"level": "error"}, {"source": "elsewhere"}):
        assert client.http.get(f"{place}/draft/spec-diff", params=only).json()["data"] == []


def test_a_draft_does_not_differ_from_itself(client: Client, place: str) -> None:
    report = client.http.get(f"{place}/draft/spec-diff", params={"against": "draft"}).json()
    assert (report["before"], report["summary"]) == ("draft", {"added": 0, "removed": 0, "changed": 0})


@pytest.mark.parametrize("rule", ["versions/7/spec-diff", "versions/x/spec-diff", "draft/spec-diff?against=7"])
def test_a_version_that_is_not_there_is_not_found(client: Client, place: str, rule: str) -> None:
    assert client.http.get(f"{place}/{rule}").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [("against", "0"), ("against", "newest"), ("against", "1\n"), ("level", "fatal"), ("limit", "101"), ("after", "x")],
)
def test_a_wish_that_means_nothing_is_refused(client: Client, place: str, name: str, value: str) -> None:
    answer = client.http.get(f"{place}/draft/spec-diff", params={name: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/{name}"


def test_another_tenant_sees_no_report(stranger: Client, place: str) -> None:
    assert stranger.http.get(f"{place}/draft/spec-diff").status_code == 404
