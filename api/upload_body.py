"""Reading an upload: its bytes go on as they come, and are never in memory as a whole.

They come raw, or as the one file of a form; what a form says beside its file is returned.
"""

from typing import Any, Protocol

from flask import request
from marshmallow import Schema
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from api.body import read_pairs
from infra.errors import BadInput, BodyTooLarge
from infra.settings import settings
from workers.files.receiving import too_large

Json = dict[str, Any]

PIECE = 64 * 1024
FORM_OVERHEAD = 64 * 1024
PARTS_AT_MOST = 30


class Sink(Protocol):
    """Where the bytes go."""

    def name(self, filename: str | None, media_type: str | None) -> None:
        """What the sender says that they are; comes before the first of them."""

    def write(self, piece: bytes) -> int:
        """Takes the next ones; raises BodyTooLarge."""


def receive_raw(sink: Sink, filename: str | None = None) -> None:
    """Writes the request's body to the sink."""
    sink.name(filename, request.mimetype)
    body = _Body()
    while piece := body.read(PIECE):
        sink.write(piece)
    body.require_end()


def receive_form(sink: Sink, reads_fields: Schema | None = None) -> Json:
    """Writes the form's file to the sink as it is parsed; returns its other fields, where there may be any."""
    files: list[_File] = []

    def take(*, filename: str | None, content_type: str | None, **_: Any) -> _File:
        if not files:
            sink.name(filename, (content_type or "").partition(";")[0].strip().lower())
        files.append(_File(sink))
        return files[-1]

    body = _Body()
    parser = FormDataParser(
        stream_factory=take,  # type: ignore[arg-type]
        silent=False,
        max_form_memory_size=8 * PIECE,
        max_form_parts=PARTS_AT_MOST,
    )
    try:
        _, fields, found = parser.parse(body, request.mimetype, request.content_length, request.mimetype_params)  # type: ignore[arg-type]
    except RequestEntityTooLarge:
        # Of the file itself the sink has a say; this is werkzeug's, of all the rest.
        raise BodyTooLarge(f"Beside its file the form has more than {PARTS_AT_MOST} parts, or long ones.") from None
    except ValueError:
        raise BadInput("The form cannot be read: it is no multipart/form-data, or breaks off.") from None
    body.require_end()
    if len(files) != 1 or "file" not in found:
        raise _misshapen("Send one file, as the part named `file`.")
    return _said(fields, reads_fields)


def _said(fields: MultiDict[str, str], reads_fields: Schema | None) -> Json:
    if reads_fields is not None:
        return read_pairs(reads_fields, fields, "field of the form")
    if fields:
        raise _misshapen("Send one part, a file named `file`; the rest belongs into the query.")
    return {}


def _misshapen(detail: str) -> BadInput:
    return BadInput(detail, errors=[{"pointer": "/file", "detail": detail}])


class _File:
    """Where werkzeug writes a form's file."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write

    def seek(self, _: int) -> None:
        """Werkzeug goes back to the beginning at the end, for somebody to read; the sink's owner does that."""


class _Body:
    """The request's bytes, bounded, whether or not their length was declared."""

    def __init__(self) -> None:
        self._input = request.environ["wsgi.input"]
        self._left = request.content_length
        if (self._left or 0) > settings().max_upload_bytes + FORM_OVERHEAD:
            raise too_large()

    def read(self, size: int = PIECE) -> bytes:
        """The next bytes; none at the end, or where the client went away."""
        try:
            piece: bytes = self._input.read(size if self._left is None else min(size, self._left))
        except Exception:
            # The server's own errors: the client is gone, or what it sends is no chunk.
            raise broken_off() from None
        if self._left is not None:
            self._left -= len(piece)
        return piece

    def require_end(self) -> None:
        """Raises BadInput if less came than was declared."""
        if self._left:
            raise broken_off()


def broken_off() -> BadInput:
    """The refusal of half an upload."""
    return BadInput("The upload broke off before its end; send it again.")
