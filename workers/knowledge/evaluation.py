"""Measuring versions by the saved queries: recall@k and nDCG@10, kept with every evaluation.

A build has its version evaluated at its end, and the active one too where that was not asked the same questions yet, so
that the gate (gate.py) has two figures to compare. What k is, the settings say (`gate.k`).
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.errors import Conflict, KnowledgeBaseNotBuilt, NotFound, Unavailable
from models import KbEvaluation, KbQuery, KbVersionEntry, KnowledgeBase
from schemas.kb_entry import entry_id
from schemas.kb_query import evaluation_view
from workers.kinds.base import Context
from workers.knowledge import bases, metrics, queries, versions
from workers.knowledge.search.find import NO_MODEL, SearchWish, find

Json = dict[str, Any]

AT_ONCE = 4
NDCG_AT = 10
# Several chunks of one entry are one entry.
CHUNKS_AN_ENTRY = 4
MOST_CHUNKS = 100
SHOWN = 20
ASKED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Questions:
    """The saved queries of a knowledge base as they are now; `query_set` is their hash."""

    active: int | None
    k: int
    rows: Sequence[KbQuery]
    query_set: str


async def evaluate(
    project_id: UUID, base_id: UUID, version: int, job_id: UUID | None, ctx: Context | None = None
) -> Json | None:
    """The figures of a version, and of the active one: `{"version": {…}, "active": {…} | None, "queries": n}`, each
    with recall_at_k, ndcg_at_10, k and queries. None where no query is saved.

    `ctx` counts what the embedding model costs, and may stop it. Raises Unavailable where that model does not answer:
    figures of another kind of search would be none.
    """
    asked = await asyncio.to_thread(_questions, project_id, base_id)
    if not asked.rows:
        return None
    mine, active = await _both(project_id, base_id, version, asked, job_id, ctx)
    return {"version": mine.metrics, "active": active and active.metrics, "queries": len(asked.rows)}


async def compared(project_id: UUID, base_id: UUID, version: int) -> Json:
    """What ComparedOut reads: a version evaluated now, beside the active one."""
    asked = await asyncio.to_thread(_questions, project_id, base_id)
    mine, active = await _both(project_id, base_id, version, asked, None, None)
    return {
        "version": evaluation_view(mine, whole=True),
        "active": active and evaluation_view(active, whole=True),
    }


def require_askable(session: Session, base: KnowledgeBase, number: int | None) -> int:
    """The number of a version that can be evaluated at once, by default the newest that is ready; raises NotFound,
    KnowledgeBaseNotBuilt, VersionNotReady, and Conflict for no queries or too many."""
    wanted = number or base.ready_version
    if wanted is None:
        raise KnowledgeBaseNotBuilt("The knowledge base has no version that is ready; build its draft first.")
    versions.require_ready(session, base, wanted)
    count = len(session.scalars(queries.of(base).with_only_columns(KbQuery.id)).all())
    if not count:
        raise Conflict("The knowledge base has no saved queries to ask.")
    if count > ASKED_AT_ONCE:
        raise Conflict(f"More than {ASKED_AT_ONCE} saved queries are asked by builds only; start one.")
    return wanted


async def _both(
    project_id: UUID, base_id: UUID, version: int, asked: Questions, job_id: UUID | None, ctx: Context | None
) -> tuple[KbEvaluation, KbEvaluation | None]:
    mine = await _measured(project_id, base_id, version, asked, job_id, ctx)
    if asked.active is None or asked.active == version:
        return mine, None
    known = await asyncio.to_thread(_known, project_id, base_id, asked)
    return mine, known or await _measured(project_id, base_id, asked.active, asked, job_id, ctx)


async def _measured(
    project_id: UUID, base_id: UUID, version: int, asked: Questions, job_id: UUID | None, ctx: Context | None
) -> KbEvaluation:
    """All questions, a few at a time; written when the last is answered."""
    inside = await asyncio.to_thread(_present, project_id, base_id, version, asked)
    free = asyncio.Semaphore(AT_ONCE)

    async def ask(query: KbQuery) -> Json:
        async with free:
            if ctx is not None:
                ctx.checkpoint()
            found = await _found(project_id, base_id, version, asked.k, query, ctx)
            return _figures(query, asked.k, found, inside)

    figures = await asyncio.gather(*(ask(query) for query in asked.rows))
    return await asyncio.to_thread(_write, project_id, base_id, version, asked, figures, job_id)


async def _found(
    project_id: UUID, base_id: UUID, version: int, k: int, query: KbQuery, ctx: Context | None
) -> list[str]:
    """The entries that a search finds, best first."""
    wanted = min(MOST_CHUNKS, CHUNKS_AN_ENTRY * max(k, NDCG_AT))
    wish = SearchWish(query=query.query, top_k=wanted, filters=query.filters, version=version)
    answer = await find(project_id, base_id, wish, ctx)
    if answer.mode != wish.mode and NO_MODEL not in answer.notes:
        raise Unavailable("The embedding model does not answer, so the saved queries cannot be asked.")
    return metrics.unique(hit.entry_id for hit in answer.hits)


def _figures(query: KbQuery, k: int, found: list[str], inside: set[str]) -> Json:
    """What QueryFiguresOut reads; `inside` are the expected entries that the version has."""
    relevance = {one["entry_id"]: one["relevance"] for one in query.expected}
    return {
        "query_id": query.public_id,
        "query": query.query,
        "recall_at_k": round(metrics.recall_at(k, found, relevance), 6),
        "ndcg_at_10": round(metrics.ndcg_at(NDCG_AT, found, relevance), 6),
        "found": found[:SHOWN],
        "missing": [one for one in relevance if one not in inside],
    }


def _questions(project_id: UUID, base_id: UUID) -> Questions:
    with db.transaction() as session:
        base = bases.get_base(session, project_id, base_id)
        rows = session.scalars(queries.of(base).order_by(KbQuery.id)).all()
        k = bases.settings_of(base)["gate"]["k"]
        said = [[one.query, one.expected, one.filters] for one in rows]
        return Questions(base.active_version, k, rows, hashlib.sha256(json.dump_canonical([k, said])).hexdigest())


def _present(project_id: UUID, base_id: UUID, version: int, asked: Questions) -> set[str]:
    """Those of the expected entries that the version has."""
    expected = {one["entry_id"] for query in asked.rows for one in query.expected}
    by_id = {entry_id(one): one for one in expected}
    with db.transaction() as session:
        base = bases.get_base(session, project_id, base_id)
        rows = session.scalars(KbVersionEntry.of(base, version).where(KbVersionEntry.entry_id.in_([*by_id])))
        return {by_id[row.entry_id] for row in rows}


def _known(project_id: UUID, base_id: UUID, asked: Questions) -> KbEvaluation | None:
    """What the active version answered to the same questions."""
    query = KbEvaluation.in_project(project_id).where(
        KbEvaluation.knowledge_base_id == base_id,
        KbEvaluation.version == asked.active,
        KbEvaluation.query_set == asked.query_set,
    )
    with db.transaction() as session:
        return session.scalars(query.order_by(KbEvaluation.id.desc())).first()


def _write(
    project_id: UUID, base_id: UUID, version: int, asked: Questions, figures: list[Json], job_id: UUID | None
) -> KbEvaluation:
    means = {name: round(sum(one[name] for one in figures) / len(figures), 6) for name in ("recall_at_k", "ndcg_at_10")}
    evaluation = KbEvaluation(
        id=ids.new_id(),
        project_id=project_id,
        knowledge_base_id=base_id,
        version=version,
        job_id=job_id,
        query_set=asked.query_set,
        metrics={**means, "k": asked.k, "queries": len(figures)},
        queries=figures,
    )
    with db.transaction() as session:
        base = bases.get_base(session, project_id, base_id)
        session.add(evaluation)
        row = versions.find(session, base, version)
        if row is None:
            raise NotFound(f"Version {version} is not kept any more.")
        row.evaluation = evaluation.metrics
    return evaluation
