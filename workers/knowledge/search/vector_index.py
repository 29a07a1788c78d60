"""An HNSW index for each knowledge base that is too large to compare a query with all its vectors.

It is partial: the vectors of one knowledge base and one dimension. A shared one with a filter finds next to nothing for
queries away from a tenant's own topic. Below the threshold a search reads all vectors, which is exact.
"""

from contextlib import suppress
from uuid import UUID

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from infra import db

# An exact search of so many vectors of 384 dimensions takes about 10 ms.
EXACT_AT_MOST = 20_000
# A base that shrinks to less than this share of it loses the index.
SHRUNK = 0.8
MOST_DIMENSIONS = 4000
MEMORY_MB = 512
LOCK_SECONDS = 60

log = structlog.get_logger(__name__)

NEWEST = text("""
SELECT vector_dims(embedding) FROM kb_vectors WHERE knowledge_base_id = :kb
ORDER BY first_version = :version DESC, last_version IS NULL DESC LIMIT 1
""")
COUNT = text("SELECT count(*) FROM kb_vectors WHERE knowledge_base_id = :kb AND vector_dims(embedding) = :dimensions")
INDEXES = text("""
SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'kb_vectors'::regclass AND c.relname LIKE :like
""")


def name_of(base_id: UUID, dimensions: int) -> str:
    """The index of a knowledge base's vectors of that many dimensions."""
    return f"ix_kb_vectors_{base_id.hex}_{dimensions}"


def refresh(base_id: UUID, version: int) -> None:
    """Makes the index where there are many vectors, and drops those that are not needed. If it cannot be made, searches
    stay exact and slower, and the next build tries again."""
    with db.transaction() as session:
        dimensions = session.execute(NEWEST, {"kb": base_id, "version": version}).scalar() or 0
        count = session.execute(COUNT, {"kb": base_id, "dimensions": dimensions}).scalar_one()
        known = session.execute(INDEXES, {"like": f"ix_kb_vectors_{base_id.hex}_%"}).all()
    name = name_of(base_id, dimensions)
    there = any(index.name == name and index.valid for index in known)
    wanted = dimensions <= MOST_DIMENSIONS and count > EXACT_AT_MOST * (SHRUNK if there else 1)
    gone = [index.name for index in known if not index.valid or (index.name == name and not wanted)]
    if gone or wanted > there:
        _change(base_id, dimensions, gone, make=wanted and not there)


def drop(base_id: UUID) -> None:
    """Drops what indexes there are for a knowledge base."""
    with db.transaction() as session:
        known = session.execute(INDEXES, {"like": f"ix_kb_vectors_{base_id.hex}_%"}).all()
    if known:
        _change(base_id, 0, [index.name for index in known], make=False)


def _change(base_id: UUID, dimensions: int, gone: list[str], *, make: bool) -> None:
    """Each statement by itself, beside readers and writers; they wait for transactions that have begun before."""
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text(f"SET maintenance_work_mem = '{MEMORY_MB}MB'"))
            for name in gone:
                connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name}"))
            if make:
                _make(connection, base_id, dimensions)
        except SQLAlchemyError as error:
            log.warning("search.no_vector_index", knowledge_base=str(base_id), error=str(error).splitlines()[0])
        finally:
            with suppress(SQLAlchemyError):
                for setting in ("lock_timeout", "statement_timeout", "maintenance_work_mem"):
                    connection.execute(text(f"RESET {setting}"))


def _make(connection: Connection, base_id: UUID, dimensions: int) -> None:
    connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name_of(base_id, dimensions)} ON kb_vectors "
            f"USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) "
            f"WHERE knowledge_base_id = '{base_id}' AND vector_dims(embedding) = {dimensions}"
        )
    )
