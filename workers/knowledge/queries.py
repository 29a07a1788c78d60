"""Saved queries: questions with the entries that must be found, by which versions are measured."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from infra.errors import BadInput, Conflict, NotFound
from models import KbEvaluation, KbQuery, KnowledgeBase
from workers.knowledge import entries
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

AT_MOST = 1000


def create_query(session: Session, base: KnowledgeBase, *, by: UUID, body: Json) -> KbQuery:
    """A new saved query of the locked base; raises BadInput for entries that are not its, Conflict for too many."""
    if (session.scalar(select(func.count()).select_from(of(base).subquery())) or 0) >= AT_MOST:
        raise Conflict(f"This knowledge base has {AT_MOST} saved queries, which is the most; delete one.")
    query = KbQuery(
        project_id=base.project_id,
        knowledge_base_id=base.id,
        created_by=by,
        query=body["query"],
        expected=_expected(session, base, body["expected"]),
        filters=body["filters"],
        tags=body["tags"],
    )
    session.add(query)
    session.flush()
    return query


def list_queries(session: Session, base: KnowledgeBase, window: Window, tag: str | None) -> PageOf[KbQuery]:
    """The saved queries, by the time they were made."""
    query = of(base)
    return page(session, query if tag is None else query.where(KbQuery.tags.contains([tag])), KbQuery, window)


def get_query(session: Session, base: KnowledgeBase, query_id: UUID) -> KbQuery:
    """One saved query; raises NotFound."""
    query = session.scalars(of(base).where(KbQuery.id == query_id)).first()
    if query is None:
        raise NotFound("There is no such saved query.")
    return query


def change_query(session: Session, base: KnowledgeBase, query_id: UUID, changes: Json) -> KbQuery:
    """The saved query with these fields changed; raises NotFound and BadInput."""
    query = get_query(session, base, query_id)
    if "expected" in changes:
        changes = {**changes, "expected": _expected(session, base, changes["expected"])}
    for name, value in changes.items():
        setattr(query, name, value)
    session.flush()
    return query


def remove_query(session: Session, base: KnowledgeBase, query_id: UUID) -> KbQuery:
    """The saved query, as it was; raises NotFound. Evaluations stay."""
    query = get_query(session, base, query_id)
    session.delete(query)
    session.flush()
    return query


def list_evaluations(
    session: Session, base: KnowledgeBase, window: Window, version: int | None
) -> PageOf[KbEvaluation]:
    """How versions answered, by the time they were asked."""
    query = KbEvaluation.in_project(base.project_id).where(KbEvaluation.knowledge_base_id == base.id)
    return page(
        session, query if version is None else query.where(KbEvaluation.version == version), KbEvaluation, window
    )


def get_evaluation(session: Session, base: KnowledgeBase, evaluation_id: UUID) -> KbEvaluation:
    """One evaluation with the figures of each query; raises NotFound."""
    query = KbEvaluation.in_project(base.project_id).where(KbEvaluation.knowledge_base_id == base.id)
    found = session.scalars(query.where(KbEvaluation.id == evaluation_id)).first()
    if found is None:
        raise NotFound("There is no such evaluation.")
    return found


def of(base: KnowledgeBase) -> Select[KbQuery]:
    """Selects the base's saved queries."""
    return KbQuery.in_project(base.project_id).where(KbQuery.knowledge_base_id == base.id)


def _expected(session: Session, base: KnowledgeBase, wanted: list[Json]) -> list[Json]:
    """As it is stored; entries may have left the draft, as the active version may have them still."""
    known = entries.entries_by_id(session, base, (one["entry_id"] for one in wanted))
    unknown = [
        {"pointer": f"/expected/{place}/entry_id", "detail": "There is no such entry in this knowledge base."}
        for place, one in enumerate(wanted)
        if one["entry_id"] not in known
    ]
    if unknown:
        raise BadInput("A saved query expects entries of its own knowledge base; `errors` says where.", errors=unknown)
    return [{"entry_id": known[one["entry_id"]].public_id, "relevance": one["relevance"]} for one in wanted]
