"""Socket.IO on the hub: python-socketio's server, over aiohttp's HTTP and WebSocket, on connections of gunicorn.

A thread a WebSocket, as Flask-SocketIO has it, would bound the number of idle clients by the number of threads; the
same author's asyncio server holds them on the process's one loop. It is made to trust nobody: what is not Socket.IO
ends the connection, binary data is not taken, a client that names no key or reads nothing is cut off.
"""

import asyncio
import logging
import re
import secrets
import socket
from typing import Any

import engineio
import socketio
import structlog
from aiohttp import web
from engineio.async_drivers.aiohttp import WebSocket
from engineio.packet import NOOP, Packet

from api.hub import hub
from infra import json, neighbours

Json = dict[str, Any]

PING_SECONDS = 25
PING_ANSWER_SECONDS = 20
MESSAGE_AT_MOST = 64 * 1024
# What a client has to take from us: a frame in this time, and of its queue enough to get below these marks.
SLOW_READER_SECONDS = 30.0
UNSENT_AT_MOST = 100
# Python clients refuse a polling answer with more than 16 messages.
UNSENT_AT_MOST_POLLING = 10
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 2.0

SESSION_ID = re.compile(r"([0-9a-f]{12})-[A-Za-z0-9_-]{24}")
ENGINE_FRAMES = frozenset("0123456")
SOCKET_PACKETS = frozenset("0123")  # connect, disconnect, event, ack: all but binary ones

log = structlog.get_logger(__name__)


class OurJson:
    """What the library takes for a JSON module."""

    loads = staticmethod(json.read)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Compact, as it is asked for."""
        return json.dumps(value)


class PatientWebSocket(WebSocket):  # type: ignore[misc]
    """A WebSocket that takes text of the protocol only, and ends when the other side reads nothing for too long."""

    async def __call__(self, environ: Json) -> web.WebSocketResponse:
        """Serves it until it ends."""
        self._request = environ["aiohttp.request"]
        # A compressor would cost each client more memory than all the rest.
        self._sock = web.WebSocketResponse(max_msg_size=self.server.max_http_buffer_size, compress=False)
        await self._sock.prepare(self._request)
        await self.handler(self)
        return self._sock

    async def send(self, message: str | bytes) -> None:
        """Sends a frame; raises TimeoutError where the client does not take it."""
        try:
            async with asyncio.timeout(SLOW_READER_SECONDS):
                await super().send(message)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise

    async def wait(self) -> str:
        """The next frame; raises OSError at the end, and for what is no frame."""
        frame = await super().wait()
        if not isinstance(frame, str) or frame[:1] not in ENGINE_FRAMES:
            raise OSError("that is not Engine.IO")
        return frame


class NamedEngine(engineio.AsyncServer):  # type: ignore[misc]
    """Engine.IO whose session ids begin with the process's name, so that any process knows whose they are."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(**options)
        self._name = name
        self._async: Json = {**self._async, "websocket": PatientWebSocket}

    def generate_id(self) -> str:
        """An id that nobody guesses."""
        return f"{self._name}-{secrets.token_urlsafe(18)}"

    async def disconnect(self, sid: str | None = None) -> None:
        """Ends a connection; the library would wait here until the client has taken all, which may be never."""
        client = self.sockets.get(sid)
        if client is not None:
            await client.close(wait=False, abort=True)
            self.sockets.pop(sid, None)


