"""A file that was deleted is gone at once, and its object when the deletion is certain."""

import pytest

from infra import db
from infra.errors import NotFound
from tests.workers.files.conftest import Files
from workers.files import stored


def test_a_deletion_that_is_rolled_back_keeps_the_file_with_its_object(files: Files) -> None:
    file_id = files.upload()
    with pytest.raises(ConnectionError), db.transaction() as session:
        stored.remove_file(session, files.project, file_id)
        raise ConnectionError
    assert files.get(file_id).sha256 in files.objects()


def test_a_deleted_file_whose_object_stays_is_nobodys_and_keeps_its_row_for_the_sweep(files: Files) -> None:
    file_id = files.upload()
    with db.transaction() as session:
        row = stored.remove_file(session, files.project, file_id)
    (files.data / "files" / row.key).unlink()
    (files.data / "files" / row.key).mkdir()
    stored.clear(row.id, row.key)
    with pytest.raises(NotFound):
        files.get(file_id)
    assert files.rows() == 1
    (files.data / "files" / row.key).rmdir()
    stored.clear(row.id, row.key)
    assert files.rows() == 0


def test_a_file_that_is_there_is_not_cleared(files: Files) -> None:
    file_id = files.upload()
    key = files.get(file_id).key
    stored.clear(file_id, f"{key}-of-nobody")
    assert files.get(file_id).key == key
