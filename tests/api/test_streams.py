"""A stream where the connection cannot be given away: the request's thread writes it, heartbeats and all."""

import asyncio
from collections.abc import AsyncIterator

from api.streams import with_heartbeats


def test_heartbeats_come_between_chunks_and_the_end_of_the_reader_ends_what_it_reads() -> None:
    ended: list[str] = []

    async def chunks(gate: asyncio.Event) -> AsyncIterator[bytes]:
        try:
            yield b"one"
            await gate.wait()
            yield b"two"
            await asyncio.Event().wait()
        finally:
            ended.append("chunks")

    async def read() -> list[bytes]:
        gate, found = asyncio.Event(), list[bytes]()
        beating = with_heartbeats(chunks(gate), lambda: b"beat", 0.01)
        async with asyncio.timeout(10):
            async for piece in beating:
                found.append(piece)
                if found.count(b"beat") == 2:
                    gate.set()
                if found[-2:] == [b"two", b"beat"]:
                    break
            await beating.aclose()  # type: ignore[attr-defined]
        return found

    found = asyncio.run(read())
    assert found[:3] == [b"one", b"beat", b"beat"] and ended == ["chunks"]


def test_the_end_of_the_chunks_is_the_end() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def read() -> list[bytes]:
        return [piece async for piece in with_heartbeats(chunks(), None, 10)]

    assert asyncio.run(read()) == [b"one", b"two"]
