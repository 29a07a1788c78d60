"""Endpoints that take an upload: its bytes go to a file as they come, and no transaction is open meanwhile.

    @batches.post("")
    @upload(LINES, scope="jobs:write", body=BatchIn, query=BatchWishesIn, returns=BatchOut)
    def create_batch(call: Call, lines: Lines, batch_id: UUID) -> dict: ...

The caller is identified before anything is read. What the upload says of itself, in a form's fields or a JSON document,
is in `call.body`, over what the query says.
"""

import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Response, g, request
from marshmallow import Schema

from api.auth import identify
from api.body import NEXT_BYTES_SECONDS, read_query
from api.endpoint import Call, Spec, View, respond
from api.idempotency import answer_once
from infra import db, json
from infra.handoff import impatient

Json = dict[str, Any]

FORM = "multipart/form-data"
FILE: Json = {"type": "string", "format": "binary"}


@dataclass(frozen=True, slots=True)
class Intake:
    """One sort of upload. `receiving` is where its bytes are written, as `receive` reads them from the request, given
    the schemas of a JSON body and of the query; `in_storage` puts them there and yields the id of what they become;
    `takes` are the bodies, for the document."""

    receiving: Callable[[], AbstractContextManager[Any]]
    receive: Callable[[Any, Schema | None, Schema], Json]
    in_storage: Callable[[Any, UUID], AbstractContextManager[UUID]]
    takes: Mapping[str, Any] = field(default_factory=dict)


def upload(
    into: Intake,
    *,
    scope: str,
    query: type[Schema],
    returns: type[Schema],
    body: type[Schema] | None = None,
    status: int = 202,
    place: str | None = None,
    errors: tuple[int, ...] = (),
    or_else: Mapping[int, type[Schema]] | None = None,
) -> Callable[[View], View]:
    """Makes a view an endpoint that is given what came, and the id of what it makes of it; one whose address has
    parameters by the names `received` and `made`. `place` is where what it makes is found, if not below its address;
    `or_else` documents what a Response of another status has."""
    reads_body, reads_query, writes = body() if body else None, query(), returns()

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(**path: str) -> Response:
            with db.transaction() as session:
                principal, verdict = identify(session, scope)
            given = read_query(reads_query)
            with into.receiving() as received:
                with impatient(request.environ, NEXT_BYTES_SECONDS):
                    said = into.receive(received, reads_body, reads_query)
                raw = received.fingerprint + json.dump_canonical(said)
                said = {**given, **{name: value for name, value in said.items() if value}}
                with into.in_storage(received, principal.project_id) as made, db.transaction() as session:

                    def answer() -> Any:
                        call = Call(session, principal, g.request_id, said, given)
                        done = view(call, **path, received=received, made=made) if path else view(call, received, made)
                        return respond(writes, status, done, place)

                    response: Response = answer_once(session, principal, raw, answer, dry=False)
            verdict.stamp(response)
            return response

        summary = (view.__doc__ or view.__name__).strip()
        wrapper.spec = Spec(  # type: ignore[attr-defined]
            scope, summary, body, query, returns, False, status, errors, or_else=or_else or {}, takes=into.takes
        )
        return wrapper

    return decorate
