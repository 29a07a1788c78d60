"""The folder that holds everything the development system writes: `.local/`, or where SWITCHYARD_DATA points."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from infra.dev.problem import Problem

SOCKET_PATH_LIMIT = 107  # bytes, sockaddr_un on Linux
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"


class Folder:
    """The data folder, claimed for one running system. `run/` is emptied at each start, the rest stays."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.run = self.path / "run"
        self.logs = self.path / "logs"
        self.metrics = self.run / "metrics"
        self.postgres = self.path / "postgres"
        self.environment_file = self.path / "dev.env"
        self._lock: IO[str] | None = None
        self._sockets: Path | None = None

    def claim(self) -> None:
        """Make the folders and the lock; a second system in the same folder is refused."""
        try:
            # Root's PostgreSQL runs as another user, who must pass; only what is inside is closed then.
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise Problem(
                f"cannot write to {self.path} ({error.strerror}); set SWITCHYARD_DATA to a folder that you may write to"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            other = self._lock.read().strip() or "another process"
            self._lock.close()
            self._lock = None  # not ours to empty
            raise Problem(f"Switchyard already runs in {self.path} ({other}); end that first") from None
        self._lock.truncate(0)
        self._lock.write(f"process {os.getpid()}")
        self._lock.flush()
        try:
            shutil.rmtree(self.run, ignore_errors=True)
            self.run.mkdir(mode=0o711)
            self.metrics.mkdir(mode=0o700)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Problem(
                f"cannot write to {error.filename} ({error.strerror}): it may belong to another user, such as root; "
                f"remove it, or set SWITCHYARD_DATA"
            ) from None

    def sockets(self) -> Path:
        """A private folder for Unix sockets: `run/pg`, or a short temporary one if that path is too long for them."""
        if self._sockets is None:
            usual = self.run / "pg"
            if len(os.fsencode(usual)) + len(LONGEST_SOCKET_NAME) <= SOCKET_PATH_LIMIT:
                usual.mkdir(mode=0o700)
                self._sockets = usual
            else:
                self._sockets = Path(tempfile.mkdtemp(prefix="switchyard-"))
        return self._sockets

    def release(self) -> None:
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._sockets = None
        if self._lock:
            shutil.rmtree(self.run, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._lock.truncate(0)
            self._lock.close()
            self._lock = None
