"""Versions with chunks and vectors, and storage in a folder of the test's own."""

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import db, ids, json, storage
from infra.settings import settings
from tests.workers.jobs.conftest import Core
from tests.workers.kinds.test_completion import Recorder
from tests.workers.knowledge.conftest import Knowledge
from workers.files import local_copy, write_file
from workers.knowledge.transfer import exporting, importing

Json = dict[str, Any]
NO_WISHES: Json = {"version": None, "format": "both", "expires_in_s": None}
DIMENSIONS = 384

CHUNKS = text("""
INSERT INTO kb_chunks (id, created_at, project_id, knowledge_base_id, entry_id, revision_id, config, first_version,
  ordinal, type, source, text, context, heading, starts, ends, tokens, text_hash, tags, metadata, search, parent_id)
SELECT CAST(:id AS uuid), now(), e.project_id, e.knowledge_base_id, e.id, e.draft_revision_id, 'c', :version,
  :ordinal, e.type, e.source, :text, '', '{}', 0, length(:text), 3, :hash, '{}', '{}', '', CAST(:parent AS uuid)
FROM kb_entries e WHERE e.id = CAST(:entry AS uuid)
""")
VECTORS = text("""
INSERT INTO kb_vectors (chunk_id, knowledge_base_id, first_version, embedding)
VALUES (CAST(:id AS uuid), CAST(:kb AS uuid), :version, CAST(:vector AS halfvec))
""")


def hashed(said: str) -> bytes:
    return hashlib.sha256(said.encode()).digest()


class Transfer(Knowledge):
    """A knowledge base whose versions have chunks, to be written out and read in."""

    def ready(self) -> int:
        """An active version of the draft, with a parent and two chunks an entry."""
        number = self.built(settings={"embedding_model": "sandbox", "chunking": {"max_tokens": 200}})
        rows = self.core.sql("SELECT id, key FROM kb_entries WHERE knowledge_base_id = :kb ORDER BY key", kb=self.id)
        with db.transaction() as session:
            for row in rows:
                parent = ids.new_id()
                for ordinal, id in enumerate([parent, ids.new_id(), ids.new_id()]):
                    said = f"{row.key} {ordinal}"
                    values = {"id": str(id), "version": number, "ordinal": ordinal, "text": said, "hash": hashed(said)}
                    session.execute(CHUNKS, values | {"parent": str(parent) if ordinal else None, "entry": str(row.id)})
                    vector = str([ordinal + 0.5] * DIMENSIONS)
                    if ordinal:
                        values = {"id": str(id), "kb": str(self.id), "version": number, "vector": vector}
                        session.execute(VECTORS, values)
        self.core.sql("UPDATE knowledge_bases SET active_version = :n WHERE id = :kb", n=number, kb=self.id)
        return number

    def ctx(self, **more: Any) -> Any:
        """A job of the project."""
        made = Recorder()
        made.project_id = self.project
        for name, value in more.items():
            setattr(made, name, value)
        return made

    def export(self, ctx: Any = None, **wishes: Any) -> Json:
        """The result of an export."""
        return asyncio.run(exporting.export(ctx or self.ctx(), {**NO_WISHES, "knowledge_base_id": self.id, **wishes}))

    def take_over(self, path: Path) -> UUID:
        """The file as one of this project."""
        return asyncio.run(write_file(self.project, "export.zip", "application/zip", path))

    def import_(self, file_id: UUID, ctx: Any = None, **wishes: Any) -> Json:
        """The result of an import."""
        given = {"knowledge_base_id": self.id, "file_id": file_id, "replace": False, "apply_settings": False, **wishes}
        return asyncio.run(importing.import_(ctx or self.ctx(), given))

    def fetch(self, result: Json, to: Path) -> Path:
        """The exported zip as a local file."""

        async def copy() -> None:
            async with local_copy(self.project, ids.parse("file", result["file_id"]) or UUID(int=0)) as (path, _):
                shutil.copyfile(path, to)

        asyncio.run(copy())
        return to

    def draft(self) -> dict[tuple[str, str, str], str]:
        """The hash of every entry in the draft."""
        rows = self.core.sql(
            "SELECT e.type, e.source, e.key, r.content_hash FROM kb_entries e JOIN kb_revisions r"
            " ON r.id = e.draft_revision_id WHERE e.knowledge_base_id = :kb",
            kb=self.id,
        )
        return {(row.type, row.source, row.key): row.content_hash for row in rows}

    def cache(self) -> dict[bytes, list[float]]:
        """The vectors that its project keeps."""
        rows = self.core.sql(
            "SELECT text_hash, embedding::text AS v FROM embeddings WHERE project_id = :p", p=self.project
        )
        return {bytes(row.text_hash): json.loads(row.v) for row in rows}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder."""
    monkeypatch.setenv("SWITCHYARD_DATA", str(tmp_path / "data"))
    for one in (settings, storage.store):
        one.cache_clear()
    yield tmp_path / "data"
    for one in (settings, storage.store):
        one.cache_clear()


@pytest.fixture
def here(core: Core) -> Transfer:
    """One project's."""
    return Transfer(core)


@pytest.fixture
def there(core: Core) -> Transfer:
    """Another's."""
    return Transfer(core)
