"""Where observations are kept: PostgreSQL by default, ClickHouse for those who have outgrown it."""

from infra.settings import settings
from workers.traces.base import TraceStore
from workers.traces.store.postgres import PostgresStore

_postgres = PostgresStore()


def store() -> TraceStore:
    """The one of the settings."""
    if settings().trace_store == "postgres":
        return _postgres
    # Some megabytes that nobody else needs.
    from workers.traces.store.clickhouse import ClickHouseStore

    return ClickHouseStore()
