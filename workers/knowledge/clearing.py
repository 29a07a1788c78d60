"""What knowledge bases keep no longer: versions beyond those to keep, deleted bases, revisions that nobody can see.

Every step is a short transaction, and whoever is interrupted is followed by the next sweep. A version falls out of what
is kept a minute after the last switch or build, so that a search which has just begun on it ends well; from then on it
is `dropped`, cannot be activated any more, and its chunks, then its manifest, then it itself go in batches.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, TextClause, text
from sqlalchemy.orm import Session

from infra import db
from infra.clock import now
from infra.settings import settings
from models import KbVersion, KnowledgeBase, VersionState
from workers.knowledge import bases, embedding, versions
from workers.knowledge.search import vector_index
from workers.specs import records

SECONDS = 5.0
GRACE = timedelta(seconds=60)
ROWS_AT_ONCE = 2_000
FAILED_KEPT = 5
EVALUATIONS_KEPT = 200
# Versions first: a build that is still under way writes only while it has one.
TABLES_OF_BASE = (
    "kb_versions", "database_connections", "kb_vectors", "kb_postings", "kb_segments", "kb_chunks",
    "kb_version_entries", "kb_revisions", "kb_entries", "kb_queries", "kb_evaluations", "kb_reviews", "spec_sources",
)  # fmt: skip

log = structlog.get_logger(__name__)

# Those with more versions than they keep, or with some that were dropped and are not cleared yet.
FULL = text("""
SELECT b.id, b.project_id FROM knowledge_bases b JOIN kb_versions v ON v.knowledge_base_id = b.id
WHERE b.deleted_at IS NULL GROUP BY b.id
HAVING count(*) FILTER (WHERE v.state = 'ready') > coalesce((b.settings ->> 'keep_versions')::int, 1)
  OR count(*) FILTER (WHERE v.state = 'failed') > :failed OR bool_or(v.state = 'dropped')
ORDER BY random()
""")
LOCK = text("SELECT 1 FROM knowledge_bases WHERE id = :kb FOR UPDATE")
HAS_DROPPED = text("SELECT EXISTS (SELECT FROM kb_versions WHERE knowledge_base_id = :kb AND state = 'dropped')")
DELETED = text("SELECT id, project_id FROM knowledge_bases WHERE deleted_at < :before ORDER BY random()")
# Chunks that no version has which is kept. Those of a build under way, or to be undone by the next, are above `ready`.
CHUNKS = text("""
WITH gone AS (
  SELECT c.id FROM kb_chunks c
  WHERE c.knowledge_base_id = :kb AND c.last_version < :ready AND NOT EXISTS (
    SELECT FROM unnest(CAST(:kept AS int[])) AS k(number) WHERE k.number BETWEEN c.first_version AND c.last_version
  ) LIMIT :at_most
), vectors AS (DELETE FROM kb_vectors v USING gone WHERE v.chunk_id = gone.id)
DELETE FROM kb_chunks c USING gone WHERE c.id = gone.id
""")
MANIFESTS = text("""
DELETE FROM kb_version_entries WHERE ctid = ANY(ARRAY(
  SELECT m.ctid FROM kb_version_entries m JOIN kb_versions v
    ON v.knowledge_base_id = m.knowledge_base_id AND v.number = m.version
  WHERE v.knowledge_base_id = :kb AND v.state = 'dropped' LIMIT :at_most
))
""")
VERSIONS = text("DELETE FROM kb_versions WHERE knowledge_base_id = :kb AND state = 'dropped'")
# What entries said before, that no version shows, after the days for which the project keeps its history.
REVISIONS = text("""
DELETE FROM kb_revisions WHERE id = ANY(ARRAY(
  SELECT r.id FROM kb_revisions r JOIN kb_entries e ON e.id = r.entry_id
  JOIN projects p ON p.id = r.project_id
  WHERE r.knowledge_base_id = :kb AND e.draft_revision_id IS DISTINCT FROM r.id
    AND greatest(r.created_at, e.updated_at) < now() - make_interval(days => coalesce(p.retention_days, :days))
    AND NOT EXISTS (SELECT FROM kb_version_entries m WHERE m.revision_id = r.id) LIMIT :at_most
))
""")
ENTRIES = text("""
DELETE FROM kb_entries e WHERE e.knowledge_base_id = :kb AND e.draft_revision_id IS NULL
  AND NOT EXISTS (SELECT FROM kb_revisions r WHERE r.entry_id = e.id)
