"""The stage `chunking`: entries by the page, each page read, cut and written in one transaction of its own."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.clock import now
from models import EntryState, EntryType
from workers.knowledge import chunking, embedding
from workers.knowledge.building.state import Build, fence
from workers.knowledge.chunking import Piece
from workers.knowledge.search.indexing import SEARCH_VECTOR, searchable

Json = dict[str, Any]

ENTRIES_AT_ONCE = 200
BYTES_AT_ONCE = 1_000_000
ROWS_AT_ONCE = 500
NO_TEXT = {"code": "entry_has_no_text", "message": "The entry has no text to search.", "retryable": False}
CANNOT_CUT = {"code": "chunking_failed", "message": "The entry's text could not be cut.", "retryable": False}

log = structlog.get_logger(__name__)

# By their stored sizes: to know its length, a text would have to be read.
WAITING = text("""
SELECT m.entry_id, m.revision_id, pg_column_size(r.text) AS bytes
FROM kb_version_entries m JOIN kb_revisions r ON r.id = m.revision_id
WHERE m.knowledge_base_id = :kb AND m.version = :version AND m.state = 'pending' ORDER BY m.entry_id LIMIT :at_most
""")
TEXTS = text("""
SELECT e.id AS entry_id, e.type, e.source, r.id AS revision_id, r.title, r.text, r.tags, r.metadata AS labels
FROM kb_revisions r JOIN kb_entries e ON e.id = r.entry_id WHERE r.id = ANY(:revisions) ORDER BY e.id
""")
INSERT = text(f"""
INSERT INTO kb_chunks (id, created_at, project_id, knowledge_base_id, entry_id, revision_id, config, first_version,
  ordinal, type, source, text, context, heading, page, starts, ends, tokens, parent_id, language, text_hash, tags,
  metadata, search)
SELECT id, :moment, :project_id, :kb, entry_id, revision_id, :config, :version,
  ordinal, type, source, text, context, heading, page, starts, ends, tokens, parent_id, language,
  decode(text_hash, 'hex'), tags, metadata, CASE WHEN searched THEN {SEARCH_VECTOR} END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id uuid, entry_id uuid, revision_id uuid, ordinal int, type text,
  source text, text text, context text, heading text[], page int, starts int, ends int, tokens int, parent_id uuid,
  language text, text_hash text, tags text[], metadata jsonb, searched bool, title_words text, text_words text,
  literals text)
ON CONFLICT DO NOTHING
""")
TOLD = text("""
UPDATE kb_version_entries m SET state = r.state, chunks = r.chunks, error = r.error
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(entry_id uuid, state text, chunks int, error jsonb)
WHERE m.knowledge_base_id = :kb AND m.version = :version AND m.entry_id = r.entry_id AND m.state = 'pending'
""")
LEFT = text("""
SELECT count(*) FROM kb_version_entries WHERE knowledge_base_id = :kb AND version = :version AND state = 'pending'
""")


@dataclass(slots=True)
class Cut:
    """A page of entries, cut: the rows of their chunks, and what became of each entry."""

    rows: list[Json]
    told: list[Json]


def entries_left(build: Build) -> int:
    """How many entries of the version are not cut yet."""
    with db.transaction() as session:
        left: int = session.execute(LEFT, {"kb": build.base_id, "version": build.number}).scalar_one()
        return left


def cut_page(build: Build) -> int:
    """Cuts the next entries and writes their chunks; returns how many entries that were, 0 at the end."""
    revisions = _next(build)
    if not revisions:
        return 0
    with db.transaction() as session:
        entries = session.execute(TEXTS, {"revisions": revisions}).all()
    cut = Cut([], [])
    for entry in entries:
        _cut(build, entry, cut)
    with db.transaction() as session:
        fence(session, build)
        _write(session, build, cut)
    return len(revisions)


def _next(build: Build) -> list[UUID]:
    """Entries whose texts are about a megabyte together; at least one, if any is left."""
    with db.transaction() as session:
        asked = {"kb": build.base_id, "version": build.number, "at_most": ENTRIES_AT_ONCE}
        found, size = list[UUID](), 0
        for row in session.execute(WAITING, asked):
            size += row.bytes
            if found and size > BYTES_AT_ONCE:
                break
            found.append(row.revision_id)
        return found


def _cut(build: Build, entry: Any, cut: Cut) -> None:
    try:
        pieces = chunking.chunks_of(entry.text, EntryType(entry.type), build.chunking, entry.title)
    except Exception as error:  # one text must not stop all others
        log.exception("build.chunking_failed", entry_id=str(entry.entry_id), error=type(error).__name__)
        cut.told.append({"entry_id": entry.entry_id, "state": EntryState.FAILED, "chunks": 0, "error": CANNOT_CUT})
        return
    if not pieces:
        cut.told.append({"entry_id": entry.entry_id, "state": EntryState.FAILED, "chunks": 0, "error": NO_TEXT})
        return
    chunk_ids = [ids.new_id() for _ in pieces]
    for piece in pieces:
        parent = None if piece.parent is None else chunk_ids[piece.parent]
        cut.rows.append(_row(entry, piece, chunk_ids[piece.ordinal], parent))
    state = EntryState.INDEXED if build.model is None else EntryState.CHUNKED
    count = sum(piece.searched for piece in pieces)
    cut.told.append({"entry_id": entry.entry_id, "state": state, "chunks": count, "error": None})


def _row(entry: Any, piece: Piece, chunk_id: UUID, parent_id: UUID | None) -> Json:
    words = searchable(entry.title, piece.context, piece.text)
    return {
        "id": chunk_id,
        "entry_id": entry.entry_id,
        "revision_id": entry.revision_id,
        "ordinal": piece.ordinal,
        "type": entry.type,
        "source": entry.source,
        "text": piece.text,
        "context": piece.context,
        "heading": piece.heading,
        "page": piece.page,
        "starts": piece.starts,
        "ends": piece.ends,
        "tokens": piece.tokens,
        "parent_id": parent_id,
        "text_hash": embedding.text_hash(piece.embedded),
        "tags": entry.tags,
        "metadata": entry.labels,
        "searched": piece.searched,
        **words,
    }


def _write(session: Session, build: Build, cut: Cut) -> None:
    asked = {
        "project_id": build.project_id,
        "kb": build.base_id,
        "version": build.number,
        "config": build.config,
        "moment": now(),
    }
    for at in range(0, len(cut.rows), ROWS_AT_ONCE):
        session.execute(INSERT, {**asked, "rows": json.dump_for_postgres(cut.rows[at : at + ROWS_AT_ONCE])})
    told = {"kb": build.base_id, "version": build.number, "rows": json.dumps(cut.told)}
    session.execute(TOLD, told)
