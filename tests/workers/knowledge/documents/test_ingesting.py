"""From what was sent to the draft: one document or an archive, from a text, a file or a URL."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from infra import ids, storage
from infra.errors import AnswerInvalid, DocumentUnreadable, NotFound, TargetRefused
from infra.http import GuardedClient
from infra.settings import settings
from models import KbEntry
from schemas.document_ingest import DocumentIngestIn, DocumentIngestOut
from tests.fakes.target import Request, Target, against, always, answer
from tests.workers.files.conftest import Files
from tests.workers.jobs.conftest import Core
from tests.workers.kinds.test_completion import Recorder
from tests.workers.knowledge.conftest import Knowledge
from tests.workers.knowledge.documents.makers import packed, pdf
from workers.kinds import document_ingest
from workers.knowledge.documents.ingesting import ingest

Json = dict[str, Any]


class Told(Recorder):
    """Remembers its progress too."""

    def __init__(self, knowledge: Knowledge) -> None:
        super().__init__()
        self.project_id = knowledge.project
        self.said: list[tuple[int, int | None, str | None]] = []

    async def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        self.said.append((current, total, message))


def ingested(
    knowledge: Knowledge, ctx: Told | None = None, client: GuardedClient | None = None, **payload: Any
) -> Json:
    payload["knowledge_base_id"] = ids.show("kb", knowledge.id)
    assert DocumentIngestIn().validate(payload) == {}
    result = asyncio.run(ingest(ctx or Told(knowledge), payload))
    assert DocumentIngestOut().validate(result) == {}
    return result


def draft(knowledge: Knowledge) -> dict[str, str]:
    rows = knowledge.core.sql(
        "SELECT e.key, r.text FROM kb_entries e JOIN kb_revisions r ON r.id = e.draft_revision_id"
        " WHERE e.knowledge_base_id = :kb ORDER BY e.key",
        kb=knowledge.id,
    )
    return {row.key: row.text for row in rows}


@pytest.fixture
def files(core: Core, knowledge: Knowledge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files of the knowledge base's project, in a folder."""
    monkeypatch.setenv("SWITCHYARD_DATA", str(tmp_path))
    settings.cache_clear()
    storage.store.cache_clear()
    found = Files(core, tmp_path)
    found.project = knowledge.project
    yield found
    monkeypatch.undo()
    settings.cache_clear()
    storage.store.cache_clear()


@pytest.mark.parametrize("payload", [{"file_id": "file_" + "0" * 32}, {"knowledge_base_id": "kb_" + "0" * 32}])
def test_what_the_project_has_not_is_no_job(knowledge: Knowledge, payload: Json) -> None:
    admit = document_ingest.KIND.admit
    assert admit is not None
    with pytest.raises(NotFound):
        knowledge.do(lambda session: admit(session, knowledge.project, payload))


def test_a_text_becomes_an_entry_and_the_same_text_writes_nothing(knowledge: Knowledge) -> None:
    first = ingested(knowledge, text="# Title\n\nWords.", key="a.md", tags=["t"], metadata={"team": "x"})
    again = ingested(knowledge, text="# Title\n\nWords.", key="a.md", tags=["t"], metadata={"team": "x"})
    other = ingested(knowledge, text="# Title\n\nOther words.", key="a.md")

    assert (first["title"], first["characters"]) == ("Title", 15)
    counts = [one["documents"] for one in (first, again, other)]
    assert [max(one, key=one.__getitem__) for one in counts] == ["added", "unchanged", "changed"]
    assert draft(knowledge) == {"a.md": "# Title\n\nOther words."}
    assert knowledge.events() == ["kb.ingested"] * 3


def test_an_entry_keeps_what_the_document_is(knowledge: Knowledge) -> None:
    ingested(knowledge, text="a,b\n1,2", filename="sizes.csv", title="Sizes", source="data")

    row = knowledge.core.sql("SELECT * FROM kb_revisions WHERE knowledge_base_id = :kb", kb=knowledge.id)[0]
    assert (row.title, row.text) == ("Sizes", "| a | b |\n| --- | --- |\n| 1 | 2 |")
    assert row.content["format"] == "csv"
    entry = knowledge.do(lambda session: session.scalars(KbEntry.in_project(knowledge.project)).one())
    assert (entry.source, entry.key, entry.public_id[:4]) == ("data", "sizes.csv", "doc_")


