"""The network between two parts, as bad as one wants it: slow, cut, or silent.

A silent network takes everything and delivers nothing until it speaks again; that is what a lost route or a frozen host
looks like from outside, and no connection error tells of it.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

import uvloop

Address = tuple[str, int] | str


class Network:
    """The proxies' event loop, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._proxies: list[Proxy] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _close(self) -> None:
        for proxy in self._proxies:
            proxy.close()
        await asyncio.sleep(0)  # the loop closes what was aborted in its next round

    def proxy(self, target: Address) -> "Proxy":
        """A port that leads to `target`: host and port, or the path of a Unix socket."""
        made = Proxy(self._loop, target)
        self.do(made.open())
        self._proxies.append(made)
        return made

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs it on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


class Proxy:
    """One way between two parts. Its verbs may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Address) -> None:
        self.loop, self.target, self.port = loop, target, 0
        self.delay: Callable[[], float] = lambda: 0.0
        # How many bytes an answer may have before its connection is cut; None: any number.
        self.budget: Callable[[], int | None] = lambda: None
        self.silent = False
        self.sides: set[_Side] = set()
        self.cuts = 0

    async def open(self) -> None:
        """Begins to listen."""
        self._server = await self.loop.create_server(lambda: _Side(self), "127.0.0.1", 0, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Ends with all its connections; only on the loop."""
        self._server.close()
        for side in list(self.sides):
            side.transport.abort()

    def silence(self) -> None:
        """From now on nothing arrives, in either direction, and nobody is told."""
        self.silent = True

    def speak(self) -> None:
        """All that was held back arrives, then everything as ever."""
        self.silent = False
        for side in list(self.sides):
            self.loop.call_soon_threadsafe(side.drain)

    def cut(self) -> None:
        """Resets every connection there is."""
        for side in list(self.sides):
            self.loop.call_soon_threadsafe(side.cut)


class _Side(asyncio.Protocol):
    """One end of a connection: what arrives here leaves at `peer`, in order, when its time has come."""

    def __init__(self, proxy: Proxy, peer: "_Side | None" = None, budget: int | None = None) -> None:
        self.proxy, self.peer, self.left = proxy, peer, budget
        self.transport: Any = None
        # (due, bytes), None for the end of the stream.
        self.waiting: deque[tuple[float, bytes | None]] = deque()
        self.connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.proxy.sides.add(self)
        if self.peer is None:
            self.connecting = self.proxy.loop.create_task(self._connect())

    async def _connect(self) -> None:
        far = _Side(self.proxy, self, self.proxy.budget())
        target = self.proxy.target
        try:
            if isinstance(target, str):
                await self.proxy.loop.create_unix_connection(lambda: far, target)
            else:
                await self.proxy.loop.create_connection(lambda: far, *target)
        except OSError:
            self.transport.abort()
            return
        self.peer = far
        self.drain()

    def data_received(self, data: bytes) -> None:
        self._put(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._put(None)
        if self.peer is None:
            self.proxy.sides.discard(self)

    def _put(self, data: bytes | None) -> None:
        due = self.proxy.loop.time() + self.proxy.delay()
        self.waiting.append((max(due, self.waiting[-1][0]) if self.waiting else due, data))
        self.drain()

    def drain(self) -> None:
        """Delivers what is due."""
        while self.waiting and self.peer is not None and not self.proxy.silent:
            due, data = self.waiting[0]
            if due > self.proxy.loop.time():
                self.proxy.loop.call_at(due + 0.001, self.drain)
                return
            self.waiting.popleft()
            if data is None:
                self.proxy.sides.discard(self)
                self.peer.transport.close()
            elif not self.peer.transport.is_closing():
                self._deliver(self.peer, data)

    def _deliver(self, peer: "_Side", data: bytes) -> None:
        if self.left is not None:
            data, self.left = data[: self.left], self.left - len(data)
        peer.transport.write(data)
        if self.left is not None and self.left <= 0:
            self.proxy.cuts += 1
            self.transport.abort()
            peer.transport.close()  # what was written before the cut still arrives

    def cut(self) -> None:
        """Resets this end; the other one hears of it."""
        self.proxy.cuts += 1
        self.transport.abort()
        if self.peer is not None:
            self.peer.transport.abort()
