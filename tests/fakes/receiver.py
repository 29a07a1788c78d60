"""A receiver of webhooks over real HTTP on loopback: it records what came and answers as scripted.

`receiver.script("/hook", Reply(500), Reply(204))` answers that path's first request with 500 and all later ones with
204; a path without a script answers 204.
"""

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Self

import orjson
from aiohttp import web

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered, `delay` seconds later. `how`: whole; drip, a byte each tenth of a second and no end; close, the
    connection without an answer."""

    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    how: str = "whole"


# Longer than anybody waits.
HANG = Reply(delay=120.0)
DRIP = Reply(200, how="drip")
CLOSE = Reply(how="close")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; header names in lower case, `at` monotonic."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def event(self) -> Json:
        """The body."""
        found: Json = orjson.loads(self.body)
        return found


class Receiver:
    """The server, in a thread of its own; `with Receiver() as receiver:`."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.port = 0
        self._scripts: dict[str, list[Reply]] = {}
        self._seen: defaultdict[str, int] = defaultdict(int)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def url(self, path: str = "/hook", *, host: str = "127.0.0.1") -> str:
        """An address here; `localhost` is another one."""
        return f"http://{host}:{self.port}{path}"

    def script(self, path: str, *replies: Reply) -> str:
        """Has these answered there from now on, one after the other, the last again and again; returns the address."""
        self._scripts[path], self._seen[path] = list(replies), 0
        return self.url(path)

    def at(self, path: str) -> list[Received]:
        """What came to that path."""
        return [one for one in self.requests if one.path == path]

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=32 * 1024 * 1024)
        app.router.add_route("*", "/{rest:.*}", self._receive)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Received(request.path, headers, body, monotonic()))
        script = self._scripts.get(request.path, [Reply()])
        reply = script[min(self._seen[request.path], len(script) - 1)]
        self._seen[request.path] += 1
        await asyncio.sleep(reply.delay)
        if reply.how == "close" and request.transport is not None:
            request.transport.close()
        if reply.how == "drip":
            return await _drip(request, reply)
        return web.Response(status=reply.status, body=reply.body or None, headers=reply.headers)


async def _drip(request: web.Request, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status)
    await response.prepare(request)
    while True:
        await response.write(b".")
        await asyncio.sleep(0.1)
