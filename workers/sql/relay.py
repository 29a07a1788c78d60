"""A connection to a checked address that ends: after so many seconds, and after so many bytes of answers.

libpq waits as long as a server keeps it waiting and takes as much as one sends, a row of a gigabyte if need be. It
connects to this relay instead, at a port of its own on this machine, and the relay to the address that was checked.
"""

import selectors
import socket
import threading
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

from infra.errors import TargetTimeout, TargetUnreachable

PIECE = 64 * 1024
CONNECT_SECONDS = 5.0


class Relay:
    """`cut`: the answers were longer than `at_most` bytes; `late`: they took longer than `seconds`."""

    def __init__(self, address: str, port: int, *, seconds: float, at_most: int) -> None:
        self.cut = self.late = False
        self._address, self._to = address, port
        self._give_up_at, self._left = monotonic() + seconds, at_most
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        wait = min(CONNECT_SECONDS, max(0.1, self._give_up_at - monotonic()))
        try:
            self._far = socket.create_connection((self._address, self._to), timeout=wait)
        except TimeoutError:
            raise TargetTimeout(f"The database did not answer within {wait:g} s.") from None
        except OSError as error:
            raise TargetUnreachable(f"The database cannot be reached: {error.strerror or 'no route'}.") from None
        self._door = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="database-relay", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        for one in (self._far, self._door):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join(2.0)

    def _serve(self) -> None:
        with suppress(OSError, ValueError):
            self._door.settimeout(self._seconds_left())
            near, _ = self._door.accept()
            self._door.close()
            with near:
                self._pass(near)
        self._far.close()

    def _pass(self, near: socket.socket) -> None:
        """Passes bytes both ways until one side ends, or it is enough."""
        other = {near: self._far, self._far: near}
        with selectors.DefaultSelector() as selector:
            for one in other:
                one.setblocking(True)
                selector.register(one, selectors.EVENT_READ)
            while not self._stopped.is_set():
                ready = selector.select(min(1.0, self._seconds_left()))
                if self._is_late():
                    return
                for key, _ in ready:
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    piece = source.recv(PIECE)
                    if not piece or (source is self._far and self._is_too_much(len(piece))):
                        return
                    other[source].settimeout(self._seconds_left())
                    other[source].sendall(piece)

    def _is_too_much(self, size: int) -> bool:
        self._left -= size
        self.cut = self._left < 0
        return self.cut

    def _is_late(self) -> bool:
        self.late = monotonic() >= self._give_up_at
        return self.late

    def _seconds_left(self) -> float:
        return max(0.01, self._give_up_at - monotonic())