def test_a_folder_of_documents_is_an_entry_each_and_a_bad_one_hinders_none(knowledge: Knowledge, files: Files) -> None:
    archive: dict[str, bytes | str] = {"docs/a.md": "# A", "docs/b.pdf": pdf(["Text of b"]), "docs/c.pdf": b"%PDF-1.4"}
    archive |= {"x.png": b"\x89PNG\0\0", "__MACOSX/a": "x", ".hidden": "y"}
    file_id = ids.show("file", files.upload(packed(archive), "docs.zip"))
    ctx = Told(knowledge)

    result = ingested(knowledge, ctx, file_id=file_id, key="guide")

    assert draft(knowledge) == {"guide/docs/a.md": "# A", "guide/docs/b.pdf": "Text of b"}
    assert result["documents"]["added"] == result["failed"] == 2
    failed = {one["key"]: one["error"]["code"] for one in result["entries"] if one["status"] == "failed"}
    assert failed == {"guide/docs/c.pdf": "document_unreadable", "guide/x.png": "document_unsupported"}
    assert ctx.said == [
        (0, None, "parsing"),
        (0, 4, "parsing"),
        (4, 4, "parsing"),
        (0, 4, "storing"),
        (4, 4, "storing"),
    ]


def test_replacing_removes_the_others_but_not_one_that_failed_this_time(knowledge: Knowledge, files: Files) -> None:
    before = {name: f"# {name}" for name in ("a.md", "b.md", "c.md")}
    ingested(knowledge, file_id=ids.show("file", files.upload(packed(before), "1.zip")))
    ingested(knowledge, text="elsewhere", key="d.md", source="other")
    after = packed({"a.md": "# new", "b.md": bytes(range(256)) * 40})

    result = ingested(knowledge, file_id=ids.show("file", files.upload(after, "2.zip")), mode="replace")

    assert result["documents"] == {"added": 0, "changed": 1, "removed": 1, "unchanged": 0}
    assert draft(knowledge) == {"a.md": "# new", "b.md": "# b.md", "d.md": "elsewhere"}


def test_an_archive_of_which_nothing_can_be_read_changes_nothing(knowledge: Knowledge, files: Files) -> None:
    file_id = ids.show("file", files.upload(packed({"a.png": b"\x89PNG\0\0", "b.bin": bytes(3000)}), "a.zip"))

    with pytest.raises(DocumentUnreadable) as raised:
        ingested(knowledge, file_id=file_id)

    assert [one["key"] for one in raised.value.context["documents"]] == ["a.png", "b.bin"]
    assert draft(knowledge) == {}
    assert knowledge.events() == []


def test_a_url_is_fetched_through_the_guarded_client(knowledge: Knowledge) -> None:
    page = "<title>T</title><h1>Grüße</h1><p>Text".encode("latin-1")
    results: list[Json] = []

    async def use(client: GuardedClient, target: Target) -> None:
        payload = {"knowledge_base_id": ids.show("kb", knowledge.id), "url": target.url("/a/page")}
        results.append(await ingest(Told(knowledge), payload, client))

    target = against(always(answer(page, content_type="text/html; charset=latin-1")), use)

    assert results[0]["title"] == "Grüße"
    assert draft(knowledge) == {target.url("/a/page"): "# Grüße\n\nText"}


def test_a_url_that_leads_into_a_private_network_or_nowhere_is_refused(knowledge: Knowledge) -> None:
    raised: list[type[Exception]] = []

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        away = answer(b"", status="302 Found", location="http://169.254.169.254/latest")
        writer.write(away if request.path == "/away" else answer(b"", status="404 Not Found"))

    async def use(client: GuardedClient, target: Target) -> None:
        for path in ("/away", "/missing"):
            payload = {"knowledge_base_id": ids.show("kb", knowledge.id), "url": target.url(path)}
            try:
                await ingest(Told(knowledge), payload, client)
            except Exception as error:
                raised.append(type(error))

    against(talk, use)

    assert raised == [TargetRefused, AnswerInvalid]
    assert draft(knowledge) == {}
