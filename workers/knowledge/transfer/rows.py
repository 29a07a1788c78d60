"""Reading a version page by page, each in a short transaction of its own: what is ready does not change.

Pages walk along an index, so the last one costs as much as the first.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from infra import db, ids
from infra.errors import KnowledgeBaseNotBuilt, VersionNotReady
from models import ENTRY_PREFIX, EntryType, KbVersion, VersionState
from workers.knowledge import bases, versions
from workers.specs import records
from workers.specs.schemas import hashed_json

Json = dict[str, Any]

ENTRIES_A_PAGE = 25
CHUNKS_A_PAGE = 1000
BODIES_A_PAGE = 500
_NO_ID = UUID(int=0)

COUNTS = text("""
SELECT (SELECT count(*) FROM kb_version_entries WHERE knowledge_base_id = :kb AND version = :version) AS entries,
  (SELECT count(*) FROM kb_chunks WHERE knowledge_base_id = :kb AND first_version <= :version
     AND (last_version IS NULL OR last_version >= :version)) AS chunks
""")
ENTRIES = text("""
SELECT v.entry_id, e.type, e.source, e.key, r.title, r.text, r.content, r.tags, r.metadata, r.origin, r.content_hash
FROM kb_version_entries v JOIN kb_entries e ON e.id = v.entry_id JOIN kb_revisions r ON r.id = v.revision_id
WHERE v.knowledge_base_id = :kb AND v.version = :version AND v.entry_id > :entry_id
ORDER BY v.entry_id LIMIT :at_most
""")
# Along the unique index of kb_chunks; the vector as the 16-bit floats that it is.
CHUNKS = text("""
SELECT c.revision_id, c.config, c.first_version, c.ordinal, c.id, c.entry_id, e.type, e.source, e.key, c.text,
  c.context, c.heading, c.page, c.starts, c.ends, c.tokens, c.language, c.text_hash, p.ordinal AS parent,
  halfvec_send(x.embedding) AS embedding
FROM kb_chunks c JOIN kb_entries e ON e.id = c.entry_id
  LEFT JOIN kb_chunks p ON p.id = c.parent_id LEFT JOIN kb_vectors x ON x.chunk_id = c.id
WHERE c.knowledge_base_id = :kb AND c.first_version <= :version
  AND (c.last_version IS NULL OR c.last_version >= :version)
  AND (c.revision_id, c.config, c.first_version, c.ordinal)
    > (CAST(:revision_id AS uuid), :config, :first_version, :ordinal)
ORDER BY c.revision_id, c.config, c.first_version, c.ordinal LIMIT :at_most
""")
CHUNK_PLACE = ("revision_id", "config", "first_version", "ordinal")


@dataclass(frozen=True, slots=True)
class Plan:
    """A version that is about to be written out."""

    project_id: UUID
    kb_id: UUID
    version: int
    name: str
    description: str | None
    settings: Json
    entries: int
    chunks: int


def base_id(session: Session, project_id: UUID, wanted: UUID | None) -> UUID:
    """The wanted knowledge base, or the project's own; raises NotFound."""
    if wanted is None:
        return bases.default_base(session, project_id).id
    return bases.get_base(session, project_id, wanted).id


def plan(session: Session, project_id: UUID, kb_id: UUID | None, number: int | None) -> Plan:
    """The version of that number, or the active one; raises NotFound, KnowledgeBaseNotBuilt or VersionNotReady."""
    base = bases.get_base(session, project_id, base_id(session, project_id, kb_id))
    if number is None and base.active_version is None:
        raise KnowledgeBaseNotBuilt
    version = versions.get_version(session, base, number or base.active_version or 0)
    _require_ready(version)
    counts = session.execute(COUNTS, {"kb": base.id, "version": version.number}).one()
    settings = {**bases.settings_of(base), **version.settings}
    return Plan(
        project_id, base.id, version.number, base.name, base.description, settings, counts.entries, counts.chunks
    )


def require_kept(plan: Plan) -> None:
    """Raises VersionNotReady, or NotFound, if the version was dropped while it was read."""
    with db.transaction() as session:
        base = bases.get_base(session, plan.project_id, plan.kb_id)
        _require_ready(versions.get_version(session, base, plan.version))


def entry_pages(plan: Plan) -> Iterator[list[Json]]:
    """The entries as schemas/kb_transfer.py has them, and their id and hash."""
    for page in _pages(ENTRIES, plan, {"entry_id": _NO_ID}, ENTRIES_A_PAGE):
        yield [
            {
                "id": ids.show(ENTRY_PREFIX[EntryType(row.type)], row.entry_id),
                **{name: getattr(row, name) for name in ("type", "source", "key", "title", "text", "content", "tags")},
                **{name: getattr(row, name) for name in ("metadata", "origin", "content_hash")},
            }
            for row in page
        ]


def chunk_pages(plan: Plan) -> Iterator[list[Json]]:
    """The chunks; `embedding` is the vector as PostgreSQL sends it, `parent` the ordinal of the larger one around."""
    before = {"revision_id": _NO_ID, "config": "", "first_version": 0, "ordinal": -1}
    plain = ("ordinal", "text", "context", "heading", "page", "starts", "ends", "tokens", "language", "parent")
    for page in _pages(CHUNKS, plan, before, CHUNKS_A_PAGE):
        yield [
            {
                "id": ids.show("chunk", row.id),
                "entry_type": row.type,
                "entry_source": row.source,
                "entry_key": row.key,
                **{name: getattr(row, name) for name in plain},
                "text_hash": bytes(row.text_hash).hex(),
                "embedding": None if row.embedding is None else bytes(row.embedding),
            }
            for row in page
        ]


def schema_pages(project_id: UUID, closures: Collection[str]) -> Iterator[list[Json]]:
    """The closures of these hashes and the schemas that they name (workers/specs/records.py)."""
    wanted = dict.fromkeys(closures)
    for page in _bodies(project_id, [*wanted]):
        yield page
        for closure in page:
            named = closure["body"].values() if isinstance(closure["body"], dict) else ()
            wanted |= dict.fromkeys(one for one in named if isinstance(one, str))
    known = {*closures}
    yield from _bodies(project_id, [one for one in wanted if one not in known])


def _bodies(project_id: UUID, hashes: list[str]) -> Iterator[list[Json]]:
    for at in range(0, len(hashes), BODIES_A_PAGE):
        with db.transaction() as session:
            found = records.bodies(session, project_id, hashes[at : at + BODIES_A_PAGE])
        # A number such as -0.0 does not come back from the database as it was hashed; whoever reads would refuse it.
        yield [{"sha256": one, "body": body} for one, body in found.items() if hashed_json(body) == one]


def _require_ready(version: KbVersion) -> None:
    if version.state != VersionState.READY:
        raise VersionNotReady(f"Version {version.number} is not ready: it is {version.state}.")


def _pages(query: TextClause, plan: Plan, place: Json, at_most: int) -> Iterator[list[Any]]:
    """The rows behind `place`, which names the columns that they are ordered by."""
    wanted = {"kb": plan.kb_id, "version": plan.version, "at_most": at_most}
    while True:
        with db.transaction() as session:
            rows = list(session.execute(query, {**wanted, **place}))
        if not rows:
            return
        yield rows
        place = {name: getattr(rows[-1], name) for name in place}
