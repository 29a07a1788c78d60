"""The end of a build: chunks that are in it no longer are closed, and the version is ready, or has failed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now
from infra.errors import BuildFailed, SwitchyardError, Unavailable
from models import Job, KbVersion, VersionState
from workers import events
from workers.knowledge import bases
from workers.knowledge.building.state import Build, fence

Json = dict[str, Any]

ROWS_AT_ONCE = 1_000
REVISIONS_AT_ONCE = 200

# Revisions that the version before had, and this one has not, or cut and embedded anew.
GONE = text("""
SELECT b.revision_id FROM kb_version_entries b
LEFT JOIN kb_version_entries m ON m.knowledge_base_id = b.knowledge_base_id AND m.version = :version
  AND m.entry_id = b.entry_id AND m.revision_id = b.revision_id AND m.state = 'indexed' AND :alike
WHERE b.knowledge_base_id = :kb AND b.version = :base AND b.state = 'indexed' AND m.entry_id IS NULL
""")
CLOSE = text("""
WITH closed AS (
  UPDATE kb_chunks SET last_version = :version - 1 WHERE id = ANY(ARRAY(
    SELECT id FROM kb_chunks WHERE knowledge_base_id = :kb AND revision_id = ANY(:revisions)
      AND last_version IS NULL AND first_version < :version LIMIT :at_most))
  RETURNING id, search
), vectors AS (UPDATE kb_vectors v SET last_version = :version - 1 FROM closed WHERE v.chunk_id = closed.id)
SELECT count(*) AS rows, count(search) AS chunks FROM closed
""")
COUNTED = text("""
SELECT count(*) AS total, count(*) FILTER (WHERE state = 'indexed') AS indexed,
  count(*) FILTER (WHERE state = 'failed') AS failed,
  coalesce(sum(chunks) FILTER (WHERE state = 'indexed'), 0) AS chunks
FROM kb_version_entries WHERE knowledge_base_id = :kb AND version = :version
""")


def require_enough(build: Build, *, allow_partial: bool) -> None:
    """Raises BuildFailed where no entry could be indexed, or one could not and all are wanted, and Unavailable where
    one is neither: the next attempt goes on with it."""
    with db.transaction() as session:
        found = session.execute(COUNTED, {"kb": build.base_id, "version": build.number}).one()
    if found.indexed + found.failed < found.total:
        raise Unavailable("Vectors of some entries were lost while the version was built.")
    if found.failed and not (allow_partial and found.indexed):
        what = "None of its entries could be indexed" if not found.indexed else f"{found.failed} entries failed"
        where = f"GET …/versions/{build.number}/entries?state=failed"
        raise BuildFailed(f"{what}; {where} says why.", version=build.number, failed=found.failed)


def close_gone(build: Build) -> int:
    """Closes the chunks that the version before had and this one has not, in short transactions; returns how many."""
    if build.base is None:
        return 0
    with db.transaction() as session:
        before = session.scalars(_versions(build).where(KbVersion.number == build.base)).one()
        alike = before.settings.get("config") == build.config
        asked = {"kb": build.base_id, "version": build.number, "base": build.base, "alike": alike}
        gone = session.execute(GONE, asked).scalars().all()
    pages = (gone[at : at + REVISIONS_AT_ONCE] for at in range(0, len(gone), REVISIONS_AT_ONCE))
    return sum(_close(build, page) for page in pages)


def finish(build: Build, removed: int, evaluation: Json | None) -> Json:
    """The version is ready; returns its figures. Raises Unavailable by the fence, and NotFound if the knowledge base
    was deleted."""
    with db.transaction() as session:
        base = bases.get_base(session, build.project_id, build.base_id, lock=True)
        fence(session, build)
        version = session.scalars(_versions(build).where(KbVersion.number == build.number)).one()
        version.stats = _counted(session, build, version.stats, removed)
        version.state, version.built_at = VersionState.READY, now()
        base.ready_version, base.updated_at = version.number, version.built_at
        session.flush()
        _tell(session, version, "kb.built", stats=version.stats, evaluation=evaluation)
        figures: Json = version.stats
        return figures


def fail(build: Build, error: SwitchyardError) -> None:
    """The version has failed, if it is still in the hands of this attempt."""
    with db.transaction() as session:
        fence(session, build)
        version = session.scalars(_versions(build).where(KbVersion.number == build.number)).one()
        mark_failed(session, version, error.as_json())


def mark_failed(session: Session, version: KbVersion, error: Json) -> None:
    """A version that nobody goes on with has failed."""
    version.state, version.error = VersionState.FAILED, error
    session.flush()
    _tell(session, version, "kb.build_failed", error=error)


def _close(build: Build, revisions: Sequence[UUID]) -> int:
    asked = {"kb": build.base_id, "version": build.number, "revisions": list(revisions), "at_most": ROWS_AT_ONCE}
    closed: int = 0
    while True:
        with db.transaction() as session:
            fence(session, build)
            done = session.execute(CLOSE, asked).one()
        closed += done.chunks
        if done.rows < ROWS_AT_ONCE:
            return closed


def _counted(session: Session, build: Build, stats: Json, removed: int) -> Json:
    """What the version was told while it was built, with the final counts."""
    found = session.execute(COUNTED, {"kb": build.base_id, "version": build.number}).one()
    entries = {
        "total": found.total,
        "reused": stats["entries"]["reused"],
        "indexed": found.indexed - stats["entries"]["reused"],
        "failed": found.failed,
    }
    chunks = {
        "total": found.chunks,
        "reused": stats["chunks"]["reused"],
        "new": found.chunks - stats["chunks"]["reused"],
        "removed": removed,
    }
    return {**stats, "entries": entries, "chunks": chunks}


def _versions(build: Build) -> Select[KbVersion]:
    return KbVersion.in_project(build.project_id).where(KbVersion.knowledge_base_id == build.base_id)


def _tell(session: Session, version: KbVersion, type: str, **said: Any) -> None:
    data = {
        "knowledge_base_id": ids.show("kb", version.knowledge_base_id),
        "version": version.number,
        "job_id": None if version.job_id is None else ids.show(Job.prefix, version.job_id),
        **said,
    }
    events.publish(session, project_id=version.project_id, subject_id=version.knowledge_base_id, type=type, data=data)
