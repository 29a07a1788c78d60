"""A server on loopback that answers with whatever bytes a test writes, and the guarded client that has to bear it.

`async with serving(talk) as target:`, where `talk(request, writer)` answers one request; the connection is kept until
`talk` closes it. `got(talk)` is one request's answer, `against(talk, use)` runs `use(client, target)`.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from infra.http import Answer, GuardedClient
from infra.targets import Targets


@dataclass(slots=True)
class Request:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


WEB = (range(80, 81), range(443, 444))
HERE = Targets((ip_network("127.0.0.1/32"),), WEB)
EVERYTHING_HERE = Targets((ip_network("127.0.0.0/8"), ip_network("::1/128")), WEB)
NOTHING = Targets((), WEB)

Talk = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Target:
    """The running server: what came, and over how many connections."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        """Its address under any name."""
        return f"{scheme}://{host}:{self.port}{path}"


def answer(body: bytes = b"ok", *, status: str = "200 OK", **headers: str) -> bytes:
    """A plain answer; `content_type="text/plain"` becomes a header."""
    named = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def always(reply: bytes) -> Talk:
    """Says the same to everything."""

    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)

    return talk


@asynccontextmanager
async def serving(talk: Talk, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[Target]:
    """The server, on a free port, until the block ends; connections that are still open are cut then."""
    target, tasks = Target(), set[asyncio.Task[None]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                request = await _request(reader)
                target.requests.append(request)
                await talk(request, writer)
                await writer.drain()
        writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connected(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.close())  # also of one that was cancelled before it began

    server = await asyncio.start_server(begin, host, 0, ssl=tls)
    target.port = server.sockets[0].getsockname()[1]
    try:
        yield target
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


class Names(AbstractResolver):
    """A name server: each look-up of a name takes the next of its answers, the last one for ever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {f"{name}.example": given for name, given in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC) -> list[ResolveResult]:
        self.asked.append(host)
        given = self.answers.get(host)
        if given is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        addresses = given.pop(0) if len(given) > 1 else given[0]
        return [ResolveResult(hostname=host, host=one, port=port, family=0, proto=0, flags=0) for one in addresses]

    async def close(self) -> None:
        """Nothing is open."""


def against(talk: Talk, use: Callable[[GuardedClient, Target], Awaitable[Any]], **options: Any) -> Target:
    """Runs `use` with a client that may call this machine and a server that answers so."""
    server = {name: options.pop(name) for name in ("tls", "host") if name in options}

    async def run() -> Target:
        client = GuardedClient(**{"targets": HERE, **options})
        async with serving(talk, **server) as target:
            try:
                await use(client, target)
            finally:
                await client.close()
        return target

    return asyncio.run(run())


def got(talk: Talk, method: str = "GET", path: str = "/", **request: Any) -> tuple[Answer, Target]:
    """One request's answer."""
    answers: list[Answer] = []

    async def use(client: GuardedClient, target: Target) -> None:
        answers.append(await client.request(method, target.url(path), **request))

    target = against(talk, use)
    return answers[0], target


async def pieces(writer: asyncio.StreamWriter, piece: bytes, pause: float = 0.0) -> None:
    """The same bytes again and again."""
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause)


def dripping(beginning: bytes, piece: bytes) -> Talk:
    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        await pieces(writer, piece, 0.02)

    return talk