class Engine(socketio.AsyncServer):  # type: ignore[misc]
    """The process's Socket.IO server."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(6)
        self._loop = hub().loop
        self._answering: set[asyncio.Task[Any]] = set()
        super().__init__(
            name=self.name,
            async_mode="aiohttp",
            # Any page may connect: nothing that a browser sends by itself (cookies) is looked at, only the key that
            # the page itself must know.
            cors_allowed_origins="*",
            cors_credentials=False,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_ANSWER_SECONDS,
            max_http_buffer_size=MESSAGE_AT_MOST,
            http_compression=False,
            # One message of a client after the other: who sends much waits for its answers.
            async_handlers=False,
            json=OurJson,
            logger=_silent("socketio"),
            engineio_logger=_silent("engineio"),
        )
        self._http = web.Server(self._answer, loop=self._loop, access_log=None, max_field_size=16_380)
        self._listener = neighbours.Listener(self._loop, self.name, self.adopt)

    def _engineio_server_class(self) -> type[NamedEngine]:
        return NamedEngine

    def adopt(self, sock: socket.socket, request: bytes) -> None:
        """Serves a connection from here on, beginning with what was read of it; from any thread."""
        hub().start(self._serve(sock, request))

    async def _serve(self, sock: socket.socket, request: bytes) -> None:
        sock.setblocking(False)
        try:
            _, protocol = await self._loop.connect_accepted_socket(self._http, sock)
        except OSError:  # gone already
            sock.close()
        else:
            protocol.data_received(request)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request; the client's next one goes to gunicorn again, and to whichever process that chooses."""
        response: web.StreamResponse
        task = asyncio.current_task()
        if task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        try:
            response = await self.handle_request(request)
        except web.HTTPException as refused:
            response = refused
        except (OSError, ValueError) as error:
            log.info("sockets.malformed", error=str(error))
            response = web.Response(status=400, text='"Bad Request"')
        if not response.prepared:
            response.headers["X-Request-Id"] = request.headers["X-Request-Id"]
        response.force_close()
        return response

    async def _handle_eio_connect(self, eio_sid: str, environ: Json) -> None:
        """Keeps of the first request only what is needed later, and gives the client a while to show its key."""
        kept = {name: environ[name] for name in ("HTTP_AUTHORIZATION", "HTTP_SWITCHYARD_CLIENT") if name in environ}
        await super()._handle_eio_connect(eio_sid, kept)
        self.expect_key(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        """Lets a waiting poll return and a WebSocket close, where the library would leave them to time out."""
        await super()._handle_eio_disconnect(eio_sid, reason)
        if eio_sid in self.eio.sockets:
            for last in (Packet(NOOP), None):
                self.eio.sockets[eio_sid].queue.put_nowait(last)

    def expect_key(self, eio_sid: str) -> None:
        """Drops the connection in a while, unless somebody with a key is on it then."""

        def look() -> None:
            if self.manager.sid_from_eio_sid(eio_sid, "/") is None:
                hub().always(self.drop(eio_sid))

        self._loop.call_later(CONNECT_SECONDS, look)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            if not isinstance(data, str) or data[:1] not in SOCKET_PACKETS:
                raise ValueError("that is not a Socket.IO packet that is taken here")
            await super()._handle_eio_message(eio_sid, data)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            log.info("sockets.malformed", error=str(error))
            await self.drop(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        """The library would take a client's own "connect" for the handshake."""
        if not (isinstance(data, list) and data and isinstance(data[0], str)) or data[0] in self.reserved_events:
            raise ValueError("that is not an event that a client may send")
        await super()._handle_event(eio_sid, namespace, id, data)

    def holds(self, eio_sid: str | None) -> bool:
        """Whether that connection is there."""
        client = self.eio.sockets.get(eio_sid)
        return client is not None and not client.closed

    async def writable(self, eio_sid: str) -> None:
        """Waits until the client has taken most of what was sent; drops it after a while."""
        seconds, give_up_at = 0.002, self._loop.time() + SLOW_READER_SECONDS
        while self.holds(eio_sid):
            client = self.eio.sockets[eio_sid]
            if client.queue.qsize() < (UNSENT_AT_MOST if client.upgraded else UNSENT_AT_MOST_POLLING):
                return
            if self._loop.time() >= give_up_at:
                log.info("sockets.slow_reader")
                await self.drop(eio_sid)
            await asyncio.sleep(seconds)
            seconds = min(seconds * 2, 0.2)

    async def drop(self, eio_sid: str) -> None:
        """Ends a connection so that stock clients come back, as they do not after a disconnect that they are told."""
        if self.holds(eio_sid):
            await self.eio.sockets[eio_sid].close(wait=False, abort=True)

    async def close(self) -> None:
        """Ends all connections; their clients come back to another process."""
        self._listener.close()
        for eio_sid in list(self.eio.sockets):
            await self.drop(eio_sid)
        if self._answering:
            await asyncio.wait(self._answering, timeout=CLOSE_SECONDS)


def _silent(name: str) -> logging.Logger:
    """The library's own log has a line, or a traceback, for whatever a client sends wrong."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.CRITICAL)
    return logger
