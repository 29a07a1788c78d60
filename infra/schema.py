"""The database schema's version: bringing it up to date, and knowing whether it is."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, text

from infra.settings import settings

MIGRATIONS = Path(__file__).parent / "migrations"
ONE_AT_A_TIME = 72_398_114


def config() -> Config:
    """Alembic's configuration; it has no file."""
    found = Config()
    found.set_main_option("script_location", str(MIGRATIONS))
    found.set_main_option("path_separator", "os")
    return found


@cache
def newest() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """The revision that the database has."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade() -> None:
    """Applies what is missing; two that start at once do it one after the other."""
    engine = create_engine(settings().database_url, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ONE_AT_A_TIME})
        connection.commit()
        alembic = config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ONE_AT_A_TIME})
        connection.commit()
    engine.dispose()


def write_revision(message: str, number: str, metadata: MetaData) -> None:
    """Writes the next migration from what the models say and the database lacks."""
    engine = create_engine(settings().database_url)
    with engine.connect() as connection:
        alembic = config()
        alembic.attributes.update(connection=connection, metadata=metadata)
        command.revision(alembic, message, autogenerate=True, rev_id=number)
    engine.dispose()
