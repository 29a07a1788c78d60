"""What the migrations make of an empty database is what the models say."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url

import models
from infra import schema
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A connection to a new PostgreSQL that has had every migration."""
    options = Options(data=tmp_path_factory.mktemp("house"), port=free_port(), flower_port=free_port())
    with System(options, only=()) as system:
        engine = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg2"))
        with engine.connect() as connected:
            command.upgrade(schema.alembic(connected), "head")
            connected.commit()
            yield connected
        engine.dispose()


def test_models_and_migrations_agree(connection: Connection) -> None:
    compared = {"compare_type": True, "compare_server_default": True, "include_name": schema.is_modelled}
    context = MigrationContext.configure(connection, opts=compared)
    assert compare_metadata(context, models.Base.metadata) == []


def test_the_newest_migration_is_the_one_the_code_asks_for(connection: Connection) -> None:
    assert schema.current(connection) == schema.newest()


def test_migrations_are_numbered_without_a_gap() -> None:
    folder = Path(schema.MIGRATIONS) / "versions"
    numbers = sorted(int(path.name.partition("_")[0]) for path in folder.glob("*.py"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_migration_waits_for_no_lock_for_long() -> None:
    """A migration that queues behind a long query would stop every query behind it."""
    assert "lock_timeout" in (Path(schema.MIGRATIONS) / "script.py.mako").read_text()
    for path in (Path(schema.MIGRATIONS) / "versions").glob("*.py"):
        assert "lock_timeout" in path.read_text(), path.name
