"""A vector index for each knowledge base that is too large to compare a query with all its vectors.

It is partial: the vectors of one knowledge base and one dimension. A shared one with a filter finds next to nothing for
queries away from a tenant's own topic. It is IVFFlat and not HNSW, which loses its way where many texts are nearly the
same: of 100,000 passages, each like some forty others, HNSW found 0.59 of the ten nearest (m = 16, ef_search = 200), of
15,000 0.91 (m = 32, ef_construction = 200). These lists find 0.99 in the same time, and are made in a tenth of it.
"""

from contextlib import suppress
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from infra import db

# Vectors times dimensions that an exact search reads in about 7 ms: 10,000 vectors of 384 dimensions.
EXACT_AT_MOST = 10_000 * 384
MOST_DIMENSIONS = 4000
VECTORS_A_LIST = 200
MOST_LISTS = 4000
# So many lists are read: half of few, or the twentieth part of very many.
PROBES, PROBED_PART = 64, 20
# It is made anew when there are so many times as many vectors as it was made for, or so many times fewer.
GROWN = 2.0
MEMORY_MB = 512
LOCK_SECONDS = 60

log = structlog.get_logger(__name__)

COUNTS = text("""
SELECT vector_dims(embedding) AS dimensions, count(*) AS vectors FROM kb_vectors
WHERE knowledge_base_id = :kb GROUP BY dimensions
""")
INDEXES = text("""
SELECT c.relname AS name, i.indisvalid AS valid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relname >= :prefix AND c.relname < :prefix || '~' AND i.indrelid = to_regclass('kb_vectors')
""")


def find(session: Session, base_id: UUID, dimensions: int) -> int | None:
    """How many lists the index for such vectors has; None where there is none."""
    names = [row.name for row in session.execute(INDEXES, {"prefix": _prefix(base_id, dimensions)}) if row.valid]
    return int(names[0].rpartition("_")[2]) if names else None


def probes(lists: int) -> int:
    """How many of its lists a search reads."""
    return max(1, min(PROBES, lists // 2), lists // PROBED_PART)


def refresh(base_id: UUID) -> None:
    """Makes the index where there are many vectors, anew where they have become many more, and drops those that are not
    needed. If it cannot be made, searches stay exact and slower, and the next build tries again."""
    with db.transaction() as session:
        session.execute(text(f"SET LOCAL statement_timeout = '{LOCK_SECONDS}s'"))
        counts = {row.dimensions: row.vectors for row in session.execute(COUNTS, {"kb": base_id})}
        known = session.execute(INDEXES, {"prefix": _prefix(base_id)}).all()
    made: dict[int, tuple[str, int]] = {}
    gone = [row.name for row in known if not row.valid]
    for row in known:
        *_, dimensions, lists = row.name.split("_")
        if row.valid:
            made[int(dimensions)] = (row.name, int(lists))
    for dimensions, count in counts.items():
        name, lists = made.pop(dimensions, ("", 0))
        wanted = _lists(dimensions, count)
        if lists and wanted and lists / GROWN < wanted < lists * GROWN:
            continue
        if wanted and wanted != lists:
            _change([f"DROP INDEX CONCURRENTLY IF EXISTS {one}" for one in gone])
            is_made = _change([_making(base_id, dimensions, wanted)])
            gone = [name] if name and is_made else []
        elif name:
            gone.append(name)
    gone += [name for name, _ in made.values()]
    _change([f"DROP INDEX CONCURRENTLY IF EXISTS {one}" for one in gone])


def drop(base_id: UUID) -> None:
    """Drops what indexes there are for a knowledge base."""
    with db.transaction() as session:
        known = session.execute(INDEXES, {"prefix": _prefix(base_id)}).all()
    _change([f"DROP INDEX CONCURRENTLY IF EXISTS {row.name}" for row in known])


def _prefix(base_id: UUID, dimensions: int | None = None) -> str:
    return f"ix_kb_vectors_{base_id.hex}_{'' if dimensions is None else f'{dimensions}_'}"


def _lists(dimensions: int, count: int) -> int:
    """How many lists an index of so many vectors has; 0: it needs none, or can have none."""
    if dimensions > MOST_DIMENSIONS or dimensions * count <= EXACT_AT_MOST:
        return 0
    return min(MOST_LISTS, max(1, count // VECTORS_A_LIST))


def _making(base_id: UUID, dimensions: int, lists: int) -> str:
    return (
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {_prefix(base_id, dimensions)}{lists} ON kb_vectors "
        f"USING ivfflat ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WITH (lists = {lists}) "
        f"WHERE knowledge_base_id = '{base_id}' AND vector_dims(embedding) = {dimensions}"
    )


def _change(statements: list[str]) -> bool:
    """Each by itself, beside readers and writers; they wait for transactions that have begun before. Whether all were
    done."""
    if not statements:
        return True
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text(f"SET maintenance_work_mem = '{MEMORY_MB}MB'"))
            for statement in statements:
                connection.execute(text(statement))
        except SQLAlchemyError as error:
            log.warning("search.vector_index", statement=statement, error=str(error).splitlines()[0])
            return False
        finally:
            with suppress(SQLAlchemyError):
                for setting in ("lock_timeout", "statement_timeout", "maintenance_work_mem"):
                    connection.execute(text(f"RESET {setting}"))
    return True
