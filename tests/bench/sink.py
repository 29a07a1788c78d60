"""A receiver of webhooks over real HTTP, so fast that it is never the bottleneck (one core: > 20,000 requests/s).

    python -m tests.bench.sink --port 9000

Answers a delivery with 204, under /hang never; under /timed/ it keeps when each came. GET /stats: how many different
deliveries arrived elsewhere than under /hang, how many of them once more, and how many hang. GET /times: what came
under /timed/, as [epoch second, body]. POST /reset forgets all.
"""

import argparse
import asyncio
import json
import time
from asyncio import Transport

from tests.bench.load import go

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Seen:
    """What came since the last POST /reset."""

    arrived: set[tuple[bytes, bytes]] = set()  # noqa: RUF012 - one for the process
    again = 0
    hanging = 0
    timed: list[tuple[float, str]] = []  # noqa: RUF012

    @classmethod
    def reset(cls) -> None:
        cls.arrived, cls.again, cls.hanging, cls.timed = set(), 0, 0, []

    @classmethod
    def note(cls, path: bytes, webhook_id: bytes, body: bytes) -> None:
        """A delivery came."""
        if path.startswith(b"/hang"):
            cls.hanging += 1
            return
        cls.again += (path, webhook_id) in cls.arrived
        cls.arrived.add((path, webhook_id))
        if path.startswith(b"/timed/"):
            cls.timed.append((time.time(), body.decode()))


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    transport: Transport
    buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, separator, rest = self.buffer.partition(b"\r\n\r\n")
            length = int(header(head, b"content-length") or 0)
            if not separator or len(rest) < length:
                return
            self.buffer = rest[length:]
            self._serve(head, rest[:length])

    def _serve(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/stats":
            self._show({"arrived": len(Seen.arrived), "again": Seen.again, "hanging": Seen.hanging})
        elif path == b"/times":
            self._show(Seen.timed)
        elif path == b"/reset":
            Seen.reset()
            self._show({})
        else:
            Seen.note(path, header(head, b"webhook-id"), body)
            if not path.startswith(b"/hang"):
                self.transport.write(NO_CONTENT)

    def _show(self, found: object) -> None:
        content = json.dumps(found).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content))


def header(head: bytes, name: bytes) -> bytes:
    """A header's value; nothing where there is none."""
    start = head.lower().find(b"\r\n%s:" % name)
    return head[start + len(name) + 3 :].split(b"\r\n", 1)[0].strip() if start >= 0 else b""


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    go(serve(parser.parse_args().port))
