"""Files as local ones: out of storage for what works on paths, and into it."""

import asyncio
from pathlib import Path

import pytest

from infra.errors import NotFound, Unavailable
from tests.workers.files.conftest import Files
from workers.files import local_copy, write_file
from workers.files.sweep import sweep


def test_what_was_written_is_copied_and_the_copy_ends_with_its_block(files: Files, tmp_path: Path) -> None:
    source = tmp_path / "made"
    source.write_bytes(b"rows" * 100_000)

    async def both() -> Path:
        made = await write_file(files.project, "rows.parquet", "application/vnd.apache.parquet", source)
        async with local_copy(files.project, made) as (path, row):
            assert path.read_bytes() == source.read_bytes()
            assert (row.filename, row.purpose, row.size) == ("rows.parquet", "export", 400_000)
            return path

    assert not asyncio.run(both()).parent.exists()
    assert list((files.data / "scratch").iterdir()) == []


def test_a_file_of_another_project_is_not_copied(files: Files) -> None:
    file_id = files.upload()

    async def copy() -> None:
        async with local_copy(file_id, file_id):
            raise AssertionError

    with pytest.raises(NotFound):
        asyncio.run(copy())


def test_a_file_that_cannot_be_stored_leaves_nothing_but_work_for_the_sweep(files: Files, tmp_path: Path) -> None:
    source = tmp_path / "made"
    source.write_bytes(b"x")
    (files.data / "files").write_text("in the way")
    with pytest.raises(Unavailable):
        asyncio.run(write_file(files.project, "a", "text/plain", source))
    (files.data / "files").unlink()
    assert sweep() == 1 and files.rows() == 0


def test_a_file_whose_object_is_gone_is_not_found(files: Files) -> None:
    file_id = files.upload()
    (files.data / "files" / files.get(file_id).key).unlink()

    async def copy() -> None:
        async with local_copy(files.project, file_id):
            raise AssertionError

    with pytest.raises(NotFound):
        asyncio.run(copy())
