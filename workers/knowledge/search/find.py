"""Searching a knowledge base: two legs, one ranking, hits with citations.

A search reads the pointer to the active version once and everything else by that number, in one snapshot: what it finds
is of one version, whatever is activated or built meanwhile. Nothing is read while the embedding model is asked.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql

from infra import db
from infra.errors import KnowledgeBaseNotBuilt, NotFound, ProviderError, VersionNotReady
from models import VersionState
from workers.kinds.base import Context
from workers.knowledge import embedding
from workers.knowledge.search import facets, fulltext, fusion, inverted, nearest, reranking, showing
from workers.knowledge.search.fusion import Fused
from workers.knowledge.search.scope import Scope
from workers.knowledge.search.showing import Hit, Known

Json = dict[str, Any]

HYBRID, VECTOR, TEXT = "hybrid", "vector", "text"
POOL = 100
# Neighbours are shown as one hit, so that some more are looked at than are wanted.
SPARE = 2
AIM = sql("""
SELECT coalesce(CAST(:version AS int), b.active_version) AS wanted, v.state, v.settings ->> 'embedding_model' AS model
FROM knowledge_bases b LEFT JOIN kb_versions v
  ON v.knowledge_base_id = b.id AND v.number = coalesce(CAST(:version AS int), b.active_version)
WHERE b.id = :kb AND b.project_id = :project AND b.deleted_at IS NULL
""")
STILL_THERE = sql("""
SELECT 1 FROM kb_versions WHERE knowledge_base_id = :kb AND number = :version AND state IN ('ready', 'building')
""")
NO_MODEL = "The version has no embedding model: only full text was searched."
NO_VECTOR = "The embedding model could not be asked ({}): only full text was searched."


@dataclass(frozen=True, slots=True)
class SearchWish:
    """A search. `mode` is hybrid, vector or text; `filters` as in schemas/kb_search.py; `version` None: the active one;
    `rerank` a chat model that puts the best hits in order."""

    query: str
    top_k: int = 10
    mode: str = HYBRID
    filters: Json = field(default_factory=dict)
    version: int | None = None
    rerank: str | None = None


@dataclass(slots=True)
class Found:
    """What a search found. `mode` is what was searched at last, `took_ms` tells for what the time went, `notes` what
    was not as wished; `rerank` has the model and its cost."""

    version: int
    mode: str
    hits: list[Hit] = field(default_factory=list)
    took_ms: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rerank: Json | None = None

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds the time of a block to that of a part."""
        began = time.perf_counter()
        try:
            yield
        finally:
            took = (time.perf_counter() - began) * 1000
            self.took_ms[part] = round(self.took_ms.get(part, 0.0) + took, 2)


async def find(project_id: UUID, base_id: UUID, wish: SearchWish, ctx: Context | None = None) -> Found:
    """Searches; raises NotFound, KnowledgeBaseNotBuilt, VersionNotReady, and ProviderError where only vectors are
    wanted and the model does not answer. `ctx` counts what models cost."""
    began = time.perf_counter()
    version, model = await asyncio.to_thread(_aim, project_id, base_id, wish.version)
    found = Found(version, wish.mode)
    vector = await _vector(project_id, model, wish, found, ctx)
    if vector is None:
        found.mode = TEXT
    wanted = max(wish.top_k, reranking.LOOKED_AT) if wish.rerank else wish.top_k
    await asyncio.to_thread(_search, found, Scope(base_id, version, wish.filters), wish, model or "", vector, wanted)
    if wish.rerank:
        with found.timed("rerank"):
            await reranking.rerank(found, wish.query, wish.rerank, ctx)
    del found.hits[wish.top_k :]
    found.took_ms["total"] = round((time.perf_counter() - began) * 1000, 2)
    return found


def _aim(project_id: UUID, base_id: UUID, version: int | None) -> tuple[int, str | None]:
    """The version to search and its embedding model. One that is being built may be named: the build asks it."""
    with db.transaction() as session:
        asked = {"project": project_id, "kb": base_id, "version": version}
        row = session.execute(AIM, asked).first()
        if row is None:
            raise NotFound("There is no such knowledge base.")
        if row.wanted is None:
            raise KnowledgeBaseNotBuilt
        if row.state is None:
            raise NotFound(f"There is no version {row.wanted}.")
        if row.state not in (VersionState.READY, VersionState.BUILDING):
            raise VersionNotReady
        return row.wanted, row.model


async def _vector(
    project_id: UUID, model: str | None, wish: SearchWish, found: Found, ctx: Context | None
) -> list[float] | None:
    """The query's vector; None where there is no need or no way, which hybrid search can do without."""
    if wish.mode == TEXT:
        return None
    if model is None:
        found.notes.append(NO_MODEL)
        return None
    try:
        with found.timed("embedding"):
            return await embedding.embed_query(project_id, model, wish.query.replace("\0", " "), ctx)
    except ProviderError as error:
        if wish.mode == VECTOR:
            raise
        found.notes.append(NO_VECTOR.format(error.code))
        return None


def _search(found: Found, scope: Scope, wish: SearchWish, model: str, vector: list[float] | None, wanted: int) -> None:
    """Both legs, their fusion, and the hits, out of one snapshot."""
    pool = max(POOL, SPARE * wanted)
    with db.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        if session.execute(STILL_THERE, {"kb": scope.base_id, "version": scope.version}).first() is None:
            raise VersionNotReady("The version was dropped while the embedding model was asked.")
        with found.timed("filters"):
            index = inverted.opened(session, scope)
            passing = facets.passing(session, scope, index)
        text_leg, vector_leg, coverage = fusion.Leg(), fusion.Leg(), 0.0
        if found.mode != VECTOR:
            with found.timed("text"):
                matches = fulltext.match(session, scope, index, wish.query, passing)
                if matches is not None:
                    text_leg, coverage = fulltext.hits(session, scope, matches, pool), matches.coverage
        if vector is not None:
            with found.timed("vector"):
                vector_leg = nearest.nearest(session, scope, vector, pool, passing)
        with found.timed("hits"):
            known = showing.known(session, [one for one, _ in (*text_leg, *vector_leg)])
            ranked = _ranked(found.mode, wish.query, model, text_leg, vector_leg, coverage, known)
            found.hits = showing.hits(session, scope, ranked, known, wanted)


def _ranked(
    mode: str, query: str, model: str, text: fusion.Leg, vector: fusion.Leg, coverage: float, known: dict[str, Known]
) -> list[Fused]:
    """The fused ranking; of one leg alone its own, with its own scores."""
    if mode == TEXT:
        return [Fused(one, score, score, None) for one, score in text]
    if mode == VECTOR:
        return [Fused(one, score, None, score) for one, score in vector]
    top = [one for leg in (text, vector) for one, _ in leg[: fusion.LOOKED_AT]]
    languages = [known[one].language for one in top if one in known]
    return fusion.fuse(text, vector, fusion.trust(model, query, languages, coverage))
