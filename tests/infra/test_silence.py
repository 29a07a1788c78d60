"""A PostgreSQL that says nothing is an error within seconds; one that is merely slow is not."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from infra.db import make_engine
from infra.dev.ports import HOST
from infra.dev.system import System
from tests.chaos.proxy import Network, Proxy
from tests.chaos.victim import socket_of

ERROR_WITHIN_SECONDS = 3.0


@pytest.fixture
def line(system: System) -> Iterator[Proxy]:
    """The way to the database."""
    with Network() as network:
        yield network.proxy(socket_of(system.database_url))


@pytest.fixture
def engine(line: Proxy) -> Iterator[Engine]:
    """An engine at the end of it."""
    made = make_engine(f"postgresql+psycopg2://switchyard@{HOST}:{line.port}/switchyard?sslmode=disable", pool_size=4)
    yield made
    made.dispose()


def ask(engine: Engine, statement: str = "SELECT 1") -> float:
    """How long the statement took; it may fail."""
    began = time.monotonic()
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        took = time.monotonic() - began
        assert took < ERROR_WITHIN_SECONDS or "sleep" in statement, took
    return took


def test_a_slow_statement_is_left_alone(engine: Engine) -> None:
    assert ask(engine, "SELECT pg_sleep(3.2)") > 3.0


def test_a_server_that_falls_silent_is_a_lost_connection_and_then_refused_at_once_until_it_speaks(
    engine: Engine, line: Proxy
) -> None:
    ask(engine)
    line.silence()
    with pytest.raises(OperationalError):
        ask(engine)
    began = time.monotonic()
    with pytest.raises(OperationalError, match="does not answer"):
        ask(engine)
    assert time.monotonic() - began < 0.5
    line.speak()
    limit = time.monotonic() + 10
    while True:
        try:
            ask(engine)
            break
        except OperationalError:
            assert time.monotonic() < limit
