"""A cheap HTTP client for benchmarks: raw asyncio sockets, keep-alive, about 0.04 ms of CPU a request.

It runs in the benchmark's own process; every server under test is another one, so no GIL is shared. It understands
just the HTTP that our servers speak (Content-Length, chunked, server-sent events) and measures in seconds.

    python -m tests.bench.load http://127.0.0.1:8000/health --clients 32 --requests 5000
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

Json = dict[str, Any]


class HttpError(Exception):
    """The server answered with something the benchmark cannot count as success."""


@dataclass(slots=True)
class Run:
    """What one run of the load generator saw: latencies of the successes, how many failed, how long it took."""

    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Client:
    """One keep-alive connection; `key` is sent as a bearer token. Not for two requests at the same time."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        parts = urlsplit(base_url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.prefix = parts.path.rstrip("/")
        authorization = f"Authorization: Bearer {key}\r\n" if key else ""
        self.head = f"Host: {self.host}:{self.port}\r\n{authorization}".encode()
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def _send(self, method: str, path: str, body: bytes, headers: str) -> bytes:
        """Sends and returns the answer's head; a connection the server closed while idle is opened again once."""
        if "Content-Type" not in headers:
            headers += "Content-Type: application/json\r\n"
        request = b"%s %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s" % (
            method.encode(),
            (self.prefix + path).encode(),
            self.head,
            headers.encode(),
            len(body),
            body,
        )
        for fresh in (self.writer is None, True):
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=2**22)
            assert self.reader
            try:
                self.writer.write(request)
                return await self.reader.readuntil(b"\r\n\r\n")
            except (ConnectionError, asyncio.IncompleteReadError):
                self.close()
                if fresh:
                    raise
        raise AssertionError

    async def request(self, method: str, path: str, body: bytes = b"", headers: str = "") -> tuple[int, bytes]:
        """The status and body of one request."""
        head = (await self._send(method, path, body, headers)).lower()
        assert self.reader
        if (at := head.find(b"content-length:")) >= 0:
            content = await self.reader.readexactly(int(head[at + 15 :].split(b"\r", 1)[0]))
        else:
            content = b"".join([part async for part in self._chunks(head)])
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), content

    async def _chunks(self, head: bytes) -> AsyncIterator[bytes]:
        assert self.reader
        if b"transfer-encoding: chunked" not in head:
            while part := await self.reader.read(65536):
                yield part
            self.close()
            return
        while size := int((await self.reader.readline()).split(b";")[0], 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)

    async def post(self, path: str, body: Json, headers: str = "") -> Json:
        return self._json(*await self.request("POST", path, json.dumps(body).encode(), headers))

    async def get(self, path: str, headers: str = "") -> Json:
        return self._json(*await self.request("GET", path, b"", headers))

    def _json(self, status: int, content: bytes) -> Json:
        if status >= 300:
            raise HttpError(f"{status}: {content[:300].decode(errors='replace')}")
        found: Json = json.loads(content)
        return found

    async def events(
        self, path: str, body: bytes = b"", method: str = "GET"
    ) -> AsyncGenerator[tuple[float, str, bytes], None]:
        """Server-sent events as (seconds on the perf_counter when it was here, type, data); opened by the first."""
        head = (await self._send(method, path, body, "Accept: text/event-stream\r\n")).lower()
        if head[9:12] != b"200":
            raise HttpError(f"{path}: {head[:100]!r}")
        buffer = b""
        async for part in self._chunks(head):
            now = time.perf_counter()
            buffer += part.replace(b"\r\n", b"\n")
            *whole, buffer = buffer.split(b"\n\n")
            for block in whole:
                fields = dict(line.split(b":", 1) for line in block.split(b"\n") if not line.startswith(b":") and line)
                if b"data" in fields:
                    yield now, fields.get(b"event", b" message").strip().decode(), fields[b"data"].strip()


async def many(
    clients: int, total: int, make: Callable[[], Client], one: Callable[[Client, int], Awaitable[Any]]
) -> Run:
    """Runs `one(client, number)` `total` times over `clients` connections, each going on as soon as it is answered."""
    run, numbers = Run(), iter(range(total))

    async def work() -> None:
        async with make() as client:
            for number in numbers:
                started = time.perf_counter()
                try:
                    await one(client, number)
                except (HttpError, OSError, asyncio.IncompleteReadError):
                    run.failures += 1
                else:
                    run.latencies.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(clients)))
    run.seconds = time.perf_counter() - started
    return run


async def steady(
    per_second: float, seconds: float, make: Callable[[], Client], one: Callable[[Client, int], Awaitable[Any]]
) -> Run:
    """`one` at a fixed rate whatever the answers do (open loop); latency counts from when it should have begun."""
    run, began = Run(), time.perf_counter()
    idle: list[Client] = []

    async def fire(number: int, due: float) -> None:
        client = idle.pop() if idle else make()
        try:
            await one(client, number)
            run.latencies.append(time.perf_counter() - due)
            idle.append(client)
        except (HttpError, OSError, asyncio.IncompleteReadError):
            run.failures += 1
            client.close()

    async with asyncio.TaskGroup() as group:
        for number in range(int(per_second * seconds)):
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(fire(number, due))
    run.seconds = time.perf_counter() - began
    for client in idle:
        client.close()
    return run


def go(main: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine on uvloop where there is one; SIGTERM ends it with all that it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        import uvloop

        return uvloop.run(main)
    except ImportError:
        return asyncio.run(main)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--body", help="JSON to POST; else GET")
    arguments = parser.parse_args()
    url = urlsplit(arguments.url)
    content = (arguments.body or "").encode()

    async def once(client: Client, _: int) -> None:
        status, _answer = await client.request("POST" if content else "GET", url.path, content)
        if status >= 300:
            raise HttpError(str(status))

    base = f"http://{url.netloc}"
    result: Run = go(many(arguments.clients, arguments.requests, lambda: Client(base), once))
    p50, p99 = result.quantile(0.5) * 1000, result.quantile(0.99) * 1000
    print(f"{result.rate:.0f} requests/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, {result.failures} failures")
