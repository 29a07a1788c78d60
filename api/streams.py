"""Answers that take their time: a job held until it is final, and a job's events as Server-Sent Events.

Where gunicorn can give the connection away (infra/handoff.py) it lives on the hub and holds no thread; elsewhere (a
development server, TLS in gunicorn, the test client) the same generator is drained by the request's thread.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog
from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from api.errors import problem
from api.hub import hub
from infra import db, handoff
from infra.errors import SwitchyardError, Unavailable
from models import Batch, Job
from schemas.event import FINAL_EVENTS, sse
from workers.jobs import events

Json = dict[str, Any]
Chunks = AsyncIterator[bytes]

EVENTS_A_READ = 500
HEARTBEAT_SECONDS = 15.0
HOLE_SECONDS = 0.01
SLOW_READER_SECONDS = 30.0
COME_BACK = b"retry: 1000\n\n"

log = structlog.get_logger(__name__)


def _read(project_id: UUID, job_id: UUID, after: int, of: type[Job | Batch]) -> events.Stretch:
    limit = EVENTS_A_READ
    with db.transaction() as session:
        return events.read_events(session, project_id=project_id, job_id=job_id, after=after, limit=limit, of=of)


async def follow(project_id: UUID, job_id: UUID, after: int, of: type[Job | Batch] = Job) -> AsyncIterator[Json | None]:
    """The events of a job or batch after that number, each once and in order, until the final one; None while nothing
    happens."""
    here = hub()
    async with here.watch(job_id) as watch:
        while True:
            found = await here.read(partial(_read, project_id, job_id, after, of))
            for event in found.events:
                after = event["sequence"]
                yield event
            if found.ended or here.closing:
                return
            if found.hole:
                await asyncio.sleep(HOLE_SECONDS)
            if found.hole or len(found.events) == EVENTS_A_READ:
                continue
            while (told := await watch.next()) is not None:
                if told["sequence"] <= after:
                    continue
                if told["sequence"] > after + 1:
                    break
                after = told["sequence"]
                yield told
                if told["type"] in FINAL_EVENTS:
                    return
            else:
                yield None


async def event_stream(project_id: UUID, job_id: UUID, after: int, of: type[Job | Batch] = Job) -> Chunks:
    """`follow` as SSE, with a comment now and then so that nobody on the way thinks the connection dead.

    No chunk at all where nothing can come any more.
    """
    clock = hub().loop.time
    began, quiet_since = False, clock()
    async for event in follow(project_id, job_id, after, of):
        if not began:
            began = True
            yield COME_BACK
        if event is not None:
            quiet_since = clock()
            yield sse(event)
        elif clock() - quiet_since >= HEARTBEAT_SECONDS:
            quiet_since = clock()
            yield b": still here\n\n"


async def until_final(
    project_id: UUID, job_id: UUID, seconds: float, show: Callable[[UUID, UUID, bool], bytes | None]
) -> Chunks:
    """One chunk: the job as `show` gives it, once it is final or, at the `last` look, as it stands."""
    here = hub()
    give_up_at = here.loop.time() + seconds
    async with here.watch(job_id) as watch:
        while True:
            last = here.loop.time() >= give_up_at or here.closing
            body = await here.read(partial(show, project_id, job_id, last))
            if body is not None:
                yield body
                return
            while (left := give_up_at - here.loop.time()) > 0:
                told = await watch.next(left)
                if told is None or told["type"] in FINAL_EVENTS:
                    break


class HeldResponse(Response):
    """A response whose body is an async generator on the hub. The first chunk decides the status: an error before it is
    a problem, no chunk is 204."""

    def __init__(self, chunks: Chunks, content_type: str) -> None:
        super().__init__(status=200, content_type=content_type)
        self.headers["Cache-Control"] = "no-cache"
        self.headers["X-Accel-Buffering"] = "no"
        self.chunks = chunks

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Moves the connection to the hub, or serves it from this thread."""
        sock = None if environ["REQUEST_METHOD"] == "HEAD" else handoff.take(environ)
        if sock is not None:
            hub().start(_serve(sock, self, chunked=environ.get("SERVER_PROTOCOL") == "HTTP/1.1"))
            raise handoff.HandedOff
        first = hub().result(self.first())
        if isinstance(first, bytes):
            self.response = _drained(first, self.chunks)
            return super().__call__(environ, start_response)
        return first(environ, start_response)

    async def first(self) -> bytes | Response:
        """The first chunk, or the whole answer where there is none."""
        try:
            return await anext(self.chunks)
        except StopAsyncIteration:
            nothing = Response(status=204)
            del nothing.headers["Content-Type"]
            return self._like(nothing)
        except SwitchyardError as error:
            return self._like(problem(error, self.headers.get("X-Request-Id")))
        except SQLAlchemyError as error:
            log.warning("stream.database_unreachable", error=str(error).splitlines()[0])
            return self._like(problem(Unavailable(), self.headers.get("X-Request-Id")))

    def _like(self, other: Response) -> Response:
        for name in ("X-Request-Id", "RateLimit", "RateLimit-Policy"):
            if name in self.headers:
                other.headers[name] = self.headers[name]
        return other

    def head(self, *, chunked: bool) -> bytes:
        """The status line and headers, as they go over the wire."""
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.headers)]
        lines += ["Connection: close", *(["Transfer-Encoding: chunked"] if chunked else []), "", ""]
        return "\r\n".join(lines).encode("latin-1")


def _drained(first: bytes, chunks: Chunks) -> Iterator[bytes]:
    """The chunks, for a thread; made on the hub one at a time."""
    try:
        yield first
        while True:
            yield hub().result(anext(chunks))
    except StopAsyncIteration:
        return
    finally:
        hub().result(chunks.aclose())  # type: ignore[attr-defined]


async def _serve(sock: socket.socket, response: HeldResponse, *, chunked: bool) -> None:
    """Writes the response; ends when the client goes away, reads too slowly, or the process must end."""
    sock.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=sock)
    gone = asyncio.ensure_future(reader.read(1))
    writing = asyncio.ensure_future(_write(writer, response, chunked))
    try:
        await asyncio.wait({gone, writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        writing.cancel()
        await asyncio.gather(gone, writing, return_exceptions=True)
        await response.chunks.aclose()  # type: ignore[attr-defined]
        writer.close()


async def _write(writer: asyncio.StreamWriter, response: HeldResponse, chunked: bool) -> None:
    def frame(chunk: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk

    try:
        first = await response.first()
        if isinstance(first, bytes):
            writer.write(response.head(chunked=chunked) + frame(first))
            async for chunk in response.chunks:
                writer.write(frame(chunk))
                await asyncio.wait_for(writer.drain(), SLOW_READER_SECONDS)
            writer.write(b"0\r\n\r\n" if chunked else b"")
        else:
            writer.write(_whole(first))
        await asyncio.wait_for(writer.drain(), SLOW_READER_SECONDS)
    except (OSError, TimeoutError):
        log.info("stream.client_gone")
    except Exception:
        log.exception("stream.failed")


def _whole(response: Response) -> bytes:
    body = response.get_data()
    length = [] if response.status_code == HTTPStatus.NO_CONTENT else [f"Content-Length: {len(body)}"]
    lines = [
        f"HTTP/1.1 {response.status}",
        *(f"{name}: {value}" for name, value in response.headers if name != "Content-Length"),
    ]
    return "\r\n".join([*lines, *length, "Connection: close", "", ""]).encode("latin-1") + body


def close_on_exit() -> None:
    """Has the hub's connections end when the process is asked to."""
    handoff.on_exit(lambda: hub().close(), lambda: hub().drain())
