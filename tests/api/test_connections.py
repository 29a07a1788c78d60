"""A socket on the hub's loop: quiet ones show that they live, and a client that reads too slowly is cut off."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.connections import UNSENT_AT_MOST, Connection

PIECE = b"x" * 1000


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection that the current task serves, and its client."""
    ours, theirs = socket.socketpair()
    for one in (ours, theirs):
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    connection = Connection(set(), **{"chunked": True, "quiet": 15.0, **options})
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, ours)
    try:
        yield connection, theirs
    finally:
        theirs.close()


async def receive(client: socket.socket) -> bytes:
    """All that comes until the other side has closed."""
    found = b""
    while piece := await asyncio.get_running_loop().sock_recv(client, 65536):
        found += piece
    return found


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(limited())


@pytest.mark.parametrize(
    ("chunked", "sent"), [(True, b"5\r\nhello\r\n5\r\nquiet\r\n0\r\n\r\n"), (False, b"helloquiet")]
)
def test_a_quiet_connection_shows_that_it_lives(chunked: bool, sent: bytes) -> None:
    async def test() -> None:
        async with connected(chunked=chunked) as (connection, client):
            await connection.send(b"hello")
            now = asyncio.get_running_loop().time()
            connection.look(now + 20)
            connection.heartbeat = lambda: b"quiet"
            connection.look(now + 14)
            connection.look(now + 16)
            connection.end(whole=True)
            assert await receive(client) == sent

    run(test)


def test_a_client_that_reads_nothing_is_cut_off_and_costs_little_until_then() -> None:
    async def test() -> None:
        pieces = 0
        async with connected(patience=30.0) as (connection, _client):
            connection.heartbeat = lambda: b"never"
            # The task that serves the client: in time the sender's wait for room is over, because the client is gone.
            with pytest.raises(asyncio.CancelledError):
                while True:
                    asyncio.get_running_loop().call_soon(look_late, connection)
                    await connection.send(PIECE)
                    pieces += 1
        assert UNSENT_AT_MOST <= pieces * len(PIECE) < UNSENT_AT_MOST + 300_000

    def look_late(connection: Connection) -> None:
        now = asyncio.get_running_loop().time()
        connection.look(now + 29)
        connection.look(now + 31)

    run(test)


def test_a_client_that_reads_slowly_gets_all_of_it() -> None:
    async def test() -> None:
        async with connected() as (connection, client):
            reading = asyncio.create_task(receive(client))
            for _ in range(1000):
                await connection.send(PIECE)
                connection.look(asyncio.get_running_loop().time() + 29)
            connection.end(whole=True)
            assert (await reading).count(PIECE) == 1000

    run(test)


def test_a_body_that_breaks_off_is_seen_to_be_cut() -> None:
    async def test() -> None:
        async with connected() as (connection, client):
            await connection.send(b"half")
            connection.end(whole=False)
            assert await receive(client) == b"4\r\nhalf\r\n"

    run(test)
