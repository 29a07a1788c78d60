"""The one decorator of every endpoint: who may call, what comes in, one transaction, what goes out.

    @jobs.post("/jobs")
    @endpoint(scope="jobs:write", body=JobIn, returns=JobOut, status=202)
    def create_job(call: Call) -> dict: ...

The view gets a Call and returns what the `returns` schema dumps, a PageOf for a list, a ready Response, or something
Later. The answer leaves after the commit, so nothing is promised that is not stored.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from flask import Response, g, request
from marshmallow import Schema
from sqlalchemy.orm import Session

from api.auth import identify, require_token
from api.body import read_json, read_query, read_raw
from api.idempotency import answer_once
from infra import db, ids, json
from infra.errors import MalformedId, NotFound
from schemas.base import has_secret, page_of
from workers.identity.keys import Principal
from workers.paging import PageOf, Window

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request, read and checked."""

    session: Session
    principal: Principal
    request_id: str
    body: Json
    query: Json

    @property
    def window(self) -> Window:
        """The wanted part of a list."""
        return Window(self.query["limit"], self.query.get("after"), self.query["order"])

    def id(self, prefix: str, text: str) -> UUID:
        """An id from the path; a malformed one names nothing."""
        found = ids.parse(prefix, text)
        if found is None:
            raise MalformedId(f"{text!r} is not an id: it must be {prefix}_ and 32 lowercase hex digits.")
        return found

    def own_project(self, wanted: UUID | None) -> UUID:
        """The key's project; another one does not exist for it."""
        if wanted is not None and wanted != self.principal.project_id:
            raise NotFound("There is no such project.")
        return self.principal.project_id


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that must be fetched elsewhere first (object storage): made when the transaction is over."""

    make: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """What openapi.py says of an endpoint."""

    scope: str
    summary: str
    body: type[Schema] | None
    query: type[Schema] | None
    returns: type[Schema] | None
    page: bool
    status: int
    errors: tuple[int, ...] = ()
    also: Mapping[str, Any] = field(default_factory=dict)
    or_else: Mapping[int, type[Schema] | None] = field(default_factory=dict)
    takes: Mapping[str, Any] = field(default_factory=dict)
    bytes_of_file: bool = False


View = Callable[..., Any]


def endpoint(
    *,
    scope: str,
    body: type[Schema] | None = None,
    query: type[Schema] | None = None,
    returns: type[Schema] | None = None,
    page: bool = False,
    status: int = 200,
    place: str | None = None,
    errors: tuple[int, ...] = (),
    also: Mapping[str, Any] | None = None,
    or_else: Mapping[int, type[Schema] | None] | None = None,
    bytes_of_file: bool = False,
) -> Callable[[View], View]:
    """Makes a view an endpoint; `page` for a list of `returns`, `place` where what it makes is found, if not below its
    own address; `errors`, `also` (media types), `or_else` (what a Response of another status has; None: nothing)
    and `bytes_of_file` (api/downloads.py) to document it. A text in `also` is a stream, told in words; anything else is
    a schema."""
    reads_body = body() if body else None
    reads_query = query() if query else None
    writes = (page_of(returns) if page and returns else returns or Schema)()
    secret = has_secret(writes)

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def wrapper(**path: str) -> Response:
            require_token()
            raw = read_raw()
            with db.transaction() as session:
                principal, verdict = identify(session, scope)
                given_query = read_query(reads_query)

                def answer() -> Any:
                    call = Call(session, principal, g.request_id, read_json(reads_body, raw), given_query)
                    return respond(writes, status, view(call, **path), place)

                dry = given_query.get("dry_run", False)
                answered = answer_once(session, principal, raw, answer, dry=dry, has_secret=secret)
            if isinstance(answered, Later):
                answered = respond(writes, status, answered.make(), place)
            response: Response = answered
            verdict.stamp(response)
            return response

        summary = (view.__doc__ or view.__name__).strip()
        wrapper.spec = Spec(  # type: ignore[attr-defined]
            scope, summary, body, query, returns, page, status, errors, also or {}, or_else or {}, {}, bytes_of_file
        )
        return wrapper

    return decorate


def respond(writes: Schema, status: int, found: Any, place: str | None = None) -> Any:
    """What the view returned, as an answer. Only a 202 or 201 with one object has a place of its own."""
    if isinstance(found, Response | Later):
        return found
    if isinstance(found, PageOf):
        page = {"data": found.rows if found.shown is None else found.shown, "has_more": found.has_more}
        shown = writes.dump(page)
        ids_shown = [one["id"] for one in shown["data"]] or [None]
        shown |= {"first_id": ids_shown[0], "last_id": ids_shown[-1]}
    else:
        shown = writes.dump(found)
    response = Response(json.dump_bytes(shown), status, content_type="application/json")
    if status in (201, 202) and "id" in shown:
        response.headers["Location"] = f"{place or request.path}/{shown['id']}"
    return response
