"""Files in the hands of the test alone: PostgreSQL is real, storage a folder, and no sweep runs by itself."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from infra import db, scratch, storage
from infra.settings import settings
from models import StoredFile
from tests.workers.jobs.conftest import Core, core, servers
from workers.files import receiving, stored

__all__ = ["core", "servers"]


class Files:
    """The files of one new project."""

    def __init__(self, core: Core, data: Path) -> None:
        self.data, self.project, self.sql = data, core.project(), core.sql

    def upload(self, body: bytes = b"a text", filename: str = "a.txt", **more: Any) -> UUID:
        """A new file."""
        wishes = {"metadata": {}, "expires_at": None, "created_by": self.project, **more}
        with receiving.receiving() as upload:
            upload.name(filename, "text/plain")
            upload.write(body)
            with receiving.in_storage(upload.end(), self.project) as file_id, db.transaction() as session:
                receiving.accept(session, file_id=file_id, upload=upload, project_id=self.project, **wishes)
        return file_id

    def get(self, file_id: UUID) -> StoredFile:
        """As a client asks for it."""
        with db.transaction() as session:
            return stored.get_file(session, self.project, file_id)

    def rows(self) -> int:
        """How many rows there are, seen by clients or not."""
        return int(self.sql("SELECT count(*) FROM files WHERE project_id = :p", p=self.project)[0][0])

    def objects(self) -> set[str]:
        """The hashes of what lies in storage."""
        found = [path for path in (self.data / "files").rglob("*") if path.is_file()]
        return {hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture
def files(core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A project without files, and a data folder with nothing in it."""
    core.sql("TRUNCATE files")
    monkeypatch.setenv("SWITCHYARD_DATA", str(tmp_path))
    monkeypatch.setenv("MAX_UPLOAD_BYTES", "1000")
    for one in (settings, storage.store, scratch._remove_left_behind):
        one.cache_clear()
    yield Files(core, tmp_path)
    for one in (settings, storage.store):
        one.cache_clear()
