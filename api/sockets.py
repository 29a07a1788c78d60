"""The WebSocket door: `/socket.io/`, whose connections leave gunicorn and live on the event loop of a process.

A session belongs to one process, and its id begins with that process's name. A request of it that came to another
process is given on, connection and all (infra/neighbours.py).
"""

from typing import Any
from urllib.parse import urlencode

import structlog
from flask import Blueprint, Response, g, request
from werkzeug.exceptions import NotImplemented as NotHere

from api.body import read_raw
from api.errors import from_exception, problem
from api.socket_clients import clients
from api.socket_engine import MESSAGE_AT_MOST, SESSION_ID
from infra import handoff, neighbours

# All that Engine.IO and a WebSocket's handshake look at. Without extensions: compression is not offered.
PARAMETERS = ("EIO", "transport", "sid", "t")
HEADERS = (
    "Access-Control-Request-Headers",
    "Authorization",
    "Connection",
    "Content-Type",
    "Origin",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Upgrade",
)
HEADER_AT_MOST = 4096

bp = Blueprint("sockets", __name__)
log = structlog.get_logger(__name__)


@bp.route("/socket.io/", methods=["GET", "OPTIONS"], provide_automatic_options=False)
@bp.route("/socket.io/", methods=["GET"], websocket=True)
def open_socket() -> Response:
    """Opens a Socket.IO session, makes it a WebSocket, or waits for its next messages.

    For a `socket.io` client of version 3 or later (Engine.IO 4), with whatever transports. The key comes in the
    handshake, as `auth: {token: "sy_live_…"}`; docs/websocket.md has the events.
    """
    return _given_away()


@bp.post("/socket.io/")
def send_to_socket() -> Response:
    """Sends messages of a Socket.IO session that is not a WebSocket."""
    return _given_away()


def _given_away() -> Response:
    body = read_raw(at_most=MESSAGE_AT_MOST)
    session = SESSION_ID.fullmatch(request.args.get("sid", ""))
    return GivenAway(_as_http(body), session[1] if session else None)


class GivenAway(Response):
    """No response: the connection, and what was read of it, go to the process that has the session."""

    def __init__(self, message: bytes, owner: str | None) -> None:
        super().__init__(status=200)
        self._message, self._owner = message, owner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Gives the connection away, or says that this server cannot."""
        sock = handoff.take(environ)
        if sock is None:
            refused = NotHere("Socket.IO needs Switchyard's own server, without TLS in it: gunicorn behind a proxy.")
            return problem(from_exception(refused), self.headers.get("X-Request-Id"))(environ, start_response)
        try:
            engine = clients().engine
            if self._owner in (None, engine.name) or not neighbours.give(str(self._owner), sock, self._message):
                engine.adopt(sock, self._message)
        except Exception:
            log.exception("sockets.not_given_away")
            sock.close()
        raise handoff.HandedOff


def _as_http(body: bytes) -> bytes:
    """The request as it goes on: what is looked at, and from where it came."""
    query = urlencode({name: request.args[name] for name in PARAMETERS if name in request.args})
    headers = {name: request.headers.get(name, "") for name in HEADERS}
    headers = {name: value for name, value in headers.items() if 0 < len(value) <= HEADER_AT_MOST and _plain(value)}
    headers |= {"Host": "switchyard", "X-Request-Id": g.request_id, "Switchyard-Client": str(request.remote_addr)}
    if request.method == "POST":
        headers["Content-Length"] = str(len(body))
    lines = [f"{request.method} /socket.io/?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _plain(value: str) -> bool:
    return value.isascii() and value.isprintable()
