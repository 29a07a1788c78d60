"""Answers that take their time: a job held until it is final, and events as Server-Sent Events.

Where gunicorn can give the connection away (infra/handoff.py) it lives on the hub and holds no thread; elsewhere (a
development server, TLS in gunicorn, the test client) the same generator is drained by the request's thread.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog
from flask import Response
from sqlalchemy.exc import SQLAlchemyError

from api.connections import Connection, opened
from api.errors import problem
from api.feeds import Follower
from api.hub import hub
from infra import db, handoff
from infra.errors import SwitchyardError, Unavailable
from infra.settings import settings
from models import Batch, Job
from schemas.event import FINAL_EVENTS, sse
from workers.jobs import events, feed
from workers.jobs.feed import Found

Json = dict[str, Any]
Chunks = AsyncIterator[bytes]

EVENT_STREAM = "text/event-stream"
EVENTS_A_READ = 500
HOLE_SECONDS = 0.01
COME_BACK = b"retry: 1000\n\n"
# Spread, so that those who are sent away together do not come back together.
COME_BACK_MILLISECONDS = (500, 3000)

log = structlog.get_logger(__name__)


def _read(project_id: UUID, job_id: UUID, after: int, of: type[Job | Batch]) -> events.Stretch:
    limit = EVENTS_A_READ
    with db.transaction() as session:
        return events.read_events(session, project_id=project_id, job_id=job_id, after=after, limit=limit, of=of)


async def follow(project_id: UUID, job_id: UUID, after: int, of: type[Job | Batch] = Job) -> AsyncIterator[Json | None]:
    """The events of a job or batch after that number, each once and in order, until the final one, or until the process
    must end; None when it was looked for more in vain."""
    here = hub()
    async with here.watch(job_id) as watch:
        while not here.closing:
            found = await here.read(partial(_read, project_id, job_id, after, of))
            for event in found.events:
                after = event["sequence"]
                yield event
            if found.ended:
                return
            if found.hole:
                await asyncio.sleep(HOLE_SECONDS)
            if found.hole or len(found.events) == EVENTS_A_READ:
                continue
            watch.seen = max(watch.seen, after)
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
    """`follow` as SSE. No chunk at all where nothing can come any more."""
    began, here = False, hub()
    async with aclosing(follow(project_id, job_id, after, of)) as found:  # type: ignore[type-var]
        async for event in found:
            if not began:
                began = True
                yield COME_BACK
            if event is not None:
                yield sse(event)
    if here.closing:
        yield _come_back_elsewhere()


async def follow_project(
    project_id: UUID, after: str | None = None, types: Sequence[str] | None = None
) -> AsyncIterator[Found | None]:
    """What happens in a project, in its one order (workers/jobs/feed.py), each event once, until the process must end.

    Begins behind the cursor `after`, else now; `types` are patterns. The first thing is None: from then on, nothing is
    missed. Raises InvalidParameter for a bad cursor or pattern.
    """
    follower = Follower(project_id, await _place(after), feed.types_of(types or ()))
    async with aclosing(follower.batches()) as batches:  # type: ignore[type-var]
        async for batch in batches:
            for one in batch or (None,):
                yield one


async def _place(after: str | None) -> feed.Place | None:
    place = None if after is None else feed.place_at(after)
    if place is not None:
        await hub().read(partial(_check, place))
    return place


def _check(place: feed.Place) -> None:
    with db.transaction() as session:
        feed.check(session, place)


async def project_stream(follower: Follower) -> Chunks:
    """What `follower` gets, as SSE. Begins with the id of its place, so that a client that sees no event can resume."""
    async with aclosing(follower.batches()) as batches:  # type: ignore[type-var]
        async for batch in batches:
            yield b"".join([one.sse for one in batch]) or COME_BACK[:-1] + still_at(follower)
    yield _come_back_elsewhere()


def still_at(follower: Follower) -> bytes:
    """A comment with the id of the follower's place, which moves on also over what it does not want."""
    return f"id: {follower.place}\n: still here\n\n".encode()


def still_here() -> bytes:
    """A comment, so that nobody on the way thinks the connection dead."""
    return b": still here\n\n"


def _come_back_elsewhere() -> bytes:
    return f"retry: {random.randint(*COME_BACK_MILLISECONDS)}\n\n".encode()


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
    a problem, no chunk is 204. `heartbeat` makes what is sent where nothing else was for a while. It goes over the wire
    in chunks, unless it has a Content-Length."""

    def __init__(
        self, chunks: Chunks, content_type: str, heartbeat: Callable[[], bytes] | None = None, *, status: int = 200
    ) -> None:
        super().__init__(status=status, content_type=content_type)
        self.headers["Cache-Control"] = "no-cache"
        self.headers["X-Accel-Buffering"] = "no"
        self.chunks, self.heartbeat = chunks, heartbeat

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Moves the connection to the hub, or serves it from this thread."""
        sock = None if environ["REQUEST_METHOD"] == "HEAD" else handoff.take(environ)
        if sock is not None:
            chunked = environ.get("SERVER_PROTOCOL") == "HTTP/1.1" and self.content_length is None
            hub().start(_serve(sock, self, chunked=chunked))
            raise handoff.HandedOff
        first = hub().result(self.first())
        if isinstance(first, bytes):
            beating = with_heartbeats(self.chunks, self.heartbeat, settings().stream_heartbeat_seconds)
            self.response = _drained(first, beating)
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


async def with_heartbeats(chunks: Chunks, heartbeat: Callable[[], bytes] | None, seconds: float) -> Chunks:
    """The chunks, and a heartbeat whenever none came for so long, for where no connection sees to that."""
    async with aclosing(chunks):  # type: ignore[type-var]
        while True:
            coming = asyncio.ensure_future(_next(chunks))
            try:
                while not (await asyncio.wait({coming}, timeout=seconds))[0]:
                    if heartbeat is not None:
                        yield heartbeat()
                if (chunk := coming.result()) is None:
                    return
                yield chunk
            finally:
                coming.cancel()
                await asyncio.wait({coming})


async def _next(chunks: Chunks) -> bytes | None:
    return await anext(chunks, None)


async def _serve(sock: socket.socket, response: HeldResponse, *, chunked: bool) -> None:
    """Writes the response; ends when the client goes away, reads too slowly, or the process must end."""
    chunks = response.chunks
    try:
        connection = await opened(sock, chunked=chunked)
    except OSError:
        sock.close()
        return
    whole = False
    try:
        first = await response.first()
        if isinstance(first, bytes):
            await connection.send_raw(response.head(chunked=chunked))
            connection.heartbeat = response.heartbeat
            # Only what is needed from here on: the response is the larger part of what an idle client costs.
            del response
            await _write(connection, first, chunks)
            whole = True
        else:
            await connection.send_raw(_whole(first))
    except Exception:
        log.exception("stream.failed")
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]
        connection.end(whole=whole)


async def _write(connection: Connection, first: bytes, chunks: Chunks) -> None:
    await connection.send(first)
    async for chunk in chunks:
        await connection.send(chunk)


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
