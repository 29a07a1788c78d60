"""Builds over HTTP: what they would cost, what they make, and how texts would be cut."""

from typing import Any

import pytest

from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]


class Base:
    """A knowledge base and its address."""

    def __init__(self, client: Client, project_id: str, **settings: Any) -> None:
        place = f"/v1/projects/{project_id}/knowledge_bases"
        made = client.http.post(place, json={"name": "Guides", "settings": settings}).json()
        self.client, self.id = client, made["id"]
        self.url = f"{place}/{self.id}"

    def add(self, title: str, text: str) -> str:
        """The id of a new document."""
        answer = self.client.http.post(f"{self.url}/documents", json={"title": title, "text": text})
        assert answer.status_code == 201, answer.text
        found: str = answer.json()["id"]
        return found

    def post(self, what: str, status: int = 202, **body: Any) -> Json:
        """The answer to a request below it."""
        answer = self.client.http.post(f"{self.url}/{what}", json=body)
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def built(self, what: str = "build-rag", **body: Any) -> Json:
        """The result of a build."""
        job = self.client.wait(self.post(what, **body)["id"], 60)
        assert job["status"] == "succeeded", job
        result: Json = job["result"]
        return result


@pytest.fixture
def base(client: Client, system: System) -> Base:
    """An empty one."""
    return Base(client, system.project_id)


def test_a_draft_is_built_beside_the_active_version_and_updated_in_one_go(client: Client, base: Base) -> None:
    refunds = base.add("Refunds", "# Refunds\n\nMoney goes back within five days.\n\n# Costs\n\nNothing.")
    base.add("Shipping", "Parcels leave on the same day.")
    told = base.post("build-rag", 200, dry_run=True)
    assert (told["object"], told["entries"]["new"], told["chunks"]["new"]) == ("build_plan", 2, 2)
    assert told["cost_usd"] == {"low": "0", "high": "0"}
    job = base.post("build-rag")
    assert (job["kind"], job["concurrency_key"]) == ("rag.build", f"rag.build:{base.id}")
    events = list(client.events(job["id"]))
    said = [one["data"]["progress"]["message"] for one in events if one["type"] == "job.progress"]
    assert [*dict.fromkeys(said)] == ["snapshot", "chunking", "embedding", "indexing", "evaluating"]
    first = client.wait(job["id"])["result"]
    assert (first["version"], first["chunks"]["new"], first["activated"]) == (1, 2, False)
    assert client.http.get(base.url).json()["active_version"] is None
    entries = client.http.get(f"{base.url}/versions/1/entries").json()["data"]
    assert {(one["state"], one["chunks"], one["error"]) for one in entries} == {("indexed", 1, None)}
    client.http.patch(f"{base.url}/documents/{refunds}", json={"text": "Money goes back within a week."})
    second = base.built("update-rag")
    assert second["chunks"] == {"total": 2, "reused": 1, "new": 1, "removed": 1}
    assert (second["activated"], second["embedded_texts"]) == (True, 1)
    assert client.http.get(base.url).json()["active_version"] == 2
    assert base.built()["embedding_calls"] == 0


def test_builds_of_one_base_that_are_asked_for_at_once_come_one_after_the_other(base: Base) -> None:
    base.add("Shipping", "Parcels leave on the same day.")
    jobs = [base.post("build-rag", embedding_model=None) for _ in range(3)]
    ended = [base.client.wait(job["id"], 60) for job in jobs]
    assert sorted(job["result"]["version"] for job in ended) == [1, 2, 3]


def test_an_empty_draft_is_not_built(base: Base) -> None:
    assert base.post("build-rag", 409)["code"] == "draft_empty"
    assert base.post("build-rag", 409, dry_run=True)["code"] == "draft_empty"
    body = {"kind": "rag.build", "input": {"knowledge_base_id": base.id}}
    assert base.client.http.post("/v1/jobs", json=body).json()["code"] == "draft_empty"


def test_a_draft_that_waits_for_its_review_is_not_built(client: Client, system: System) -> None:
    base = Base(client, system.project_id, review_required=True)
    base.add("Shipping", "Parcels leave on the same day.")
    assert base.post("build-rag", 409)["code"] == "review_required"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"embedding_model": "nobody/model"}, "/embedding_model"),
        ({"embedding_model": "anthropic/claude"}, "/embedding_model"),
        ({"chunking": {"max_tokens": 1}}, "/chunking/max_tokens"),
        ({"chunking": {"max_tokens": 64}}, "/chunking/overlap_tokens"),
        ({"chunking": {"parent_tokens": 100}}, "/chunking/parent_tokens"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_at_once(base: Base, wrong: Json, pointer: str) -> None:
    base.add("Shipping", "Parcels leave on the same day.")
    problem = base.post("build-rag", 422, **wrong)
    assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_a_base_of_others_is_not_there(base: Base, stranger: Client) -> None:
    answer = stranger.http.post(f"{base.url}/build-rag", json={})
    assert answer.status_code == 404
    body = {"kind": "rag.build", "input": {"knowledge_base_id": base.id}}
    assert stranger.http.post("/v1/jobs", json=body).status_code == 404


def test_a_preview_shows_the_chunks_of_a_text_or_an_entry_and_stores_nothing(base: Base) -> None:
    text = "# Refunds\n\n" + "Money goes back within five days. " * 20
    wish = {"chunking": {"max_tokens": 64, "overlap_tokens": 8}}
    shown = base.post("chunks/preview", 200, text=text, title="Guide", **wish)
    assert shown["total"] == len(shown["chunks"]) > 2
    for chunk in shown["chunks"]:
        assert text[chunk["start"] : chunk["end"]] == chunk["text"]
        assert (chunk["tokens"] <= 64, chunk["context"]) == (True, "Guide > Refunds")
    entry = base.add("Guide", text)
    assert base.post("chunks/preview", 200, entry_id=entry, **wish) == shown
    assert base.client.http.get(base.url).json()["newest_version"] == 0


@pytest.mark.parametrize(
    ("wrong", "status", "pointer"),
    [
        ({}, 422, "/text"),
        ({"text": ""}, 422, "/text"),
        ({"text": "a", "entry_id": "doc_" + "0" * 32}, 422, "/entry_id"),
        ({"entry_id": "doc_" + "0" * 32}, 404, "/entry_id"),
        ({"text": "a", "chunking": {"max_tokens": 64}}, 422, "/chunking/overlap_tokens"),
    ],
)
def test_a_preview_says_what_is_wrong(base: Base, wrong: Json, status: int, pointer: str) -> None:
    problem = base.post("chunks/preview", status, **wrong)
    assert [one["pointer"] for one in problem["errors"]] == [pointer]
