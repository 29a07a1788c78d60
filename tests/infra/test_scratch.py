"""Files for a while end with their work, and what a killed process left with the next one."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import scratch
from infra.errors import Unavailable
from infra.settings import settings


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of its own."""
    monkeypatch.setenv("SWITCHYARD_DATA", str(tmp_path / "data"))
    settings.cache_clear()
    yield tmp_path / "data"
    settings.cache_clear()


def test_files_and_folders_end_with_their_block(data: Path) -> None:
    with scratch.folder() as folder, scratch.file() as file:
        (folder / "a").write_text("x")
        file.write(b"x")
        assert data in folder.parents
    assert list((data / "scratch").iterdir()) == []


def test_what_nobody_touched_for_a_day_is_removed_and_what_is_in_use_is_not(data: Path) -> None:
    for name in ("old", "young"):
        (data / "scratch" / name / "deep").mkdir(parents=True)
    (data / "scratch" / "file").write_text("x")
    for name in ("old", "file"):
        os.utime(data / "scratch" / name, (0, time.time() - 90_000))
    with scratch.folder() as folder:
        assert {path.name for path in (data / "scratch").iterdir()} == {"young", folder.name}


def test_a_data_folder_that_cannot_be_written_is_unavailable(data: Path) -> None:
    data.write_text("in the way")
    for make in (scratch.file, scratch.folder):
        with pytest.raises(Unavailable), make():
            pass
