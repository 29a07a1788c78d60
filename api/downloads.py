"""Answers that are a stored file: whole or a range of it, small ones at once, others from the hub (api/streams.py), so
that a client who reads slowly holds no thread.

The bytes are a user's: browsers must neither guess what they are nor show them as a page of ours.
"""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Response, request

from api.errors import problem
from api.hub import hub
from api.streams import HeldResponse
from infra import storage
from infra.errors import RangeNotSatisfiable, Unavailable
from infra.process import PerProcess
from models import StoredFile
from workers.files.links import disposition

T = TypeVar("T")

AT_ONCE = 256 * 1024
PIECE = 128 * 1024
READERS = 8

# Not the hub's own readers: streams wait for those.
_readers = PerProcess(lambda: ThreadPoolExecutor(READERS, thread_name_prefix="file-reader"))


def send(file: StoredFile) -> Response:
    """The file as the request wants it: If-None-Match, Range and If-Range are heeded. Call it with no transaction
    open; raises NotFound or Unavailable."""
    headers = {
        "ETag": f'"{file.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(file.filename),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    if request.if_none_match.contains_weak(file.sha256):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    start, stop, status = 0, file.size, HTTPStatus.OK
    wanted = _wanted_range(file)
    if wanted is not None:
        found = wanted.range_for_length(file.size)
        if found is None:
            refused = problem(RangeNotSatisfiable())
            refused.headers["Content-Range"] = f"bytes */{file.size}"
            return refused
        (start, stop), status = found, HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    return _body(file, start, stop - start, status, headers)


def _wanted_range(file: StoredFile) -> Any:
    """The one range that is asked for; what is several, or of another file than this one is now, is answered whole."""
    wanted = request.range
    if request.method == "HEAD" or wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return None
    condition = request.if_range
    fits = condition is None or (condition.date is None and condition.etag in (None, file.sha256))
    return wanted if fits else None


def _body(file: StoredFile, start: int, length: int, status: HTTPStatus, headers: dict[str, str]) -> Response:
    if request.method == "HEAD":
        response = Response(status=status, content_type=file.media_type)
    elif length <= AT_ONCE:
        with storage.store().open(file.key, start, length) as stream:
            response = Response(_read(stream, length), status, content_type=file.media_type)
    else:
        response = HeldResponse(_pieces(file.key, start, length), file.media_type, status=status)
    response.headers.update(headers)
    response.content_length = length
    return response


async def _pieces(key: str, start: int, length: int) -> AsyncIterator[bytes]:
    with ExitStack() as stack:
        stream = await _beside(partial(stack.enter_context, storage.store().open(key, start, length)))
        while length > 0:
            piece = await _beside(partial(_read, stream, min(PIECE, length)))
            length -= len(piece)
            yield piece


def _read(stream: Any, length: int) -> bytes:
    piece: bytes = stream.read(length)
    if len(piece) < length:
        raise Unavailable("The stored object is shorter than it was.")
    return piece


async def _beside(function: Callable[[], T]) -> T:
    return await hub().loop.run_in_executor(_readers(), function)
