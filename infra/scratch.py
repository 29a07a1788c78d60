"""Files that one piece of work needs for a while: under SWITCHYARD_DATA, which has room for them, and not in /tmp.

What a process leaves behind that was killed is removed when another one begins.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from infra.errors import Unavailable
from infra.settings import settings

LEFT_BEHIND_SECONDS = 86_400.0


@contextmanager
def file() -> Iterator[BinaryIO]:
    """An empty file without a name; raises Unavailable."""
    try:
        made = tempfile.TemporaryFile(dir=_place())  # noqa: SIM115 (closed below)
    except OSError as error:
        raise cannot_write(error) from error
    with made:
        yield made


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder; raises Unavailable."""
    try:
        made = Path(tempfile.mkdtemp(dir=_place()))
    except OSError as error:
        raise cannot_write(error) from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def cannot_write(error: OSError) -> Unavailable:
    """What a full or broken disk is to a client."""
    return Unavailable(f"The data folder cannot be written: {error.strerror}.")


def _place() -> Path:
    path = settings().data / "scratch"
    path.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(path)
    return path


@cache
def _remove_left_behind(path: Path) -> None:
    """What nobody has touched for a day; once a process."""
    for left in path.iterdir():
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_BEHIND_SECONDS:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
