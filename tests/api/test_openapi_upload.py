"""Sending OpenAPI descriptions to a knowledge base over HTTP."""

import json
import time

import pytest

from tests.client import Client
from tests.workers.specs.reading_specs import DATA, get, spec

PLACE = "/kb/upload-openapi"
PETS = spec({"/pets": get({"type": "array", "items": {"type": "string"}}, summary="List pets"), "/health": get()})


@pytest.fixture
def project(system):
    return f"/v1/projects/{system.project_id}"


@pytest.fixture
def place(client: Client, project):
    """A knowledge base of its own, where descriptions are sent."""
    made = client.http.post(f"{project}/knowledge_bases", json={"name": "apis"})
    assert made.status_code == 201, made.text
    return f"{project}/knowledge_bases/{made.json()['id']}/openapi"


def ended(client: Client, answer):
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["kind"] == "openapi.ingest"
    return client.wait(job["id"])


def upload(client, place, body, name="spec.json", **fields):
    return client.http.post(place, files={"file": (name, body)}, data=fields)


def test_a_description_is_uploaded_as_a_form_as_a_body_or_as_json(client: Client, place):
    raw = json.dumps(PETS).encode()
    first = ended(client, upload(client, place, raw, source="form"))
    assert first["status"] == "succeeded", first
    assert first["result"]["operations"] == {"added": 2, "changed": 0, "removed": 0, "unchanged": 0}
    assert first["result"]["source"] == "form"
    assert first["progress"] == {"current": 2, "total": 2, "message": "storing"}
    body = client.http.post(place, content=raw, params={"source": "body"}, headers={"Content-Type": "application/yaml"})
    assert ended(client, body)["result"]["operations"]["added"] == 2
    named = client.http.post(place, json={"document": PETS, "source": "json"})
    assert ended(client, named)["result"]["operations"]["added"] == 2
    file_id = first["input"]["file_id"]
    again = client.http.post(place, json={"file_id": file_id, "source": "form", "mode": "replace"})
    assert ended(client, again)["result"]["operations"]["unchanged"] == 2
    assert client.http.get(f"/v1/files/{file_id}").json()["filename"] == "spec.json"


def test_a_description_without_operations_does_not_empty_the_source(client: Client, place):
    assert ended(client, client.http.post(place, json={"document": PETS}))["result"]["operations"]["added"] == 2
    job = ended(client, client.http.post(place, json={"document": spec({})}))
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
    assert "2 would leave the draft" in job["error"]["message"]
    again = ended(client, client.http.post(place, json={"document": spec({}), "mode": "merge"}))
    assert again["result"]["operations"]["unchanged"] == again["result"]["operations"]["removed"] == 0
    assert len(client.http.get(f"{place.removesuffix('/openapi')}/apis").json()["data"]) == 2


def test_the_projects_own_knowledge_base_has_the_same_at_its_address(client: Client, project):
    job = ended(client, client.http.post(f"{project}{PLACE}", json={"document": PETS, "source": "upload-openapi"}))
    assert job["status"] == "succeeded"


def test_what_is_wrong_is_told_with_its_place(client: Client, place):
    for body, pointer in (
        ({}, "/file_id"),
        ({"document": PETS, "url": "https://a.example"}, "/document"),
        ({"document": PETS, "mode": "x"}, "/mode"),
        ({"url": "http://169.254.169.254/spec"}, "/url"),
        ({"nothing": 1}, "/nothing"),
    ):
        refused = client.http.post(place, json=body)
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["pointer"] == pointer
    assert upload(client, place, b"").status_code == 422
    assert upload(client, place, b"{}", allow_remote_refs="maybe").status_code == 422
    assert client.http.post(place, json={"file_id": "file_" + "0" * 32}).status_code == 404


def test_others_may_not_and_find_nothing(client: Client, stranger: Client, place):
    assert stranger.http.post(place, json={"document": PETS}).status_code == 404
    assert upload(stranger, place, b"{}").status_code == 404
    with Client(str(client.http.base_url), None) as nobody:
        assert nobody.http.post(place, json={}).status_code == 401


HOSTILE = {
    "yaml": b"a: [b",
    "deep": b"[" * 100_000,
    "version": b'{"openapi": "9"}',
    "loop": b"l: &l [*l]",
    "zip": b"PK\x03\x04" + b"x" * 200,
    "gzip": b"\x1f\x8b\x08garbage",
    "encoding": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_upload_is_a_failed_job_with_a_reason(name, client: Client, place):
    job = ended(client, upload(client, place, HOSTILE[name], "hostile"))
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_input")
    assert job["error"]["message"].endswith(".")
    assert job["attempt"] == 1


@pytest.mark.skipif(not DATA.exists(), reason="the shared data is not here")
def test_the_bomb_ends_a_job_and_nothing_else(client: Client, place):
    began = time.monotonic()
    job = ended(client, upload(client, place, (DATA / "hostile" / "yq-billion-laughs.yaml").read_bytes(), "bomb.yaml"))
    assert "aliases repeat too much" in job["error"]["message"]
    assert time.monotonic() - began < 30
    assert ended(client, upload(client, place, json.dumps(PETS).encode()))["status"] == "succeeded"
