"""A stock Socket.IO client for tests, which remembers all that it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import socketio

from tests.client import Client

Json = dict[str, Any]
SECONDS = 20.0
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"


class Listener:
    """What a client has heard: (name, argument) in order, and why it was refused, if it was."""

    def __init__(self, sio: Any) -> None:
        self.sio = sio
        self.heard: list[tuple[str, Any]] = []
        self.refused: Json | None = None
        self.reason = ""
        self._news = asyncio.Event()
        sio.on("*", self._hear)
        sio.on("connect_error", self._refuse)
        sio.on("disconnect", self._end)

    async def _hear(self, name: str, *arguments: Any) -> None:
        assert len(arguments) == 1
        self.heard.append((name, arguments[0]))
        self._news.set()

    async def _refuse(self, why: Json) -> None:
        self.refused = why

    async def _end(self, reason: str) -> None:
        self.reason = reason
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits until that is so, which only what is heard can change."""
        async with asyncio.timeout(SECONDS):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def until_told(self, count: int) -> None:
        """Waits until that many events were heard."""
        await self.until(lambda: len(self.heard) >= count)

    async def until_heard(self, name: str) -> Any:
        """The argument of the first event of that name."""
        await self.until(lambda: any(one == name for one, _ in self.heard))
        return next(argument for one, argument in self.heard if one == name)

    async def ask(self, event: str, *given: Any) -> Json:
        """Sends an event; its acknowledgement."""
        answer: Json = await self.sio.call(event, given if len(given) != 1 else given[0], timeout=SECONDS)
        return answer

    async def follow(self, **wish: Any) -> Json:
        """Enters a room."""
        answer = await self.ask("subscribe", wish)
        assert answer["ok"], answer
        return answer

    def numbers(self) -> list[int]:
        """The sequence numbers of the events under their own names."""
        return [event["sequence"] for name, event in self.heard if event.get("type") == name]

    def names(self) -> list[str]:
        """The names heard, aliases and all."""
        return [name for name, _ in self.heard]


@asynccontextmanager
async def listening(
    url: str, token: str | None, *transports: str, comes_back: bool = False, **auth: Any
) -> AsyncIterator[Listener]:
    """A client with its default options, unless transports are named; not connected where it was refused. It connects
    again only if it is to."""
    shown = {**({} if token is None else {"token": token}), **auth}
    async with aiohttp.ClientSession(trust_env=False) as http:
        sio = socketio.AsyncClient(http_session=http, reconnection=comes_back, handle_sigint=False)
        listener = Listener(sio)
        try:
            await sio.connect(url, auth=shown or None, transports=list(transports) or None, wait_timeout=SECONDS)
        except socketio.exceptions.ConnectionError:
            assert listener.refused is not None
        try:
            yield listener
        finally:
            await sio.disconnect()


def made_key(client: Client, **wish: Any) -> Json:
    """A new key of the client's project."""
    answer = client.http.post("/v1/api_keys", json={"name": "for a socket", **wish})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found
