"""Saved queries over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.test_knowledge_entries import DOCUMENT, Base
from tests.client import Client

Json = dict[str, Any]


@pytest.fixture
def base(client: Client) -> Base:
    return Base(client)


def test_a_query_is_saved_read_listed_changed_and_deleted(base: Base) -> None:
    entry = base.post("/documents", DOCUMENT)["id"]
    body = {"query": "when is money back", "expected": [{"entry_id": entry, "relevance": 3}], "tags": ["money"]}
    saved = base.post("/queries", body)
    assert saved["expected"] == [{"entry_id": entry, "relevance": 3}] and saved["filters"] == {}
    where = f"/queries/{saved['id']}"
    assert base.get(where) == saved == base.get("/queries", tag="money")["data"][0]
    assert base.get("/queries", tag="other")["data"] == []
    changed = base.patch(where, {"filters": {"types": ["document"], "metadata": {"year": 2026}}})
    assert changed == {**saved, "filters": {"types": ["document"], "metadata": {"year": 2026}}}
    assert base.http.delete(base.at + where).json() == changed
    assert base.http.delete(base.at + where).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"query": ""}, "/query"),
        ({"query": "x" * 2001}, "/query"),
        ({"query": " \n"}, "/query"),
        ({"expected": []}, "/expected"),
        ({"expected": [{"entry_id": "doc_1"}]}, "/expected/0/entry_id"),
        ({"expected": [{"entry_id": f"doc_{uuid4().hex}"}]}, "/expected/0/entry_id"),
        ({"expected": [{}]}, "/expected/0/entry_id"),
        ({"filters": {"types": ["picture"]}}, "/filters/types/0"),
        ({"filters": {"nonsense": 1}}, "/filters/nonsense"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(base: Base, change: Json, pointer: str) -> None:
    entry = base.post("/documents", DOCUMENT)["id"]
    body = {"query": "q", "expected": [{"entry_id": entry}], **change}
    answer = base.http.post(f"{base.at}/queries", json=body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, answer.text
    assert base.get("/queries")["data"] == []


def test_a_query_expects_an_entry_once_and_of_its_own_knowledge_base(base: Base, client: Client) -> None:
    entry = base.post("/documents", DOCUMENT)["id"]
    twice = {"query": "q", "expected": [{"entry_id": entry}, {"entry_id": entry}]}
    assert base.http.post(f"{base.at}/queries", json=twice).status_code == 422
    other = Base(client)
    answer = other.http.post(f"{other.at}/queries", json={"query": "q", "expected": [{"entry_id": entry}]})
    assert answer.status_code == 422


def test_nothing_is_evaluated_without_a_version(base: Base) -> None:
    assert base.post("/evaluate", status=409)["code"] == "kb_not_built"
    assert base.post("/evaluate", {"version": 7}, status=404)["code"] == "not_found"
    assert base.get("/evaluations")["data"] == []
    assert base.get(f"/evaluations/kbe_{uuid4().hex}", status=404)["code"] == "not_found"
