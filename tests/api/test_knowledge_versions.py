"""Versions over HTTP: what is served is one whole version, and one call makes it another. The versions are written as
builds leave them; builds themselves are tested where they are."""

from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.extras
import pytest

from infra import ids
from infra.dev.system import System
from tests.api.test_knowledge_entries import Base
from tests.client import Client
from tests.conftest import another_project

Json = dict[str, Any]
BUILT = """
WITH base AS (
  UPDATE knowledge_bases SET newest_version = newest_version + 1,
    ready_version = CASE WHEN %(state)s = 'ready' THEN newest_version + 1 ELSE ready_version END
  WHERE id = %(kb)s RETURNING *
), manifest AS (
  INSERT INTO kb_version_entries (knowledge_base_id, version, entry_id, revision_id, state, chunks)
  SELECT base.id, base.newest_version, e.id, e.draft_revision_id, 'indexed', 1
  FROM base JOIN kb_entries e ON e.knowledge_base_id = base.id WHERE e.draft_revision_id IS NOT NULL
)
INSERT INTO kb_versions (id, created_at, project_id, knowledge_base_id, number, base, state, attempt, draft_serial,
  settings, stats, built_at)
SELECT %(id)s, now(), project_id, id, newest_version, active_version, %(state)s, 1, draft_serial, '{}', %(stats)s, now()
FROM base RETURNING number
"""


class Built(Base):
    """A knowledge base, and the database in which its builds leave their versions."""

    def __init__(self, client: Client, cursor: Any) -> None:
        super().__init__(client)
        self.cursor, self.id = cursor, ids.parse("kb", self.at.rpartition("/")[2])

    def build(self, *, state: str = "ready", chunks: int = 10) -> int:
        """The number of a version of the draft as it is."""
        stats = psycopg2.extras.Json({"chunks": {"total": chunks}, "entries": {"failed": 0}})
        self.cursor.execute(BUILT, {"kb": str(self.id), "state": state, "id": str(ids.new_id()), "stats": stats})
        found: int = self.cursor.fetchone()[0]
        return found

    def activate(self, status: int = 200, **body: Any) -> Json:
        return self.post("/activate", body, status)

    def rollback(self, status: int = 200, **body: Any) -> Json:
        return self.post("/rollback", body, status)

    def texts(self, side: str) -> dict[str, str]:
        """What every document says in the draft or in the active version."""
        return {
            one["key"]: self.get(f"/{side}/documents/{one['id']}")["text"]
            for one in self.get(f"/{side}/documents")["data"]
        }

    def events(self) -> list[Json]:
        """What happened to it, oldest first."""
        found = self.http.get("/v1/events", params={"types": "kb.*", "limit": 100}).json()["data"]
        mine = self.at.rpartition("/")[2]
        return [one for one in found if one["data"]["knowledge_base_id"] == mine]


@pytest.fixture(scope="module")
def cursor(system: System) -> Iterator[Any]:
    connection = psycopg2.connect(system.database_url)
    connection.autocommit = True
    yield connection.cursor()
    connection.close()


