"""Every failure as application/problem+json (RFC 9457), in one place."""

import contextlib
import re
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from infra import db, json
from infra.errors import BodyTooLarge, SwitchyardError, Unauthenticated, Unavailable
from infra.handoff import impatient

log = structlog.get_logger(__name__)

DROP_AT_MOST = 64 * 1024 * 1024
DROP_SECONDS = 0.5
SENTENCES = {
    400: "The request could not be read.",
    404: "There is nothing at this address; GET /v1/openapi.json lists what there is.",
    405: "This address does not take that method.",
    408: "The request's body did not come in time; send it again.",
    413: "The request body is too large.",
    415: "Send JSON: Content-Type: application/json.",
}


def problem(error: SwitchyardError, request_id: str | None = None) -> Response:
    """The error as its answer; `request_id` where there is no request around it."""
    body: dict[str, Any] = {
        "type": f"urn:switchyard:problem:{error.code}",
        "title": _title(error.status),
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id or g.get("request_id"),
    }
    if error.errors:
        body["errors"] = error.errors
    response = Response(json.dump_bytes(body), error.status, content_type="application/problem+json")
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="switchyard"'
    if error.retry_after is not None or error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after or 1)))
    return response


def from_exception(error: BaseException) -> SwitchyardError:
    """Any exception as one of ours; what nobody foresaw is logged whole and shown as internal_error."""
    if isinstance(error, SwitchyardError):
        return error
    if isinstance(error, HTTPException):
        return _from_http(error)
    if db.is_passing(error):
        log.warning("request.database_unreachable", error=str(error).splitlines()[0])
        return Unavailable("The database does not answer; nothing was changed. Try again in a moment.")
    log.error("request.crashed", method=request.method, path=request.path, exc_info=error)
    return SwitchyardError("Something went wrong inside Switchyard; the request id finds it in the logs.")


def _from_http(error: HTTPException) -> SwitchyardError:
    """Flask's and werkzeug's own refusals; the code is the status's name."""
    status = error.code or 500
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return BodyTooLarge()
    name = re.sub(r"[^a-z]+", "_", _title(status).lower()).strip("_")
    found = SwitchyardError(SENTENCES.get(status) or str(error.description))
    # The tree has no class for each of HTTP's own refusals; this instance carries its own status and code.
    found.__dict__.update(status=status, code=name)
    return found


def _title(status: int) -> str:
    return HTTPStatus(status).phrase


def handle(error: Exception) -> Response:
    """Flask's error handler for whatever leaves a view."""
    found = from_exception(error)
    drop_unread_body()
    response = problem(found)
    if isinstance(error, HTTPException) and error.code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = dict(error.get_headers()).get("Allow", "")
    return response


def drop_unread_body() -> None:
    """Reads away what the refused request still sends, within bounds: a client that is writing would otherwise find
    its connection closed before it reads why."""
    body, left = request.environ["wsgi.input"], DROP_AT_MOST
    with contextlib.suppress(TimeoutError), impatient(request.environ, DROP_SECONDS):
        while left > 0 and (piece := body.read(65_536)):
            left -= len(piece)


def init_app(app: Flask) -> None:
    """Installs the one handler."""
    app.register_error_handler(Exception, handle)
