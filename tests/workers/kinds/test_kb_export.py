"""The export of a knowledge base, as it is asked for; what is in the file: tests/workers/knowledge/transfer."""

from typing import Any

import pytest

from infra.dev.system import System
from tests.client import Client

Json = dict[str, Any]
NO_SUCH = "0" * 32


@pytest.fixture(scope="module")
def place(client: Client, system: System) -> str:
    """A knowledge base without a version."""
    where = f"/v1/projects/{system.project_id}/knowledge_bases"
    return f"{where}/{client.http.post(where, json={'name': 'to export'}).json()['id']}"


def test_what_cannot_be_exported_is_refused_before_it_is_a_job(client: Client, stranger: Client, place: str) -> None:
    for body, status, code in (
        ({}, 409, "kb_not_built"),
        ({"version": 1}, 404, "not_found"),
        ({"version": 0}, 422, "invalid_input"),
        ({"format": "xml"}, 422, "invalid_input"),
        ({"expires_in_s": 1}, 422, "invalid_input"),
    ):
        answer = client.http.post(f"{place}/export", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert stranger.http.post(f"{place}/export", json={}).status_code == 404
    payload = {"knowledge_base_id": f"kb_{NO_SUCH}"}
    assert client.http.post("/v1/jobs", json={"kind": "kb.export", "input": payload}).status_code == 404