@pytest.fixture(scope="module")
def member(system: System) -> Iterator[Client]:
    """A client of a project of its own, in whose log is nothing else."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


@pytest.fixture
def base(member: Client, cursor: Any) -> Built:
    """A knowledge base with two documents, of which one changed between the versions 1 and 2; none is active."""
    made = Built(member, cursor)
    for key in ("a", "b"):
        made.post("/documents", {"title": key, "text": f"{key} one"})
    made.build()
    document = made.get("/documents", q="a")["data"][0]
    made.patch(f"/documents/{document['id']}", {"text": "a two"})
    made.build()
    return made


def test_what_is_active_is_one_whole_version_whatever_the_draft_says(base: Built) -> None:
    base.activate(version=1)
    assert base.texts("active") == {"a": "a one", "b": "b one"}
    assert base.texts("draft") == {"a": "a two", "b": "b one"}
    shown = base.get()
    assert shown["active"] == {"version": 1, "entries": {"api": 0, "table": 0, "document": 2}}
    assert shown["draft"]["state"] == "changed" and shown["newest_version"] == 2
    base.activate()
    assert base.texts("active") == {"a": "a two", "b": "b one"}
    assert base.get()["draft"]["state"] == "clean"
    base.rollback()
    assert base.texts("active") == {"a": "a one", "b": "b one"}


def test_entries_say_how_they_differ_from_the_active_version(base: Built) -> None:
    base.activate(version=1)
    base.post("/documents", {"title": "c", "text": "new"})
    b = base.get("/documents", q="b")["data"][0]
    assert base.http.delete(f"{base.at}/documents/{b['id']}").status_code == 200
    assert {one["key"]: one["change"] for one in base.get("/documents")["data"]} == {"a": "changed", "c": "added"}
    for change, keys in (("added", ["c"]), ("changed", ["a"]), ("removed", ["b"]), ("unchanged", [])):
        found = base.get("/documents", change=change)["data"]
        assert [(one["key"], one["change"]) for one in found] == [(key, change) for key in keys]
    assert {one["key"]: one["change"] for one in base.get("/active/documents")["data"]} == {
        "a": "changed",
        "b": "removed",
    }
    assert base.get(f"/active/documents/{b['id']}")["text"] == "b one"
    assert base.get(f"/documents/{b['id']}", status=404)["code"] == "not_found"
    assert base.get("/draft")["changes"]["document"] == {"added": 1, "changed": 1, "removed": 1, "unchanged": 0}


def test_a_discarded_draft_is_the_active_version_again(base: Built) -> None:
    base.activate(version=1)
    base.post("/documents", {"title": "c", "text": "new"})
    draft = base.post("/discard-draft", status=200)
    assert draft["state"] == "clean" and draft["active_version"] == 1
    assert base.texts("draft") == base.texts("active") == {"a": "a one", "b": "b one"}
    assert base.get("/draft/diff")["data"] == []
    assert base.events()[-1]["data"]["version"] == 1


def test_versions_are_compared_with_the_active_one_and_with_each_other(base: Built) -> None:
    base.activate(version=1)
    (changed,) = base.get("/versions/2/diff")["data"]
    assert (changed["key"], changed["change"]) == ("a", "changed")
    assert changed["fields"] == [{"pointer": "/text", "before": "a one", "after": "a two"}]
    assert changed["more_fields"] == 0
    (back,) = base.get("/versions/1/diff", against=2)["data"]
    assert back["fields"] == [{"pointer": "/text", "before": "a two", "after": "a one"}]
    assert base.get("/versions/1/diff")["data"] == []
    assert base.get("/draft/diff", against=1)["data"][0]["fields"] == changed["fields"]
    for rule in (
        "/versions/9/diff",
        "/versions/1/diff?against=9",
        "/versions/x",
        "/versions/0",
        "/versions/99999999999",
    ):
        assert base.http.get(base.at + rule).status_code == 404


def test_versions_are_listed_newest_first_with_what_is_in_them(base: Built) -> None:
    base.activate(version=1)
    building = base.build(state="building")
    shown = base.get("/versions")["data"]
    assert [(one["number"], one["state"], one["active"]) for one in shown] == [
        (3, "building", False),
        (2, "ready", False),
        (1, "ready", True),
    ]
    assert base.get("/versions/1") == shown[2] and base.get()["building"] == {"version": building, "job_id": None}
    inside = base.get("/versions/2/entries", order="asc")["data"]
    assert [(one["key"], one["state"], one["chunks"], one["error"]) for one in inside] == [
        ("a", "indexed", 1, None),
        ("b", "indexed", 1, None),
    ]
    assert base.get("/versions/2/entries", state="failed")["data"] == []
    assert base.get("/versions/9/entries", status=404)["code"] == "not_found"


def test_activation_is_refused_for_what_cannot_be_served(base: Built) -> None:
    building, failed = base.build(state="building"), base.build(state="failed")
    assert base.activate(status=409, version=building)["code"] == "version_not_ready"
    assert base.activate(status=409, version=failed)["code"] == "version_not_ready"
    assert base.activate(status=404, version=99)["code"] == "not_found"
    assert base.rollback(status=409)["code"] == "kb_not_built"
    assert base.activate(status=409, expected_active=1)["code"] == "conflict"
    assert base.activate()["number"] == 2, "also while a build runs"
    assert base.rollback(status=409)["code"] == "conflict"


@pytest.mark.parametrize(
    "body", [{"version": 0}, {"version": "1"}, {"version": 2**31}, {"force": "yes"}, {"expected_active": 1.5}, {"x": 1}]
)
def test_a_switch_to_nonsense_is_refused(base: Built, body: Json) -> None:
    assert base.http.post(f"{base.at}/activate", json=body).status_code == 422
    assert base.http.post(f"{base.at}/rollback", json=body).status_code == 422


def test_the_gate_says_why_it_refuses_and_only_a_reviewer_passes_over_it(base: Built, system: System) -> None:
    base.activate()
    worse = base.build(chunks=7)
    refused = base.activate(status=409, version=worse)
    assert refused["code"] == "gate_refused" and refused["errors"][0]["pointer"] == "/stats/chunks/total"
    key = base.http.post("/v1/api_keys", json={"name": "w", "scopes": ["kb:read", "kb:write"]}).json()["key"]
    with Client(system.url, key) as writer:
        answer = writer.http.post(f"{base.at}/activate", json={"version": worse, "force": True})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert base.activate(version=worse, force=True)["number"] == worse
    assert base.events()[-1]["data"] | {"by": None} == {
        "knowledge_base_id": base.at.rpartition("/")[2],
        "version": worse,
        "previous": 2,
        "forced": True,
        "by": None,
    }


def test_a_draft_is_reviewed_by_somebody_else_before_it_is_served(base: Built, system: System) -> None:
    base.patch("", {"settings": {"review_required": True}})
    assert base.activate(status=409)["code"] == "review_required"
    waiting = base.post("/submit", {"note": "please"}, status=200)
    assert (waiting["state"], waiting["note"], base.get("/draft")["state"]) == ("submitted", "please", "submitted")
    assert base.post("/review", {"decision": "approve"}, status=403)["code"] == "forbidden"
    assert base.post("/submit", status=409)["code"] == "conflict"
    key = base.http.post("/v1/api_keys", json={"name": "reviewer", "scopes": ["kb:read", "kb:review"]}).json()["key"]
    with Client(system.url, key) as reviewer:
        judged = reviewer.http.post(f"{base.at}/review", json={"decision": "approve", "note": "good"})
        assert judged.status_code == 200 and judged.json()["review_note"] == "good"
        again = reviewer.http.post(f"{base.at}/review", json={"decision": "reject"})
        assert again.status_code == 409
        unclear = reviewer.http.post(f"{base.at}/review", json={"decision": "perhaps"})
        assert unclear.status_code == 422
    assert base.get("/draft")["review"]["state"] == base.get("/draft")["state"] == "approved"
    assert base.activate()["number"] == 2
    base.post("/documents", {"title": "c", "text": "new"})
    assert base.get("/draft")["review"] is None and base.get("/draft")["state"] == "changed"
    base.build()
    assert base.activate(status=409)["code"] == "review_required"
    assert base.rollback(version=1)["number"] == 1
    assert [one["state"] for one in base.get("/reviews")["data"]] == ["approved"]
    assert [one["type"] for one in base.events()] == ["kb.submitted", "kb.approved", "kb.activated", "kb.rolled_back"]


def test_the_same_switch_twice_with_one_key_is_one_switch(base: Built) -> None:
    base.activate(version=1)
    base.activate(version=2)
    headers = {"Idempotency-Key": ids.new_id().hex}
    first, again = (base.http.post(f"{base.at}/rollback", json={}, headers=headers) for _ in range(2))
    assert first.content == again.content and base.get()["active_version"] == 1


def test_nobody_else_switches(base: Built, stranger: Client) -> None:
    for rule in ("/activate", "/rollback", "/discard-draft", "/submit"):
        assert stranger.http.post(base.at + rule, json={}).status_code == 404
