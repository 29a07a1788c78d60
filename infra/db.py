"""The one door to PostgreSQL: an engine a process, a session a transaction, callbacks after the commit.

Every wait has a limit, so a broken database is an error within seconds and never a hang. No session state is kept on a
connection (PgBouncer in transaction mode works; let it pass `options` with `ignore_startup_parameters`).
"""

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import psycopg2
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from infra import json, silence
from infra.process import PerProcess
from infra.settings import settings

CONNECT_TIMEOUT_SECONDS = 2
PING_AFTER_SECONDS = 1.0
_COPIED = "switchyard_copied"
_COPIED_AT_ONCE = 256 * 1024
_open: ContextVar[bool] = ContextVar("transaction_open", default=False)
SERVER_LIMITS = (
    "-c statement_timeout=15000 -c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000 -c timezone=UTC"
    " -c jit=off"
)


def make_engine(url: str, *, pool_size: int) -> Engine:
    """An engine whose every wait is limited."""
    made = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        pool_use_lifo=True,
        # Every session here ends its transaction itself.
        pool_reset_on_return=None,
        json_serializer=json.dumps,
        json_deserializer=json.loads,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "options": SERVER_LIMITS,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
            "application_name": "switchyard",
        },
    )
    watch = silence.Watch(made)
    event.listen(made, "handle_error", _keep_first_line)
    event.listen(made, "checkin", _note_use)
    event.listen(made, "checkout", lambda connection, _record, _proxy: watch.begin(connection))
    event.listen(made, "checkout", _ping_if_idle)
    event.listen(made, "do_execute", _copy_if_asked)
    return made


def _keep_first_line(context: Any) -> None:
    """What PostgreSQL adds to its sentence (detail, context, the statement's line) quotes values, and errors are
    logged."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def copy_in(session: Session, statement: str, rows: bytes) -> None:
    """Runs a COPY … FROM STDIN; its errors are SQLAlchemy's, like any statement's."""
    session.connection().exec_driver_sql(statement, execution_options={_COPIED: rows})


def _copy_if_asked(cursor: Any, statement: str, _parameters: Any, context: Any) -> bool:
    """In the place of `execute`, if the statement has rows with it."""
    rows = context.execution_options.get(_COPIED) if context is not None else None
    if rows is None:
        return False
    cursor.copy_expert(statement, io.BytesIO(rows), _COPIED_AT_ONCE)
    return True


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


def _ping_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
    """A connection that rested may be dead, so it is asked first. SQLAlchemy's own pre-ping asks a busy one too, at the
    price of a round trip for every request."""
    if time.monotonic() - record.info.get("used_at", math.inf) > PING_AFTER_SECONDS:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            connection.rollback()
        except psycopg2.Error as error:
            raise DisconnectionError(str(error)) from error


engine = PerProcess(lambda: make_engine(settings().database_url, pool_size=settings().database_pool))


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: commits at the end, rolls back on any error, then runs the after-commit callbacks."""
    token = _open.set(True)
    try:
        with Session(engine(), expire_on_commit=False, autoflush=False) as session, session.begin():
            yield session
    finally:
        _open.reset(token)


def is_passing(error: BaseException) -> bool:
    """Whether the database is away or busy (a lost connection, a deadlock, a limit on waiting), so that the same may
    succeed in a moment; its transaction changed nothing."""
    if isinstance(error, OperationalError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def refuse_open_transaction() -> None:
    """Raises if the caller holds a transaction: nobody may wait for the world inside one. The sandbox calls it, so that
    every test of a kind is a test of this rule."""
    if _open.get():
        raise RuntimeError("a provider was called inside a database transaction")


def after_commit(session: Session, callback: Callable[[], Any]) -> None:
    """Runs `callback` once the session's transaction is committed; never, if it is rolled back."""
    session.info.setdefault("after_commit", []).append(callback)


@event.listens_for(Session, "after_commit")
def _run_callbacks(session: Session) -> None:
    if session.in_nested_transaction():
        return
    for callback in session.info.pop("after_commit", ()):
        callback()


@event.listens_for(Session, "after_rollback")
def _drop_callbacks(session: Session) -> None:
    session.info.pop("after_commit", None)
