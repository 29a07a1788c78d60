"""Endpoints that take an upload of lines: its bytes go to a file as they come, and no transaction is open meanwhile.

    @batches.post("")
    @upload(scope="jobs:write", body=BatchIn, query=BatchWishesIn, returns=BatchOut)
    def create_batch(call: Call, lines: Lines, batch_id: UUID) -> dict: ...

The caller is identified before anything is read. The lines come raw, as the file of a form, or as `jobs` of a JSON
document; what else that document says is in `call.body`, over what the query says.
"""

import functools
from collections.abc import Callable
from typing import Any

from flask import Response, g, request
from marshmallow import Schema
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from api.auth import identify
from api.body import NEXT_BYTES_SECONDS, read_json, read_query, read_raw
from api.endpoint import Call, Spec, View, respond
from api.idempotency import answer_once
from infra import db, json
from infra.errors import BadInput, UnsupportedMediaType
from infra.handoff import impatient
from infra.settings import settings
from workers.jobs.batches.receiving import Lines, in_storage, receiving, too_large

Json = dict[str, Any]

PIECE = 64 * 1024
FORM_OVERHEAD = 64 * 1024
RAW = ("application/jsonl", "application/x-ndjson")
FORM = "multipart/form-data"
_LINES = {"schema": {"type": "string", "description": "One JSON object a line."}}
_FILE = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
TAKES: Json = {**dict.fromkeys(RAW, _LINES), FORM: {"schema": _FILE}}


def upload(
    *,
    scope: str,
    body: type[Schema],
    query: type[Schema],
    returns: type[Schema],
    status: int = 202,
    errors: tuple[int, ...] = (),
) -> Callable[[View], View]:
    """Makes a view an endpoint that is given the lines, and the id of what it makes of them."""
    reads_body, reads_query, writes = body(), query(), returns()

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper() -> Response:
            with db.transaction() as session:
                principal, verdict = identify(session, scope)
            given = read_query(reads_query)
            with receiving() as lines:
                with impatient(request.environ, NEXT_BYTES_SECONDS):
                    said = _receive(lines, reads_body)
                raw = lines.fingerprint + json.dump_canonical(said)
                said = {**given, **{name: value for name, value in said.items() if value}}
                with in_storage(lines, principal.project_id) as made, db.transaction() as session:

                    def answer() -> Any:
                        call = Call(session, principal, g.request_id, said, given)
                        return respond(writes, status, view(call, lines, made), None)

                    response: Response = answer_once(session, principal, raw, answer, dry=False)
            verdict.stamp(response)
            return response

        summary = (view.__doc__ or view.__name__).strip()
        wrapper.spec = Spec(  # type: ignore[attr-defined]
            scope, summary, body, query, returns, False, status, errors, takes=TAKES
        )
        return wrapper

    return decorate


def _receive(lines: Lines, reads_body: Schema) -> Json:
    """Writes the lines of the request, and returns what its body says beside them."""
    if request.mimetype in RAW:
        body = _Body()
        while piece := body.read(PIECE):
            lines.write(piece)
        body.require_end()
        said: Json = {}
    elif request.mimetype == FORM:
        said = _receive_form(lines)
    else:
        said = _receive_json(lines, reads_body)
    lines.end()
    return said


def _receive_json(lines: Lines, reads_body: Schema) -> Json:
    if not request.mimetype.endswith("json"):
        raise UnsupportedMediaType(f"Send lines as {RAW[0]}, a form with a file, or a JSON document with `jobs`.")
    said = read_json(reads_body, read_raw())
    for job in said.pop("jobs"):
        lines.write(json.dump_bytes(job) + b"\n")
    return said


def _receive_form(lines: Lines) -> Json:
    """The form's file; werkzeug writes it to `lines` as it parses."""
    files: list[_File] = []

    def take(**_: Any) -> _File:
        files.append(_File(lines))
        return files[-1]

    body = _Body()
    parser = FormDataParser(stream_factory=take, silent=False, max_form_memory_size=8 * PIECE, max_form_parts=10)  # type: ignore[arg-type]
    try:
        _, fields, found = parser.parse(body, request.mimetype, request.content_length, request.mimetype_params)  # type: ignore[arg-type]
    except RequestEntityTooLarge:
        raise too_large() from None
    except ValueError as error:
        raise BadInput(f"The form cannot be read: {error}.") from None
    body.require_end()
    if len(files) != 1 or "file" not in found or fields:
        detail = "Send one part, a file named `file`; the rest belongs into the query."
        raise BadInput(detail, errors=[{"pointer": "/file", "detail": detail}])
    return {}


class _File:
    """Where werkzeug writes a form's file."""

    def __init__(self, lines: Lines) -> None:
        self.write = lines.write

    def seek(self, _: int) -> None:
        """Werkzeug goes back to the beginning at the end, for somebody to read; `lines` does that itself."""


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
