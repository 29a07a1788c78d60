"""An upload is counted and bounded as it comes, and stays in storage only with a batch."""

import io

import pytest

from infra import db
from infra.errors import BadInput, BodyTooLarge, QueueFull, TooManyLines
from infra.settings import settings
from tests.workers.jobs.batches.conftest import Batches, line
from workers.jobs.batches.receiving import UNREAD_AT_MOST, Lines, in_storage


def lines_of(*pieces: bytes) -> int:
    given = Lines(io.BytesIO())
    for piece in pieces:
        given.write(piece)
    return given.end().count


@pytest.mark.parametrize(
    ("pieces", "count"),
    [
        ([b"{}"], 1),
        ([b"{}\n"], 1),
        ([b"{}\n{}"], 2),
        ([b"{", b"}\n", b"{}", b"\n"], 2),
        ([b"{}\n\n{}\n\n\n"], 3),
        ([b"{}\r\n", b"\r\n", b" \t\n"], 1),
        ([b"\n\n", b"{}"], 3),
    ],
)
def test_lines_are_counted_however_they_are_cut_and_blank_ones_at_the_end_are_not(
    pieces: list[bytes], count: int
) -> None:
    assert lines_of(*pieces) == count


def test_the_first_byte_and_the_first_line_too_many_are_refused() -> None:
    given = Lines(io.BytesIO())
    for _ in range(settings().max_upload_bytes // 2**20):
        given.write(b" " * 2**20)
    with pytest.raises(BodyTooLarge):
        given.write(b"x")
    assert lines_of(b"{}\n" * 50_000) == 50_000
    with pytest.raises(TooManyLines):
        lines_of(b"{}\n" * 50_000, b"\n\n{")
    with pytest.raises(BadInput):
        lines_of(b"\n \n")


def test_an_upload_without_a_batch_leaves_nothing_in_storage(batches: Batches) -> None:
    given = Lines(io.BytesIO())
    given.write(b"{}\n")
    with in_storage(given.end(), batches.project):
        assert len(batches.files()) == 1
    assert batches.files() == []
    given.file.seek(0)
    with pytest.raises(QueueFull), in_storage(given, batches.project):
        raise QueueFull
    assert batches.files() == []


def test_a_commit_of_which_nobody_knows_whether_it_happened_keeps_the_upload(batches: Batches) -> None:
    given = Lines(io.BytesIO())
    given.write(b"{}\n")
    with pytest.raises(ConnectionError), in_storage(given.end(), batches.project), db.transaction():
        raise ConnectionError
    assert len(batches.files()) == 1


def test_a_project_has_so_many_unread_batches_and_no_more(batches: Batches) -> None:
    for _ in range(UNREAD_AT_MOST):
        batches.accept(line())
    with pytest.raises(QueueFull):
        batches.accept(line())
    assert len(batches.files()) == UNREAD_AT_MOST
