"""Notices a PostgreSQL that takes questions and answers nothing: a frozen server, a proxy or a route that swallows.

Such a server breaks no connection, so nothing else would end the wait. While a transaction takes long, a thread asks
the server a question of its own. If that is answered, the statement is merely slow, and the server's own limits end
it. If not, every open connection is shut, which its owner sees as a lost connection, and new ones are refused at once
until the server answers again.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg2
import structlog
from psycopg2 import extensions
from sqlalchemy import Engine, event

LONG_SECONDS = 0.75
ANSWER_WITHIN_SECONDS = 0.6
LOOK_EVERY_SECONDS = 0.25
ASK_EVERY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Silence(Exception):
    """The server did not answer in time."""


class Watch:
    """The connections of one engine that are in use, and the thread that looks after them."""

    def __init__(self, engine: Engine) -> None:
        self.silent = False
        self._in_use: dict[int, tuple[float, Any]] = {}
        # Held while sockets are shut, so that none is closed, and its number given to another, meanwhile.
        self._lock = threading.Lock()
        self._question: Any = None
        self._connect: Callable[..., Any] = psycopg2.connect
        self._thread: threading.Thread | None = None
        event.listen(engine, "do_connect", self._refuse_while_silent)
        event.listen(engine, "checkin", self._forget)
        event.listen(engine, "close", self._forget)
        event.listen(engine, "close_detached", self._forget)

    def begin(self, connection: Any) -> None:
        """This connection is in use from now on, until it is back in the pool or closed."""
        with self._lock:
            self._in_use[id(connection)] = (time.monotonic(), connection)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="database-watch", daemon=True)
                self._thread.start()

    def _forget(self, connection: Any, _record: Any = None) -> None:
        with self._lock:
            self._in_use.pop(id(connection), None)

    def _refuse_while_silent(self, _dialect: Any, _record: Any, arguments: Any, parameters: Any) -> None:
        self._connect = partial(psycopg2.connect, *arguments, **parameters)
        if self.silent:
            raise psycopg2.OperationalError("the database does not answer")

    def _run(self) -> None:
        asked_at = 0.0
        while True:
            time.sleep(LOOK_EVERY_SECONDS)
            moment = time.monotonic()
            if self.silent or (self._oldest() < moment - LONG_SECONDS and asked_at < moment - ASK_EVERY_SECONDS):
                asked_at = moment
                self._look()

    def _oldest(self) -> float:
        with self._lock:
            return min((since for since, _ in self._in_use.values()), default=time.monotonic())

    def _look(self) -> None:
        try:
            try:
                self._ask()
            except Silence:
                # A pause of ours, or a moment of the server's, is no silence yet.
                self._ask()
        except Silence:
            if not self.silent:
                log.error("database.silent", shut=len(self._in_use))
            self.silent = True
            self._shut_all()
        except psycopg2.Error:
            # It is down, or refuses us: whoever connects hears that without our help.
            self.silent = False
        except Exception:
            log.exception("database.watch_failed")
            self.silent = False
        else:
            self.silent = False

    def _ask(self) -> None:
        """Has the server answer a question, over a connection that is kept; raises Silence or psycopg2's errors."""
        answer_until = time.monotonic() + ANSWER_WITHIN_SECONDS
        asked: Any = self._question or self._connect(async_=1)
        self._question = None
        try:
            _wait(asked, answer_until)
            with asked.cursor() as cursor:
                cursor.execute("SELECT 1")
                _wait(asked, answer_until)
        except BaseException:
            asked.close()
            raise
        self._question = asked

    def _shut_all(self) -> None:
        with self._lock:
            for _, connection in self._in_use.values():
                with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)


def _wait(connection: Any, until: float) -> None:
    """Until the connection has finished what it began."""
    while (state := connection.poll()) != extensions.POLL_OK:
        line = select.poll()
        line.register(connection, select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        if not line.poll(max(0.1, until - time.monotonic()) * 1000):
            raise Silence
