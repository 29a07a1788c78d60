"""Writing into the draft of a knowledge base: entries come, change and go; nobody sees it before a version is active.

Whoever writes has the knowledge base locked (`bases.get_base(…, lock=True)`), so that drafts change one after another.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from infra import ids, json
from infra.clock import now
from models import EntryType, KbEntry, KbRevision, KnowledgeBase

Json = dict[str, Any]

ROWS_AT_ONCE = 500

# What the draft has of these entries: identity, revision and its hash.
PRESENT = text("""
SELECT e.id, e.key, e.draft_revision_id, r.content_hash, r.title
FROM kb_entries e LEFT JOIN kb_revisions r ON r.id = e.draft_revision_id
WHERE e.knowledge_base_id = :kb AND e.type = :type AND e.source = :source
  AND (CAST(:keys AS text[]) IS NULL OR e.key = ANY(CAST(:keys AS text[])))
""")
REPOINT = text("""
UPDATE kb_entries e SET draft_revision_id = n.revision_id, updated_at = :moment
FROM (SELECT unnest(CAST(:entries AS uuid[])) AS entry_id, unnest(CAST(:revisions AS uuid[])) AS revision_id) n
WHERE e.id = n.entry_id
""")


@dataclass(frozen=True, slots=True)
class EntryContent:
    """What an entry is to say. `key` is unique within `type` and `source`; `text` is chunked and searched, `content`
    is the record behind it; `labels` are its metadata: text, number or flag by name."""

    type: EntryType
    key: str
    title: str
    text: str
    content: Json
    tags: list[str] = field(default_factory=list)
    labels: Json = field(default_factory=dict)
    origin: Json = field(default_factory=dict)

    @property
    def content_hash(self) -> str:
        """SHA-256 in hex of everything but the origin."""
        said = [self.title, self.text, self.content, self.tags, self.labels]
        return hashlib.sha256(json.dump_canonical(said)).hexdigest()


@dataclass(frozen=True, slots=True)
class Changed:
    """An entry that has another content now; the revisions tell which and which before."""

    key: str
    entry_id: UUID
    before: UUID | None
    after: UUID | None


@dataclass(slots=True)
class Changes:
    """What writing into the draft did. `unchanged` counts entries, for which nothing was written."""

    added: list[Changed] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    removed: list[Changed] = field(default_factory=list)
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def put_entries(
    session: Session,
    base: KnowledgeBase,
    entries: Sequence[EntryContent],
    *,
    type: EntryType,
    source: str,
    replace: bool = False,
    changed_by: UUID | None = None,
) -> Changes:
    """Adds and changes entries of one type and source in the draft; with `replace` those not given are removed.

    Keys must be unique. An entry that comes back after its removal keeps its id. Nothing is written for equal content.
    """
    keys = None if replace else [entry.key for entry in entries]
    asked = {"kb": base.id, "type": type, "source": source, "keys": keys}
    known = {row.key: row for row in session.execute(PRESENT, asked)}
    changes, new_entries, revisions, pointed = Changes(), [], [], {}
    moment = now()
    for entry in entries:
        row, digest = known.pop(entry.key, None), entry.content_hash
        if row is not None and row.content_hash == digest:
            changes.unchanged += 1
            continue
        entry_id = row.id if row is not None else ids.new_id()
        revision = _revision(base, entry_id, entry, digest, changed_by)
        revisions.append(revision)
        before = row.draft_revision_id if row is not None else None
        (changes.changed if before else changes.added).append(Changed(entry.key, entry_id, before, revision["id"]))
        if row is None:
            new_entries.append(_entry(base, entry_id, entry, source, revision["id"]))
        else:
            pointed[entry_id] = revision["id"]
    if replace:
        gone = [row for row in known.values() if row.draft_revision_id is not None]
        changes.removed = [Changed(row.key, row.id, row.draft_revision_id, None) for row in gone]
        pointed |= {row.id: None for row in gone}
    for model, rows in ((KbEntry, new_entries), (KbRevision, revisions)):
        for at in range(0, len(rows), ROWS_AT_ONCE):
            session.execute(insert(model), rows[at : at + ROWS_AT_ONCE])
    _repoint(session, pointed)
    if changes:
        touched(session, base)
        base.updated_at = moment
    return changes


def remove_entries(session: Session, base: KnowledgeBase, entry_ids: Iterable[UUID]) -> None:
    """Takes entries out of the draft; versions keep them."""
    _repoint(session, dict.fromkeys(entry_ids))
    touched(session, base)


def touched(session: Session, base: KnowledgeBase) -> None:
    """Says that the draft is another one now; a review of the former no longer counts."""
    base.draft_serial += 1
    base.review = None
    session.flush()


def _repoint(session: Session, pointed: dict[UUID, UUID | None]) -> None:
    if pointed:
        entries, revisions = [str(one) for one in pointed], [one and str(one) for one in pointed.values()]
        session.execute(REPOINT, {"entries": entries, "revisions": revisions, "moment": now()})


def _entry(base: KnowledgeBase, entry_id: UUID, entry: EntryContent, source: str, revision_id: UUID) -> Json:
    moment = now()
    return {
        "id": entry_id,
        "created_at": moment,
        "updated_at": moment,
        "project_id": base.project_id,
        "knowledge_base_id": base.id,
        "type": entry.type,
        "source": source,
        "key": entry.key,
        "draft_revision_id": revision_id,
    }


def _revision(
    base: KnowledgeBase, entry_id: UUID, entry: EntryContent, content_hash: str, created_by: UUID | None
) -> Json:
    return {
        "id": ids.new_id(),
        "created_at": now(),
        "project_id": base.project_id,
        "knowledge_base_id": base.id,
        "entry_id": entry_id,
        "created_by": created_by,
        "content_hash": content_hash,
        "title": entry.title,
        "text": entry.text,
        "content": entry.content,
        "tags": entry.tags,
        "labels": entry.labels,
        "origin": entry.origin,
    }
