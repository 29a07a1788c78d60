"""An API so fast that it is never the bottleneck (one core: > 20,000 requests/s), for the steps of test runs.

    python -m tests.bench.fast --port 9000

GET /things/{number} answers a small thing; under /flaky/ every tenth request by chance (seeded) is answered with 500,
under /broken/ each. GET /openapi.json describes /things, in eight paths, so that eight threads have something to do.
"""

import argparse
import asyncio
import json
import random
from asyncio import Transport

from tests.bench.load import go
from tests.fakes.shop.rules import Json

PATHS = 8
THING = json.dumps({"id": 1, "name": "thing", "price": 499, "tags": ["a", "b"], "note": "x" * 120}).encode()
_TYPE = b"Content-Type: application/json\r\n"
GOOD = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (_TYPE, len(THING), THING)
BAD = b"HTTP/1.1 500 Internal Server Error\r\n" + _TYPE + b"Content-Length: 2\r\n\r\n{}"
SHARE = 0.1


def description() -> Json:
    """OpenAPI 3.1 of eight operations, each with a number in its query so that there are requests to think of."""
    number = {"name": "n", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 0}}
    schema = {"type": "object", "required": ["id"]}
    answer = {"description": "It.", "content": {"application/json": {"schema": schema}}}
    operation = {"parameters": [number], "responses": {"200": answer}}
    paths = {f"/things/{index}": {"get": operation} for index in range(PATHS)}
    return {"openapi": "3.1.0", "info": {"title": "fast", "version": "1"}, "paths": paths}


class Connection(asyncio.Protocol):
    """One keep-alive connection; no request has a body."""

    transport: Transport
    buffer = b""
    chance = random.Random(1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        *heads, self.buffer = (self.buffer + data).split(b"\r\n\r\n")
        self.transport.write(b"".join(map(self._answer, heads)))

    def _answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1]
        if path == b"/openapi.json":
            content = json.dumps(description()).encode()
            return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (_TYPE, len(content), content)
        is_bad = path.startswith(b"/broken") or (path.startswith(b"/flaky") and self.chance.random() < SHARE)
        return BAD if is_bad else GOOD


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    go(serve(parser.parse_args().port))
