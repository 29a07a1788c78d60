"""Searching a knowledge base over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project

Json = dict[str, Any]

DOCUMENTS = {
    "Bell": ("The bell of the ship is made of bronze and rings every half hour.", ["ship"]),
    "Mast": ("The mast carries three sails and is made of oak.", ["ship", "wood"]),
    "Anchor": ("The anchor weighs two tons; its chain is forty metres long.", ["ship"]),
}


@pytest.fixture(scope="module")
def sailor(system: System) -> Iterator[tuple[Client, str]]:
    """A client, and the place of its built knowledge base."""
    with Client(system.url, another_project(system)) as client:
        project = client.http.get("/v1/projects").json()["data"][0]["id"]
        place = f"/v1/projects/{project}/kb"
        for title, (text, tags) in DOCUMENTS.items():
            made = client.http.post(f"{place}/documents", json={"title": title, "text": text, "tags": tags})
            assert made.status_code == 201, made.text
        job = client.wait(client.http.post(f"{place}/update-rag", json={}).json()["id"])
        assert job["status"] == "succeeded" and job["result"]["activated"], job
        yield client, place


def search(sailor: tuple[Client, str], query: str, **body: Any) -> Any:
    client, place = sailor
    return client.http.post(f"{place}/search", json={"query": query, **body})


def test_a_search_answers_with_passages_and_what_they_cite(sailor):
    client, place = sailor
    answer = search(sailor, "Which metal is the bell made of?")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["object"], found["mode"], found["notes"], found["rerank"]) == ("kb_search", "hybrid", [], None)
    assert found["knowledge_base_id"] == client.http.get(place).json()["id"]
    hit = found["data"][0]
    assert (hit["title"], hit["entry_type"], hit["tags"]) == ("Bell", "document", ["ship"])
    assert hit["scores"]["text"] > 0 and hit["scores"]["vector"] > 0
    assert hit["citation"]["version"] == found["version"] == 1
    entry = client.http.get(f"{place}/documents/{hit['entry_id']}").json()
    assert entry["text"][hit["citation"]["start"] : hit["citation"]["end"]] == hit["text"]
    assert found["took_ms"]["total"] >= found["took_ms"]["text"]


def test_filters_modes_and_versions_are_as_wished(sailor):
    assert [hit["title"] for hit in search(sailor, "ship", filters={"tags": ["wood"]}).json()["data"]] == ["Mast"]
    assert len(search(sailor, "made of", top_k=2, mode="vector").json()["data"]) == 2
    assert search(sailor, "oak", mode="text", version=1).json()["data"][0]["title"] == "Mast"
    assert search(sailor, "of the and", mode="text").json()["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"query": ""}, "/query"),
        ({"query": " \n\t"}, "/query"),
        ({"query": "\0"}, "/query"),
        ({"query": "x" * 10_001}, "/query"),
        ({"query": "x", "top_k": 101}, "/top_k"),
        ({"query": "x", "mode": "magic"}, "/mode"),
        ({"query": "x", "filters": {"colour": "red"}}, "/filters/colour"),
        ({"query": "x", "filters": {"entry_ids": ["doc_1"]}}, "/filters/entry_ids/0"),
        ({"query": "x", "rerank": {"model": "nobody/x"}}, "/rerank/model"),
        ({"query": "x", "version": 0}, "/version"),
        ({"query": "x", "limit": 3}, "/limit"),
    ],
)
def test_a_wrong_search_is_refused_with_the_place(sailor, body, pointer):
    client, place = sailor
    refused = client.http.post(f"{place}/search", json=body)
    assert refused.status_code == 422, refused.text
    assert {error["pointer"] for error in refused.json()["errors"]} == {pointer}


@pytest.mark.parametrize(
    "query", ["x" * 10_000, "\u202emetal\u202c", "😀", "'; DROP TABLE kb_chunks; --", "ما هو المعدن؟"]
)
def test_odd_queries_are_answered(sailor, query):
    assert search(sailor, query).status_code == 200


def test_a_base_without_an_active_version_is_a_conflict(sailor):
    client, place = sailor
    place = place.removesuffix("/kb") + "/knowledge_bases"
    base = client.http.post(place, json={"name": "empty"}).json()["id"]
    refused = client.http.post(f"{place}/{base}/search", json={"query": "bell"})
    assert (refused.status_code, refused.json()["code"]) == (409, "kb_not_built")
    assert search(sailor, "bell", version=9).status_code == 404
    nowhere = client.http.post(f"{place}/kb_{'0' * 32}/search", json={"query": "bell"})
    assert nowhere.status_code == 404


def test_a_stranger_finds_nothing_here(sailor, stranger):
    client, place = sailor
    base = client.http.get(place).json()["id"]
    asked = stranger.http.post(f"{place.removesuffix('/kb')}/knowledge_bases/{base}/search", json={"query": "bell"})
    assert asked.status_code == 404


def test_a_model_puts_the_hits_in_another_order(sailor):
    order = [hit["title"] for hit in search(sailor, "what is it made of").json()["data"]]
    found = search(sailor, "what is it made of", rerank={"model": "openai/order-3-1"}).json()
    assert [hit["title"] for hit in found["data"]] == [order[2], order[0], order[1]]
    assert found["rerank"]["model"] == "openai/order-3-1" and found["rerank"]["input_tokens"] > 0
    assert found["notes"] == []


@pytest.mark.parametrize("model", ["gpt-4o-mini", "order-99", "fail-401"])
def test_a_model_that_gives_no_order_changes_nothing(sailor, model):
    before = [hit["title"] for hit in search(sailor, "what is it made of").json()["data"]]
    found = search(sailor, "what is it made of", rerank={"model": f"openai/{model}"}).json()
    assert [hit["title"] for hit in found["data"]] == before
    assert "not reranked" in found["notes"][0]
