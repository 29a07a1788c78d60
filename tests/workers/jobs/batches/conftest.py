"""Batches in the hands of the test alone: no worker runs, each step is asked for."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import db, storage
from infra.storage import Folder
from models import Batch
from tests.client import HELLO
from tests.workers.jobs.conftest import Core
from workers.jobs.batches import queries, results
from workers.jobs.batches.receiving import Lines, accept, in_storage

Json = dict[str, Any]


def line(number: int = 1, **more: Any) -> Json:
    return {"kind": "completion", "input": {"model": "sandbox/instant", "messages": HELLO}, **more}


def jsonl(*lines: Any) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines)


class Batches:
    """Batches of one new project."""

    def __init__(self, core: Core, folder: Path, **policy: Any) -> None:
        self.folder = folder
        self.project = core.project(**policy)

    def accept(self, *lines: Any, **options: Any) -> UUID:
        """A new batch, unread."""
        given = Lines(io.BytesIO())
        given.write(jsonl(*lines))
        wanted: Json = {"kind": None, "metadata": {}, "created_by": self.project, "request_id": "req-test"}
        wanted |= {"callback_url": None, **options}
        with in_storage(given.end(), self.project) as batch_id, db.transaction() as session:
            accept(session, batch_id=batch_id, lines=given, project_id=self.project, **wanted)
        return batch_id

    def get(self, batch_id: UUID) -> Batch:
        with db.transaction() as session:
            return queries.get_batch(session, self.project, batch_id)

    def counts(self, batch_id: UUID) -> dict[str, int]:
        with db.transaction() as session:
            return queries.counts(session, queries.get_batch(session, self.project, batch_id))

    def lines_of_jobs(self, batch_id: UUID) -> list[int]:
        """The line of each job of the batch, in order."""
        statement = text("SELECT batch_line FROM jobs WHERE batch_id = :id ORDER BY batch_line")
        with db.transaction() as session:
            return list(session.execute(statement, {"id": batch_id}).scalars())

    def events(self, batch_id: UUID) -> list[str]:
        """The types of its events; their numbers have no gap."""
        statement = text("SELECT sequence, type FROM job_events WHERE job_id = :id ORDER BY sequence")
        with db.transaction() as session:
            rows = session.execute(statement, {"id": batch_id}).all()
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        return [row.type for row in rows]

    def results(self, batch_id: UUID) -> list[Json]:
        """All its results, page by page."""
        found: list[Json] = []
        while True:
            with db.transaction() as session:
                page = results.read_page(session, project_id=self.project, batch_id=batch_id, after_line=len(found))
            if page is None:
                return found
            found += [json.loads(one) for piece in results.pieces(page) for one in piece.splitlines()]
            assert len(found) == page.last

    def files(self) -> list[Path]:
        """What lies in storage."""
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def batches(core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Batches]:
    """A project with nothing in it, and storage in a folder."""
    core.sql("TRUNCATE batches, batch_lines")
    folder = Folder(tmp_path)
    monkeypatch.setattr(storage, "store", lambda: folder)
    yield Batches(core, tmp_path)
