"""An upload is a file with its row and its object, or it is nothing."""

import pytest
from sqlalchemy.exc import OperationalError

from infra import db
from infra.errors import BadInput, BodyTooLarge, QueueFull, Unavailable
from tests.workers.files.conftest import Files
from workers.files import receiving


def test_the_first_byte_too_many_and_none_at_all_are_refused(files: Files) -> None:
    files.upload(b"x" * 1000)
    with pytest.raises(BodyTooLarge):
        files.upload(b"x" * 1001)
    with pytest.raises(BadInput):
        files.upload(b"")
    assert files.rows() == len(files.objects()) == 1
    assert list((files.data / "scratch").iterdir()) == []


def test_an_upload_that_is_refused_after_it_was_stored_leaves_nothing(files: Files) -> None:
    for error in (QueueFull, None):
        with receiving.receiving() as upload:
            upload.write(b"x")
            try:
                with receiving.in_storage(upload.end(), files.project):
                    assert len(files.objects()) == files.rows() == 1
                    if error:
                        raise error
            except QueueFull:
                pass
        assert files.objects() == set() and files.rows() == 0


def test_a_commit_of_which_nobody_knows_whether_it_happened_keeps_the_row_for_the_sweep(files: Files) -> None:
    with receiving.receiving() as upload, pytest.raises(OperationalError):
        upload.write(b"x")
        with receiving.in_storage(upload.end(), files.project), db.transaction():
            raise OperationalError("COMMIT", {}, ConnectionError())
    assert len(files.objects()) == files.rows() == 1


def test_an_upload_that_took_longer_than_its_row_was_reserved_for_is_refused(files: Files) -> None:
    with receiving.receiving() as upload, pytest.raises(Unavailable):
        upload.write(b"x")
        with receiving.in_storage(upload.end(), files.project) as file_id, db.transaction() as session:
            files.sql("UPDATE files SET removable_at = now()")
            receiving.accept(
                session,
                file_id=file_id,
                upload=upload,
                project_id=files.project,
                metadata={},
                expires_at=None,
                created_by=files.project,
            )
    assert files.objects() == set() and files.rows() == 0
