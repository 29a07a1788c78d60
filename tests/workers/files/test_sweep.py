"""What nobody may see any more goes: objects first, then their rows."""

from datetime import timedelta

import pytest

from infra import db
from infra.clock import now
from infra.errors import NotFound
from models import StoredFile
from tests.workers.files.conftest import Files
from workers.files import stored
from workers.files.sweep import sweep


def test_expired_deleted_and_abandoned_files_go_and_others_stay(files: Files) -> None:
    kept = {files.upload(b"kept"), files.upload(b"for a while", expires_at=now() + timedelta(hours=1))}
    expired = files.upload(b"expired", expires_at=now() - timedelta(seconds=1))
    deleted = files.upload(b"deleted")
    with db.transaction() as session:
        stored.remove_file(session, files.project, deleted)
        facts = stored.Facts("text/plain", 1, "0" * 64)
        for _ in range(2):
            stored.reserve(session, facts, project_id=files.project, filename="under way")
    files.sql("UPDATE files SET removable_at = now() WHERE id = (SELECT max(id::text)::uuid FROM files)")
    with pytest.raises(NotFound):
        files.get(expired)
    assert sweep() == 3
    assert files.rows() == 3 and files.objects() == {files.get(one).sha256 for one in kept}
    assert sweep() == 0


def test_an_object_that_cannot_be_deleted_keeps_its_row_and_stops_nobody_else(files: Files) -> None:
    stuck, free = (files.upload(body, expires_at=now() + timedelta(hours=1)) for body in (b"stuck", b"free"))
    path = files.data / "files" / files.get(stuck).key
    path.unlink()
    path.mkdir()
    files.sql("UPDATE files SET expires_at = now()")
    assert sweep() == 1 and files.rows() == 1
    path.rmdir()
    assert sweep() == 1 and files.rows() == 0
    with db.transaction() as session:
        assert session.get(StoredFile, free) is None
