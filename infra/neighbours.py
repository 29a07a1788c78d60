"""A connection given to another process of the same gunicorn: its file descriptor, with a message, over a Unix socket.

The processes share a port, so that a client's next request may come to any of them. What lives in one process (a
Socket.IO session) is found by that process's name. Each listens under its name in a folder that is made before they
are forked, and that only this user may enter.
"""

import contextlib
import os
import shutil
import socket
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextvars import Context
from pathlib import Path

import structlog

MESSAGE_AT_MOST = 160 * 1024
GIVE_SECONDS = 1.0
# A Unix socket's address may have 107 bytes.
FOLDER_LENGTH_AT_MOST = 80
_state: dict[str, Path] = {}

log = structlog.get_logger(__name__)


def open_folder(data: Path) -> Path:
    """Makes the folder: in `run/` of the data folder where there is one, which `make up` empties at each start."""
    run = (data / "run").absolute()
    fits = run.is_dir() and len(os.fsencode(run)) <= FOLDER_LENGTH_AT_MOST
    _state["folder"] = Path(tempfile.mkdtemp(prefix="api-" if fits else "switchyard-", dir=run if fits else None))
    return _state["folder"]


def remove_folder() -> None:
    """Takes it away with all that is in it."""
    if folder := _state.pop("folder", None):
        shutil.rmtree(folder, ignore_errors=True)


class Listener:
    """Takes what other processes give to the process of that name; `take` is called on the loop."""

    def __init__(self, loop: AbstractEventLoop, name: str, take: Callable[[socket.socket, bytes], None]) -> None:
        self._loop, self._take = loop, take
        self._socket: socket.socket | None = None
        folder = _state.get("folder")
        if folder is None:  # another server than our gunicorn: there are no neighbours
            return
        self._path = folder / name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._socket.setblocking(False)
        # Without the caller's context, which it would keep for good.
        loop.call_soon_threadsafe(loop.add_reader, self._socket, self._read, context=Context())

    def _read(self) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(BlockingIOError, InterruptedError):
            message, handles, _, _ = socket.recv_fds(self._socket, MESSAGE_AT_MOST, 1)
            if handles:
                os.set_inheritable(handles[0], False)
                self._take(socket.socket(fileno=handles[0]), message)

    def close(self) -> None:
        """Takes nothing any more; call it on the loop."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self._path.unlink(missing_ok=True)


def give(name: str, sock: socket.socket, message: bytes) -> bool:
    """Gives the connection to the process of that name; False where there is none, or it does not take it in time."""
    folder = _state.get("folder")
    if folder is None:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.settimeout(GIVE_SECONDS)
            way.connect(str(folder / name))
            socket.send_fds(way, [message], [sock.fileno()])
    except OSError as error:
        log.info("neighbours.not_there", name=name, error=str(error))
        return False
    sock.close()
    return True