""")
# The figures of versions that are gone stay as a history, as long as it is not too long.
EVALUATIONS = text("""
DELETE FROM kb_evaluations WHERE id = ANY(ARRAY(
  SELECT o.id FROM kb_evaluations o WHERE o.knowledge_base_id = :kb AND NOT EXISTS (
    SELECT FROM kb_versions v WHERE v.knowledge_base_id = :kb AND v.number = o.version
  ) ORDER BY o.id DESC OFFSET :history LIMIT :at_most
))
""")
BASE = text("DELETE FROM knowledge_bases WHERE id = :kb AND deleted_at IS NOT NULL")
CHANGED = text("""
SELECT id, project_id FROM knowledge_bases WHERE deleted_at IS NULL AND updated_at > :since ORDER BY random()
""")


def sweep(seconds: float = SECONDS) -> int:
    """Clears for about so long; returns how many rows went."""
    give_up_at = time.monotonic() + seconds
    deleted = 0
    for row in _rows(DELETED, before=now() - GRACE):
        deleted += _clear_base(row.project_id, row.id, give_up_at)
    for row in _rows(FULL, failed=FAILED_KEPT):
        deleted += _clear_versions(row.project_id, row.id, give_up_at)
    if deleted:
        log.info("knowledge.cleared", rows=deleted)
    return deleted


def forget_history(seconds: float = SECONDS) -> int:
    """Deletes what entries said before, where no version and no draft shows it and its days are over; then schemas that
    only those needed, and vectors that nobody asked for in a long time."""
    give_up_at = time.monotonic() + seconds
    deleted = 0
    # A base that nobody changed for longer had its turn.
    for row in _rows(CHANGED, since=now() - timedelta(days=settings().retention_days + 2)):
        asked = {"kb": row.id, "days": settings().retention_days, "history": EVALUATIONS_KEPT}
        forgotten = _in_batches(REVISIONS, asked, give_up_at)
        deleted += forgotten + sum(_in_batches(one, asked, give_up_at) for one in (ENTRIES, EVALUATIONS))
        if forgotten:
            with db.transaction() as session:
                records.forget_unused(session, row.project_id)
    return deleted + embedding.forget_unused()


def drop_versions(session: Session, base: KnowledgeBase) -> list[int]:
    """Marks the versions of the locked base that are kept no longer; returns the numbers of those that can be served
    still. None is dropped within a minute of the last switch or build."""
    every = session.scalars(_versions(base).order_by(KbVersion.number.desc())).all()
    kept = {one.number for one in versions.kept(session, base)}
    if all(_quiet(one) for one in every):
        failed = [one for one in every if one.state == VersionState.FAILED]
        surplus = [one for one in every if one.state == VersionState.READY and one.number not in kept]
        for version in (*surplus, *failed[FAILED_KEPT:]):
            version.state = VersionState.DROPPED
        session.flush()
    return sorted(one.number for one in every if one.state == VersionState.READY)


def _versions(base: KnowledgeBase) -> Select[KbVersion]:
    return KbVersion.in_project(base.project_id).where(KbVersion.knowledge_base_id == base.id)


def _quiet(version: KbVersion) -> bool:
    """Whether it was neither built nor activated nor rolled back within the last minute."""
    moments = (version.built_at, version.activated_at, version.rolled_back_at)
    return all(one is None or one < now() - GRACE for one in moments)


def _clear_versions(project_id: UUID, kb_id: UUID, give_up_at: float) -> int:
    with db.transaction() as session:
        base = bases.get_base(session, project_id, kb_id, lock=True)
        kept, ready = drop_versions(session, base), base.ready_version
        dropped = session.execute(HAS_DROPPED, {"kb": kb_id}).scalar_one()
    if not dropped:
        return 0
    asked = {"kb": kb_id, "kept": kept, "ready": ready}
    deleted = 0
    for statement in (CHUNKS, MANIFESTS):
        deleted += _in_batches(statement, asked, give_up_at)
        if time.monotonic() >= give_up_at:
            return deleted
    return deleted + _do(VERSIONS, asked)


def _clear_base(project_id: UUID, kb_id: UUID, give_up_at: float) -> int:
    vector_index.drop(kb_id)
    deleted = 0
    for table in TABLES_OF_BASE:
        deleted += _in_batches(_rows_of(table), {"kb": kb_id}, give_up_at)
        if time.monotonic() >= give_up_at:
            return deleted
    with db.transaction() as session:
        records.forget_unused(session, project_id)
    return deleted + _do(BASE, {"kb": kb_id})


def _rows_of(table: str) -> TextClause:
    inner = f"SELECT ctid FROM {table} WHERE knowledge_base_id = :kb LIMIT :at_most"
    return text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({inner}))")


def _in_batches(statement: TextClause, asked: dict[str, Any], give_up_at: float) -> int:
    """Runs it until nothing is left to delete or the time is up."""
    deleted = 0
    while time.monotonic() < give_up_at:
        count = _do(statement, asked)
        deleted += count
        if count < ROWS_AT_ONCE:
            break
    return deleted


def _do(statement: TextClause, asked: dict[str, Any]) -> int:
    with db.transaction() as session:
        # Nobody makes a revision the draft's again while it is deleted.
        session.execute(LOCK, {"kb": asked["kb"]})
        done: Any = session.execute(statement, {**asked, "at_most": ROWS_AT_ONCE})
        return int(done.rowcount)


def _rows(statement: TextClause, **asked: Any) -> Sequence[Any]:
    with db.transaction() as session:
        return session.execute(statement, asked).all()
