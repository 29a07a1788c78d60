"""A client's socket on the hub's loop, for an answer that takes its time: written piece by piece, kept alive, cut off
when its client reads too slowly.

Thousands of them are idle most of the time, so an idle one has no timer, no buffer and no task but the one that serves
it: one look a second sees to all.
"""

import asyncio
import socket
from collections.abc import Callable

import structlog

from api.hub import Hub, hub
from infra.process import PerProcess
from infra.settings import settings

# What may wait in the process for one client, beside one more piece; and how long a client may leave it there.
UNSENT_AT_MOST = 64 * 1024
SLOW_READER_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Connection(asyncio.Protocol):
    """One socket. What the client says after its request, its going away too, ends the task that serves it.

    While it is open it is `among` others, and somebody calls `look` on all of them every second. `patience` is how long
    it may be full, `quiet` how long it says nothing before a heartbeat, in seconds.
    """

    __slots__ = (
        "_among",
        "_chunked",
        "_full_since",
        "_loop",
        "_patience",
        "_quiet",
        "_room",
        "_spoke_at",
        "_task",
        "_transport",
        "heartbeat",
    )

    def __init__(
        self, among: "set[Connection]", *, chunked: bool, quiet: float, patience: float = SLOW_READER_SECONDS
    ) -> None:
        self._among, self._quiet, self._patience = among, quiet, patience
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._chunked = chunked
        self._transport: asyncio.Transport
        self._room: asyncio.Future[None] | None = None
        self._full_since: float | None = None
        self._spoke_at = self._loop.time()
        self.heartbeat: Callable[[], bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=UNSENT_AT_MOST)
        self._among.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Ends what serves it."""
        self._among.discard(self)
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """There is nothing that a client could say here."""
        self._transport.close()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self._full_since = self._loop.time()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._full_since = None
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    async def send(self, piece: bytes) -> None:
        """Writes a piece of the body, and waits until there is room for the next."""
        await self.send_raw(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    async def send_raw(self, data: bytes) -> None:
        """The same for what is no piece of the body."""
        self._write(data)
        if self._full_since is not None:
            self._room = self._loop.create_future()
            await self._room

    def _write(self, data: bytes) -> None:
        self._spoke_at = self._loop.time()
        self._transport.write(data)

    def end(self, *, whole: bool) -> None:
        """Closes it once all is sent; a body that is not `whole` is seen to be cut off."""
        self._task = self.heartbeat = None
        if whole and self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._transport.close()

    def look(self, now: float) -> None:
        """Cuts it off if it has been full for so long; else shows that it lives if it has been quiet for long."""
        if self._full_since is not None:
            if now - self._full_since >= self._patience:
                log.info("stream.slow_reader_cut")
                self._transport.abort()
        elif self.heartbeat is not None and now - self._spoke_at >= self._quiet:
            beat = self.heartbeat()
            self._write(b"%x\r\n%b\r\n" % (len(beat), beat) if self._chunked else beat)


class Connections:
    """All of the process, under one timer."""

    def __init__(self, here: Hub) -> None:
        self.open: set[Connection] = here.open
        self._loop = here.loop
        here.on_tick(self._look)

    def _look(self) -> None:
        now = self._loop.time()
        for one in list(self.open):
            one.look(now)


connections = PerProcess(lambda: Connections(hub()))


async def opened(sock: socket.socket, *, chunked: bool) -> Connection:
    """The socket as a connection that the current task serves; raises OSError if its client has gone."""
    sock.setblocking(False)
    connection = Connection(connections().open, chunked=chunked, quiet=settings().stream_heartbeat_seconds)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, sock)
    return connection
