"""A knowledge base from upload to rollback, as a user lives it: over HTTP alone, with a worker killed on the way."""

import copy
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import Client
from tests.conftest import SHORT, NewFolder, addresses
from tests.fakes.provider import FakeProvider

Json = dict[str, Any]

DATA = Path(__file__).parents[2].parent / "shared" / "data"
# The long form takes GitHub's 1,223 operations, for minutes; the short one a description of our own.
LONG = os.environ.get("JOURNEY") == "long"
PLANETS = 40
REFUND = {"query": "money back for a customer", "top_k": 5}
GUIDE = """# Orders

An order is placed by a customer and shipped from the nearest depot.

## Refunds

Money goes back to the card that paid within five working days. A refund above 500 euros needs the approval of a
supervisor.

## Opening hours

| depot | opens | closes |
| --- | --- | --- |
| Lisbon | 08:00 | 18:00 |
| Oslo | 09:00 | 17:00 |
"""


@pytest.fixture(scope="module")
def library(provider: FakeProvider, new_folder: NewFolder) -> Iterator[System]:
    """A system of its own, whose worker for builds is killed on the way."""
    options = Options(data=new_folder("library"), port=free_port(), flower_port=free_port())
    environment = {**SHORT, **addresses(provider)}
    with System(options, only=("api", "io1", "cpu", "beat"), environment=environment) as running:
        yield running


