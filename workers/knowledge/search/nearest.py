"""The vector leg: the chunks whose vectors are nearest to the query's.

All vectors of the version are read where they are few, or where few chunks pass the filters: that is exact. The
materialised CTE keeps the planner away from any index, and computes the distances while it reads. Above that the index
of the knowledge base is asked (vector_index.py), which goes on until enough of what it finds is in the scope.
"""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.knowledge.search import inverted, vector_index
from workers.knowledge.search.facets import Passing
from workers.knowledge.search.scope import Scope

Json = dict[str, Any]
# Ids are text all through a search: hundreds of UUIDs take longer to make than to find.
Near = list[tuple[str, float]]

# If so few chunks pass the filters, they are compared one by one, though there is an index.
ONE_BY_ONE = 5_000

EXACT = """
WITH near AS MATERIALIZED (
  SELECT v.chunk_id, v.embedding <=> CAST(:vector AS halfvec) AS distance FROM kb_vectors v WHERE {condition}
) SELECT chunk_id::text AS id, 1 - distance AS similarity FROM near ORDER BY distance, chunk_id LIMIT :count
"""
INDEXED = """
WITH near AS MATERIALIZED (
  SELECT v.chunk_id, v.embedding::halfvec({dimensions}) <=> CAST(:vector AS halfvec({dimensions})) AS distance
  FROM kb_vectors v
  WHERE vector_dims(v.embedding) = {dimensions} AND {condition}
  ORDER BY v.embedding::halfvec({dimensions}) <=> CAST(:vector AS halfvec({dimensions})) LIMIT :count
) SELECT chunk_id::text AS id, 1 - distance AS similarity FROM near ORDER BY distance, chunk_id
"""
# For the rest of the transaction, which looks up rows by their ids only.
SETTINGS = text("""
SELECT set_config('ivfflat.probes', :probes, true), set_config('ivfflat.iterative_scan', 'relaxed_order', true),
  set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
  set_config('enable_sort', 'off', true)
""")


def nearest(session: Session, scope: Scope, vector: list[float], count: int, passing: Passing | None) -> Near:
    """The nearest chunks in the scope, best first, and their cosine similarity."""
    asked = {**scope.place, "vector": str(vector), "count": count}
    lists = vector_index.find(session, scope.base_id, len(vector))
    if passing is not None and (lists is None or passing.count <= ONE_BY_ONE):
        found = inverted.ids_of(session, scope, passing.flags.nonzero()[0])
        condition = f"v.chunk_id = ANY(CAST(:ids AS uuid[])) AND {scope.visible('v')}"
        return _near(session, EXACT.format(condition=condition), {**asked, "ids": "{" + ",".join(found) + "}"})
    if lists is None:
        return _near(session, EXACT.format(condition=scope.visible("v")), asked)
    condition = scope.visible("v")
    if passing is not None:
        condition += f" AND EXISTS (SELECT FROM kb_chunks c WHERE c.id = v.chunk_id AND {scope.passes()})"
        asked |= scope.wanted
    session.execute(SETTINGS, {"probes": str(vector_index.probes(lists))})
    return _near(session, INDEXED.format(condition=condition, dimensions=len(vector)), asked)


def _near(session: Session, statement: str, asked: Json) -> Near:
    return [(row.id, float(row.similarity)) for row in session.execute(text(statement), asked)]
