"""The database schema's version: bringing it up to date, and knowing whether it is.

Alembic does the work; it is imported where it works, since every process asks for the version and few migrate.
"""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, MetaData, create_engine, text

from infra.settings import settings

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
ONE_AT_A_TIME = 72_398_114
# Made and dropped as days go by, by workers/traces/store/partitions.py; only the default one is a migration's.
PARTITION = re.compile(r"observations_(default|[0-9]{8})")


def is_modelled(name: str | None, type: str, parents: Any) -> bool:
    """Whether models say what this is; a partition is as its table is. An `include_name` of Alembic's."""
    return type != "table" or not PARTITION.fullmatch(name or "")


@cache
def newest() -> str:
    """The revision that this code needs; a file is named by its revision."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """The revision that the database has; None before the first migration."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade() -> None:
    """Applies what is missing; two that start at once do it one after the other."""
    from alembic import command

    engine = create_engine(settings().database_url, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ONE_AT_A_TIME})
        connection.commit()
        command.upgrade(alembic(connection), "head")
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ONE_AT_A_TIME})
        connection.commit()
    engine.dispose()


def write_revision(message: str, number: str, metadata: MetaData) -> None:
    """Writes the next migration from what the models say and the database lacks."""
    from alembic import command

    engine = create_engine(settings().database_url)
    with engine.connect() as connection:
        command.revision(alembic(connection, metadata), message, autogenerate=True, rev_id=number)
    engine.dispose()


def alembic(connection: Connection, metadata: MetaData | None = None) -> "Config":
    """Alembic's configuration; it has no file."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("path_separator", "os")
    made.attributes.update(connection=connection, metadata=metadata)
    return made