@dataclass
class Librarian:
    """A user and one knowledge base."""

    client: Client
    path: str

    def get(self, rule: str = "", **query: Any) -> Json:
        answer = self.client.http.get(self.path + rule, params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def post(self, rule: str, body: Json | None = None, status: int = 200) -> Json:
        answer = self.client.http.post(self.path + rule, json=body or {})
        assert answer.status_code == status, answer.text
        found: Json = answer.json()
        return found

    def upload(self, rule: str, name: str, content: bytes) -> Json:
        """The ended job that took the file in."""
        answer = self.client.http.post(self.path + rule, files={"file": (name, content)})
        assert answer.status_code == 202, answer.text
        return self.ended(answer.json())

    def ended(self, job: Json) -> Json:
        until = time.monotonic() + (900 if LONG else 60)
        while job["finished_at"] is None and time.monotonic() < until:
            job = self.client.wait(job["id"])
        return job

    def build(self, **wish: Any) -> Json:
        job = self.ended(self.post("/build-rag", wish, status=202))
        assert job["status"] == "succeeded", job
        result: Json = job["result"]
        return result

    def titles(self, query: str) -> list[str]:
        return [hit["title"] for hit in self.post("/search", {"query": query, "top_k": 5})["data"]]


@pytest.fixture(scope="module")
def librarian(library: System) -> Iterator[Librarian]:
    with Client(library.url, library.api_key) as client:
        place = f"/v1/projects/{library.project_id}/knowledge_bases"
        made = client.http.post(place, json={"name": "Shop", "settings": {"review_required": True}})
        assert made.status_code == 201, made.text
        yield Librarian(client, f"{place}/{made.json()['id']}")


def description() -> Json:
    """An API: GitHub's, or forty planets with a few operations each."""
    if LONG:
        found: Json = json.loads((DATA / "openapi/real/github.api.github.com-3.0.json").read_bytes())
        return found
    planet = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    answer = {"200": {"description": "The planet.", "content": {"application/json": {"schema": planet}}}}
    paths = {}
    for number in range(PLANETS):
        operation = {
            "summary": f"Get the weather report of planet number {number}",
            "operationId": f"getPlanet{number}",
            "parameters": [{"name": "unit", "in": "query", "schema": {"type": "string", "enum": ["c", "f"]}}],
            "responses": answer,
        }
        paths[f"/planets/{number}/weather"] = {"get": operation}
    paths["/orders/{order_id}/refund"] = {
        "post": {
            "summary": "Give a customer the money back",
            "parameters": [{"name": "order_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": answer,
        }
    }
    return {"openapi": "3.0.3", "info": {"title": "Shop", "version": "1"}, "paths": paths}


def folder_of_markdown() -> bytes:
    """A zip of documents: the guide, and in the long form the documentation of httpx."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("guide/orders.md", GUIDE)
        archive.writestr("guide/returns.md", "# Returns\n\nA parcel that comes back is inspected within a day.\n")
        if LONG:
            for path in sorted((DATA / "rag/documents/httpx").rglob("*.md")):
                archive.write(path, f"httpx/{path.name}")
    return whole.getvalue()


def operations(described: Json) -> int:
    methods = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
    return sum(method in methods for item in described["paths"].values() for method in item)


def test_from_upload_to_rollback(library: System, librarian: Librarian) -> None:
    described = description()
    taken_in(librarian, described)
    approve(library, librarian)
    first = build_with_a_kill(library, librarian)
    assert first["version"] == 1 and first["failed"] == 0, first
    assert librarian.get()["active_version"] is None, "a build is not served before it is activated"
    librarian.post("/activate", {"version": 1})

    searched_and_cited(librarian)
    found = librarian.post("/search", REFUND)["data"]
    question_saved(librarian)
    one_operation_changed(librarian, described)

    approve(library, librarian)
    second = librarian.build()
    assert second["version"] > 1 and second["entries"]["total"] == first["entries"]["total"]
    assert second["chunks"]["new"] <= 3 and second["chunks"]["reused"] >= PLANETS
    librarian.post("/activate", {"version": second["version"]})
    assert librarian.get()["active_version"] == second["version"]

    what_must_be_found_is_lost(library, librarian, second["version"])

    back = librarian.post("/rollback", {"version": 1})
    assert back["number"] == 1
    assert librarian.post("/search", REFUND)["data"] == found


def taken_in(librarian: Librarian, described: Json) -> None:
    """An API and a folder of documents, each counted."""
    taken = librarian.upload("/upload-openapi", "api.json", json.dumps(described).encode())
    assert taken["status"] == "succeeded", taken
    assert taken["result"]["operations"]["added"] == operations(described)
    folder = librarian.upload("/upload-document", "docs.zip", folder_of_markdown())
    assert folder["status"] == "succeeded", folder
    assert folder["result"]["documents"]["added"] >= 2


def one_operation_changed(librarian: Librarian, described: Json) -> None:
    """The same API again, in which one operation demands more: only that is another, and it breaks clients."""
    path, method = next((path, method) for path, item in described["paths"].items() for method in item)
    changed = copy.deepcopy(described)
    operation = changed["paths"][path][method]
    operation["summary"] = "Tell how many moons there are"
    tenant = {"name": "tenant", "in": "query", "required": True, "schema": {"type": "string"}}
    operation["parameters"] = [*operation.get("parameters", []), tenant]
    again = librarian.upload("/upload-openapi", "api.json", json.dumps(changed).encode())["result"]
    counts = again["operations"]
    assert (counts["added"], counts["changed"], counts["removed"]) == (0, 1, 0)
    assert [one["id"] for one in again["breaking"]] == ["new-required-request-parameter"]


def approve(library: System, librarian: Librarian) -> None:
    """Refused before the review, submitted, and approved by somebody else."""
    refused = librarian.client.http.post(librarian.path + "/build-rag", json={})
    assert refused.status_code == 409 and refused.json()["code"] == "review_required", refused.text
    librarian.post("/submit", {"note": "Please look."})
    key = librarian.client.http.post("/v1/api_keys", json={"name": "reviewer", "scopes": ["kb:read", "kb:review"]})
    with Client(library.url, key.json()["key"]) as reviewer:
        answer = reviewer.http.post(librarian.path + "/review", json={"decision": "approve"})
        assert answer.status_code == 200, answer.text


def build_with_a_kill(library: System, librarian: Librarian) -> Json:
    """The result of a build whose worker was killed while it embedded."""
    job = librarian.post("/build-rag", status=202)
    killed, stages, sequences = False, [], []
    for event in librarian.client.events(job["id"]):
        sequences.append(event["sequence"])
        if event["type"] == "job.progress":
            stages.append((event["data"]["progress"]["message"] or "").split()[0])
        if stages and stages[-1] == "embedding" and not killed:
            killed = True
            library["cpu"].kill()
            library.start_again("cpu")
    assert sequences == list(range(1, len(sequences) + 1))
    assert {"chunking", "embedding", "indexing"} <= set(stages)
    final = librarian.ended(librarian.client.wait(job["id"]))
    assert final["status"] == "succeeded", final
    assert killed and final["attempt"] == 2
    result: Json = final["result"]
    return result


def searched_and_cited(librarian: Librarian) -> None:
    """What was built is found, and answers cite it."""
    assert "orders" in " ".join(librarian.titles("when does the depot in Oslo close")).lower()
    asked = {
        "model": "sandbox",
        "messages": [{"role": "user", "content": "Who must approve a refund above 500 euros?"}],
        "retrieval": {"knowledge_base_id": librarian.path.rpartition("/")[2], "top_k": 3},
    }
    answer = librarian.client.run(asked)
    assert answer["status"] == "succeeded", answer
    citations = answer["result"]["citations"]
    assert "supervisor" in answer["result"]["message"]["content"] and "[1]" in answer["result"]["message"]["content"]
    assert any("supervisor" in one["quote"] for one in citations)


def question_saved(librarian: Librarian) -> None:
    """A question and the entry that answers it, for the gate."""
    found = librarian.post("/search", {"query": "refund above 500 euros", "top_k": 1})["data"][0]
    librarian.post(
        "/queries", {"query": "refund above 500 euros", "expected": [{"entry_id": found["entry_id"]}]}, status=201
    )


def what_must_be_found_is_lost(library: System, librarian: Librarian, active: int) -> None:
    """A draft without what the saved question needs is built, and refused by the gate."""
    for document in librarian.get("/documents", limit=100)["data"]:
        assert librarian.client.http.delete(f"{librarian.path}/documents/{document['id']}").status_code == 200
    approve(library, librarian)
    worse = librarian.build()
    refused = librarian.client.http.post(librarian.path + "/activate", json={"version": worse["version"]})
    assert refused.status_code == 409 and refused.json()["code"] == "gate_refused", refused.text
    assert librarian.get()["active_version"] == active
