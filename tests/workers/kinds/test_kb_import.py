"""A knowledge base goes from one project into another over HTTP, and is built there for nothing."""

import io
import json
import zipfile
from typing import Any

import pytest

from tests.client import Client

Json = dict[str, Any]
NO_SUCH = f"file_{'0' * 32}"
TEXTS = {
    "cats": "# Cats\n\nCats sleep for most of the day.\n\n## Food\n\nThey eat mice and fish.",
    "dogs": "# Dogs\n\nDogs like long walks.\n\n| breed | legs |\n| --- | --- |\n| poodle | 4 |",
}


def made(client: Client, **body: Any) -> str:
    """The address of a new knowledge base."""
    project = client.http.get("/v1/projects").json()["data"][0]["id"]
    where = f"/v1/projects/{project}/knowledge_bases"
    return f"{where}/{client.http.post(where, json={'name': 'a base', **body}).json()['id']}"


def done(client: Client, answer: Any) -> Json:
    """The result of the job that the answer is."""
    assert answer.status_code == 202, answer.text
    job = client.wait(answer.json()["id"], 60)
    assert job["status"] == "succeeded", job
    result: Json = job["result"]
    return result


def chunks(raw: bytes) -> list[Json]:
    """The chunks in an exported file, without their ids."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        found = [json.loads(line) for line in archive.read("chunks.jsonl").splitlines()]
    return sorted(({**one, "id": None} for one in found), key=lambda one: (one["entry_key"], one["ordinal"]))


@pytest.fixture(scope="module")
def place(client: Client) -> str:
    return made(client)


def test_what_was_built_here_is_built_there_without_a_call(client: Client, stranger: Client, place: str) -> None:
    for key, said in TEXTS.items():
        assert client.http.post(f"{place}/documents", json={"key": key, "title": key, "text": said}).status_code == 201
    built = done(client, client.http.post(f"{place}/build-rag", json={"activate": True}))
    exported = done(client, client.http.post(f"{place}/export", json={"format": "jsonl"}))
    assert exported["entries"] == 2 and exported["chunks"] >= 2
    raw = client.http.get(f"/v1/files/{exported['file_id']}/content").content
    assert len(raw) == exported["bytes"]

    there, file = made(stranger), stranger.http.post("/v1/files?filename=kb.zip", content=raw).json()
    assert file["media_type"] == "application/zip"
    imported = done(stranger, stranger.http.post(f"{there}/import", json={"file_id": file["id"]}))
    assert imported["entries"] == {"added": 2, "changed": 0, "removed": 0, "unchanged": 0}
    again = done(stranger, stranger.http.post(f"{there}/build-rag", json={"activate": True}))
    assert again["embedding_calls"] == again["embedded_texts"] == 0 and built["embedding_calls"] > 0, again
    assert again["chunks"] == built["chunks"] and again["activated"]
    repeated = done(stranger, stranger.http.post(f"{there}/export", json={"format": "jsonl"}))
    assert chunks(stranger.http.get(f"/v1/files/{repeated['file_id']}/content").content) == chunks(raw)


def test_what_cannot_be_imported_is_refused_before_it_is_a_job(client: Client, stranger: Client, place: str) -> None:
    foreign = stranger.http.post("/v1/files", content=b"x").json()["id"]
    for body, status in (({}, 422), ({"file_id": NO_SUCH}, 404), ({"file_id": foreign}, 404), ({"file_id": "x"}, 422)):
        assert client.http.post(f"{place}/import", json=body).status_code == status, body
    assert stranger.http.post(f"{place}/import", json={"file_id": foreign}).status_code == 404


def test_a_file_that_is_no_export_fails_with_a_sentence(client: Client, place: str) -> None:
    file = client.http.post("/v1/files", content=b"not a zip").json()
    answer = client.http.post(f"{place}/import", json={"file_id": file["id"]})
    job = client.wait(answer.json()["id"], 60)
    assert job["status"] == "failed" and job["error"]["code"] == "export_unreadable" and not job["dead_letter"]
    assert "no zip" in job["error"]["message"]
