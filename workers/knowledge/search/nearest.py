"""The vector leg: the chunks whose vectors are nearest to the query's.

All vectors of the version are read where they are few, or where few pass the filters: that is exact. The materialised
CTE keeps the planner away from any index, and computes the distances while it reads. Above that the partial HNSW index
of the knowledge base is asked (vector_index.py), which goes on until enough of what it finds is in the scope.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.knowledge.search import vector_index
from workers.knowledge.search.scope import Scope

Near = list[tuple[UUID, float]]

# The index is asked for more than is wanted, since it misses some.
EF_SEARCH = 200
MOST_SCANNED = 60_000

# Which chunks pass, if they are not too many.
ALLOWED = """
SELECT count(*) AS passing, coalesce(string_agg(uuid_send(id), ''), '') AS ids
FROM (SELECT c.id FROM kb_chunks c WHERE {passes} AND c.search IS NOT NULL LIMIT :most) one
"""
ALL = """
WITH near AS MATERIALIZED (
  SELECT v.chunk_id, v.embedding <=> CAST(:vector AS halfvec) AS distance FROM kb_vectors v WHERE {visible}
) SELECT chunk_id, 1 - distance AS similarity FROM near ORDER BY distance LIMIT :count
"""
FILTERED = """
WITH near AS MATERIALIZED (
  SELECT v.chunk_id, v.embedding <=> CAST(:vector AS halfvec) AS distance
  FROM kb_chunks c JOIN kb_vectors v ON v.chunk_id = c.id WHERE {passes}
) SELECT chunk_id, 1 - distance AS similarity FROM near ORDER BY distance LIMIT :count
"""
INDEXED = """
WITH near AS MATERIALIZED (
  SELECT v.chunk_id, v.embedding::halfvec({dimensions}) <=> CAST(:vector AS halfvec({dimensions})) AS distance
  FROM kb_vectors v
  WHERE {visible} AND vector_dims(v.embedding) = {dimensions} AND {passes}
  ORDER BY v.embedding::halfvec({dimensions}) <=> CAST(:vector AS halfvec({dimensions})) LIMIT :count
) SELECT chunk_id, 1 - distance AS similarity FROM near ORDER BY distance
"""
SETTINGS = text(f"""
SELECT set_config('hnsw.ef_search', '{EF_SEARCH}', true), set_config('hnsw.iterative_scan', 'relaxed_order', true),
  set_config('hnsw.max_scan_tuples', '{MOST_SCANNED}', true), set_config('enable_seqscan', 'off', true),
  set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)
""")
RESET = text("""
SELECT set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true),
  set_config('enable_sort', 'on', true)
""")
INDEX = text("SELECT coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)), false)")


def allowed(session: Session, scope: Scope) -> set[bytes] | None:
    """The ids of the chunks that pass the filters; None without filters, or if they are very many."""
    if not scope.filtered:
        return None
    asked = {**scope.parameters, "most": vector_index.EXACT_AT_MOST + 1}
    row = session.execute(text(ALLOWED.format(passes=scope.passes())), asked).one()
    if row.passing > vector_index.EXACT_AT_MOST:
        return None
    ids = bytes(row.ids)
    return {ids[at : at + 16] for at in range(0, len(ids), 16)}


def nearest(session: Session, scope: Scope, vector: list[float], count: int, among: set[bytes] | None) -> Near:
    """The nearest chunks in the scope, best first, and their cosine similarity; `among` as `allowed` gave it."""
    asked = {**scope.parameters, "vector": str(vector), "count": count}
    if among is not None:
        statement = FILTERED.format(passes=scope.passes())
    elif _indexed(session, scope, len(vector)):
        return _by_index(session, scope, len(vector), asked)
    elif scope.filtered:
        statement = FILTERED.format(passes=scope.passes())
    else:
        statement = ALL.format(visible=scope.visible("v"))
    return [(row.chunk_id, float(row.similarity)) for row in session.execute(text(statement), asked)]


def _indexed(session: Session, scope: Scope, dimensions: int) -> bool:
    name = vector_index.name_of(scope.base_id, dimensions)
    return bool(session.execute(INDEX, {"name": name}).scalar_one())


def _by_index(session: Session, scope: Scope, dimensions: int, asked: dict[str, object]) -> Near:
    passes = "true"
    if scope.filtered:
        passes = f"EXISTS (SELECT FROM kb_chunks c WHERE c.id = v.chunk_id AND {scope.passes()})"
    statement = INDEXED.format(dimensions=dimensions, visible=scope.visible("v"), passes=passes)
    session.execute(SETTINGS)
    found = [(row.chunk_id, float(row.similarity)) for row in session.execute(text(statement), asked)]
    session.execute(RESET)
    return found
