"""Documents sent to a knowledge base over HTTP, and what becomes of them."""

from typing import Any

import pytest

from tests.client import Client
from tests.workers.knowledge.documents.makers import packed, pdf

Json = dict[str, Any]


@pytest.fixture(scope="module")
def kb(client: Client) -> str:
    """The address of a knowledge base of this module's own."""
    project = client.http.get("/v1/projects").json()["data"][0]["id"]
    made = client.http.post(f"/v1/projects/{project}/knowledge_bases", json={"name": "documents"}).json()
    return f"/v1/projects/{project}/knowledge_bases/{made['id']}"


def sent(client: Client, kb: str, **request: Any) -> Json:
    answer = client.http.post(f"{kb}/upload-document", **request)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    return client.wait(answer.json()["id"])


def documents(client: Client, kb: str) -> set[str]:
    return {one["key"] for one in client.http.get(f"{kb}/draft/documents").json()["data"]}


def test_a_form_a_body_and_json_bring_documents_into_the_draft(client: Client, kb: str) -> None:
    folder = packed({"docs/a.md": "# A\n\nWords of a.", "docs/b.pdf": b"%PDF-1.4\n"})
    form = sent(
        client,
        kb,
        files={"file": ("guide.pdf", pdf(["Page one", "Page two"]), "application/pdf")},
        data={"tags": "x, y", "metadata.team": "t", "title": "Guide"},
    )
    body = sent(
        client, kb, content=folder, params={"filename": "docs.zip"}, headers={"Content-Type": "application/zip"}
    )
    text = sent(client, kb, json={"text": "# C", "key": "c.md", "tags": ["z"]})

    assert [one["status"] for one in (form, body, text)] == ["succeeded"] * 3
    assert (form["result"]["title"], form["result"]["pages"]) == ("Guide", 2)
    assert (body["result"]["documents"]["added"], body["result"]["failed"]) == (1, 1)
    assert documents(client, kb) == {"guide.pdf", "docs/a.md", "c.md"}
    entry = client.http.get(f"{kb}/draft/documents", params={"tag": "y"}).json()["data"][0]
    assert (entry["title"], entry["metadata"]) == ("Guide", {"team": "t"})


def test_a_document_that_cannot_be_read_fails_its_job_and_changes_nothing(client: Client, kb: str) -> None:
    before = documents(client, kb)

    job = sent(client, kb, files={"file": ("a.docx", b"PK\x03\x04 not a zip", "application/zip")})

    assert (job["status"], job["error"]["code"]) == ("failed", "document_unreadable")
    assert documents(client, kb) == before


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {}}, 422),
        ({"json": {"file_id": "file_" + "0" * 32}}, 404),
        ({"json": {"text": "x", "key": "a", "knowledge_base_id": "kb_" + "0" * 32}}, 422),
        ({"files": {"other": ("a.md", b"x")}}, 422),
        ({"files": {"file": ("a.md", b"")}}, 422),
        ({"files": {"file": ("a.md", b"x")}, "data": {"mode": "none"}}, 422),
    ],
)
def test_what_is_no_document_is_refused(client: Client, kb: str, request_: Json, status: int) -> None:
    answer = client.http.post(f"{kb}/upload-document", **request_)

    assert answer.status_code == status, answer.text
    assert answer.json()["code"]


def test_a_refusal_points_into_the_request_and_names_its_form(client: Client, kb: str) -> None:
    missing = client.http.post(f"{kb}/upload-document", json={"file_id": "file_" + "0" * 32}).json()
    assert [one["pointer"] for one in missing["errors"]] == ["/file_id"]
    model = client.http.post(
        f"{kb}/upload-sql", files={"file": ("a.sql", b"x")}, data={"describe_with": "nobody/has-this"}
    ).json()
    assert (model["code"], model["errors"][0]["pointer"]) == ("model_not_found", "/describe_with")
    field = client.http.post(f"{kb}/upload-document", files={"file": ("a.md", b"x")}, data={"mode": "none"}).json()
    assert field["detail"].startswith("A field of the form") and field["errors"][0]["pointer"] == "/mode"
    shape = client.http.post(f"{kb}/search", json={"query": "x", "filters": []}).json()
    assert shape["errors"] == [{"pointer": "/filters", "detail": "Must be an object."}]


def test_nobody_sends_to_a_strangers_knowledge_base(stranger: Client, kb: str) -> None:
    for request in ({"json": {"text": "x", "key": "a"}}, {"files": {"file": ("a.md", b"x")}}):
        assert stranger.http.post(f"{kb}/upload-document", **request).status_code == 404


def test_a_key_needs_the_scope_of_what_its_job_does(client: Client, kb: str) -> None:
    made = client.http.post("/v1/api_keys", json={"name": "jobs", "scopes": ["jobs:write", "hooks:write"]}).json()
    base = {"knowledge_base_id": kb.rpartition("/")[2]}
    asked: Json = {"model": "sandbox", "messages": [{"role": "user", "content": "hi"}]}
    with Client(str(client.http.base_url), made["key"]) as few:
        for kind, input, scope in (
            ("document.ingest", {**base, "text": "x", "key": "x"}, "kb:write"),
            ("rag.build", base, "kb:write"),
            ("kb.export", base, "kb:read"),
            ("completion", {**asked, "retrieval": base}, "kb:read"),
        ):
            answer = few.http.post("/v1/jobs", json={"kind": kind, "input": input})
            assert answer.status_code == 403 and scope in answer.json()["detail"], answer.text
        assert few.http.post("/v1/jobs", json={"kind": "completion", "input": asked}).status_code == 202
        hook = {"name": "build", "scheme": "github", "kind": "rag.build", "input": base}
        refused = few.http.post("/v1/hooks", json=hook)
        assert refused.status_code == 403 and "kb:write" in refused.json()["detail"], refused.text
