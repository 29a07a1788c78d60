"""The retrieval gate over HTTP, with real builds: what answers saved questions worse is not served by accident."""

from typing import Any

import pytest

from tests.api.test_knowledge_entries import Base
from tests.client import Client

Json = dict[str, Any]
TEXTS = {
    "Refunds": "Money goes back to the card within five working days.",
    "Shipping": "Parcels leave the depot in Lisbon on the same day.",
    "Warranty": "Broken devices are repaired for two years.",
}


class Asked(Base):
    """A knowledge base of three documents, and a question for each. Full text alone, so that builds are quick."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.client = client
        self.patch("", {"settings": {"embedding_model": None}})
        self.entries = {
            title: self.post("/documents", {"title": title, "text": text})["id"] for title, text in TEXTS.items()
        }
        for title, text in TEXTS.items():
            self.post("/queries", {"query": text, "expected": [{"entry_id": self.entries[title], "relevance": 3}]})

    def build(self, rule: str = "/build-rag") -> Json:
        job = self.client.wait(self.post(rule, status=202)["id"], 60)
        assert job["status"] == "succeeded", job
        result: Json = job["result"]
        return result

    def remove(self, title: str) -> None:
        assert self.http.delete(f"{self.at}/documents/{self.entries[title]}").status_code == 200


@pytest.fixture
def asked(client: Client) -> Asked:
    return Asked(client)


def test_a_version_that_answers_worse_is_refused_with_its_figures_unless_a_reviewer_insists(asked: Asked) -> None:
    first = asked.build("/update-rag")
    assert first["activated"] and first["evaluation"] == {"recall_at_k": 1.0, "ndcg_at_10": 1.0, "k": 10, "queries": 3}
    asked.remove("Warranty")
    asked.post("/documents", {"title": "Opening hours", "text": "The shop opens at nine."})
    worse = asked.build("/update-rag")
    assert not worse["activated"] and worse["not_activated_because"]["code"] == "gate_refused"
    refused = asked.post("/activate", {"version": worse["version"]}, status=409)
    assert [one["pointer"] for one in refused["errors"]] == ["/evaluation/recall_at_k", "/evaluation/ndcg_at_10"]
    assert "0.667" in refused["detail"] and asked.get()["active_version"] == first["version"]
    whole = asked.get(f"/evaluations/{asked.get('/evaluations', version=worse['version'])['data'][0]['id']}")
    missed = {one["query"]: one["missing"] for one in whole["queries"]}
    assert missed == {text: [asked.entries[title]] if title == "Warranty" else [] for title, text in TEXTS.items()}
    assert asked.post("/activate", {"version": worse["version"], "force": True}, status=200)["active"] is True
    assert asked.post("/rollback", status=200)["number"] == first["version"]


def test_versions_are_compared_by_the_same_questions_or_not_at_all(asked: Asked) -> None:
    asked.build("/update-rag")
    asked.patch(f"/documents/{asked.entries['Refunds']}", {"tags": ["money"]})
    second = asked.build()["version"]
    query = asked.get("/queries")["data"][0]
    asked.patch(f"/queries/{query['id']}", {"query": "repaired for two years"})
    compared = asked.post("/evaluate", {"version": second}, status=200)
    assert compared["version"]["version"] == second and compared["active"]["version"] == 1
    assert compared["version"]["query_set"] == compared["active"]["query_set"]
    history = asked.get("/evaluations")["data"]
    assert sorted(one["version"] for one in history) == [1, 1, 2, 2]
    assert asked.post("/activate", status=200)["number"] == second


def test_a_version_from_before_the_questions_is_asked_before_it_is_activated(client: Client) -> None:
    base = Asked(client)
    saved = base.get("/queries")["data"]
    for one in saved:
        base.http.delete(f"{base.at}/queries/{one['id']}")
    assert base.build("/update-rag")["evaluation"] is None
    assert base.post("/evaluate", status=409)["code"] == "conflict", "there is nothing to ask"
    second = base.build()["version"]
    base.post("/queries", {name: saved[0][name] for name in ("query", "expected")})
    refused = base.post("/activate", {"version": second}, status=409)
    assert [one["pointer"] for one in refused["errors"]] == ["/evaluation"]
    base.post("/evaluate", {"version": second}, status=200)
    assert base.post("/activate", {"version": second}, status=200)["number"] == second
