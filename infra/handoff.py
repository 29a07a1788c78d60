"""Gunicorn's threaded worker, able to give a connection away.

REST is fastest on threads, but a thread must not be held by a client that waits. A response that will take its time
detaches its socket with `take()`, gives it to the process's event loop (api/streams.py) and raises HandedOff: the
thread is free, gunicorn forgets the connection, and thousands of waiting clients cost a socket each.
"""

import contextlib
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import TConn, ThreadWorker

from infra import ids, json

REFUSED: tuple[tuple[type[Exception], int], ...] = (
    (LimitRequestLine, 414),
    (LimitRequestHeaders, 431),
    (ExpectationFailed, 417),
    (UnsupportedTransferCoding, 501),
    (ParseException, 400),
)

REQUESTS_IN_A_ROW = 100
NEXT_REQUEST_MILLISECONDS = 2
_HANDED_OFF = object()
_on_exit: list[tuple[Callable[[], None], Callable[[], None]]] = []
_state = {"enabled": False}


class HandedOff(BaseException):
    """The socket has a new owner. Not an Exception, so that nothing on the way answers on it."""


class HandoffWorker(ThreadWorker):  # type: ignore[misc]
    """gthread, where an application may keep the socket."""

    def init_process(self) -> None:
        """Begins to serve."""
        _state["enabled"] = True
        # The connections that wait for a thread; a deque, since its ends may be used by any thread.
        self._waiting: deque[None] = deque()
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Gives a connection to the threads."""
        self._waiting.append(None)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Serves a connection's requests in a thread, as long as they follow each other closely and nobody else waits:
        the way through the main loop and back would cost two changes of thread a request."""
        self._waiting.popleft()
        try:
            for _ in range(REQUESTS_IN_A_ROW):
                kept = super().handle(conn)
                if kept is not True or self._waiting or not self.alive or not _more_follows(conn):
                    break
            return kept
        except HandedOff:
            return _HANDED_OFF

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """What gunicorn itself refuses (a line or header too long, broken HTTP), as problem+json like all else."""
        application_fault = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        status = 500 if application_fault else next((code for kind, code in REFUSED if isinstance(exc, kind)), 500)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("request failed before it reached the application", exc_info=exc)
        title = HTTPStatus(status).phrase
        code = title.lower().replace(" ", "_").replace("-", "_")
        problem = {
            "type": f"urn:switchyard:problem:{code}",
            "title": title,
            "status": status,
            "detail": str(exc) if status < HTTPStatus.INTERNAL_SERVER_ERROR else "The request could not be handled.",
            "code": code,
            "request_id": ids.show("req", ids.new_id()),
        }
        body = json.dump_bytes(problem)
        head = f"HTTP/1.1 {status} {title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
        head += f"X-Request-Id: {problem['request_id']}\r\nContent-Length: {len(body)}\r\n\r\n"
        with contextlib.suppress(OSError):
            util.write_nonblock(client, head.encode("latin-1") + body)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Forgets a connection that was given away; treats others as ever."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is _HANDED_OFF:
            self.nr_conns -= 1
        else:
            super().finish_request(conn, fs)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begins the graceful end; those who own sockets are told."""
        super().handle_exit(sig, frame)
        for begin, _ in _on_exit:
            begin()

    def run(self) -> None:
        """Serves until the end, and sees the given-away connections end, too."""
        super().run()
        for _, finish in _on_exit:
            finish()


def _more_follows(conn: TConn) -> bool:
    """Whether the client's next request is here, or comes within a moment."""
    if conn.parser.unreader.buf.getvalue():
        return True
    poller = select.poll()
    poller.register(conn.sock, select.POLLIN)
    return bool(poller.poll(NEXT_REQUEST_MILLISECONDS))


@contextlib.contextmanager
def impatient(environ: dict[str, Any], seconds: float, *, in_all: float | None = None) -> Iterator[None]:
    """Inside, a read that waits longer than this for the client's next bytes raises TimeoutError, as do reads that take
    longer `in_all`; and nothing more is read from that client."""
    sock = environ.get("gunicorn.socket")
    if sock is None:
        yield
        return
    sock.settimeout(seconds)
    try:
        with _cut_off_after(sock, in_all) if in_all is not None else contextlib.nullcontext():
            yield
    except TimeoutError:
        _read_no_more(sock)
        raise
    finally:
        sock.settimeout(None)


@contextlib.contextmanager
def _cut_off_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """A client that sends a byte now and then is never waited for long, but often: only somebody else can end that."""
    late = threading.Event()

    def cut_off() -> None:
        late.set()
        _read_no_more(sock)

    timer = threading.Timer(seconds, cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        # The end of a stream that was cut off looks like a client that went away.
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError


def _read_no_more(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RD)


def on_exit(begin: Callable[[], None], finish: Callable[[], None]) -> None:
    """Has `begin` called when the process is asked to end (in a signal handler, so it must be short), and `finish`,
    which may wait, before it does."""
    _on_exit.append((begin, finish))


def take(environ: dict[str, Any]) -> socket.socket | None:
    """The request's socket, no longer gunicorn's; None where a connection cannot be given away (TLS, other servers).

    The caller must raise HandedOff right after.
    """
    sock = environ.get("gunicorn.socket")
    if not _state["enabled"] or type(sock) is not socket.socket:
        return None
    return socket.socket(fileno=sock.detach())
