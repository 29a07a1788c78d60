"""Writing into the draft of a knowledge base: entries come, change and go; nobody sees it before a version is active.

Whoever writes has the knowledge base locked (`bases.get_base(…, lock=True)`), so that drafts change one after another.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from models import EntryType, KbEntry, KbRevision, KnowledgeBase
from workers import events
from workers.knowledge.content_hash import content_hash

Json = dict[str, Any]

ROWS_AT_ONCE = 500

# Every entry says again what it says in that version; what is not in it leaves the draft.
DISCARD = text("""
UPDATE kb_entries e SET draft_revision_id = m.revision_id, updated_at = :moment
FROM kb_entries o LEFT JOIN kb_version_entries m
  ON m.knowledge_base_id = o.knowledge_base_id AND m.version = :version AND m.entry_id = o.id
WHERE o.knowledge_base_id = :kb AND e.id = o.id AND o.draft_revision_id IS DISTINCT FROM m.revision_id
""")
# A review that waits for its judge is void once the draft is another one.
VOID = text("""
UPDATE kb_reviews SET state = 'void'
WHERE knowledge_base_id = :kb AND draft_serial = :serial AND state = 'submitted'
""")
# Entries that say again what they once said: the revision is there already.
SAID_BEFORE = text("""
SELECT DISTINCT ON (r.entry_id) r.entry_id, r.id
FROM (SELECT unnest(CAST(:entries AS uuid[])) AS entry_id, unnest(CAST(:hashes AS text[])) AS content_hash) n
JOIN kb_revisions r ON r.entry_id = n.entry_id AND r.content_hash = n.content_hash
ORDER BY r.entry_id, r.id DESC
""")
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
        return content_hash(self.title, self.text, self.content, self.tags, self.labels)


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

    Keys must be unique. An entry that comes back after its removal keeps its id, and content that comes back its
    revision, so that nothing is built again for it. Nothing is written for equal content.
    """
    keys = None if replace else [entry.key for entry in entries]
    asked = {"kb": base.id, "type": type, "source": source, "keys": keys}
    known = {row.key: row for row in session.execute(PRESENT, asked)}
    digests = {entry.key: entry.content_hash for entry in entries}
    said_before = _said_before(session, known, digests)
    changes, new_entries, revisions, pointed = Changes(), [], [], {}
    for entry in entries:
        row, digest = known.pop(entry.key, None), digests[entry.key]
        if row is not None and row.content_hash == digest:
            changes.unchanged += 1
            continue
        entry_id = row.id if row is not None else ids.new_id()
        revision_id = said_before.get(entry_id)
        if revision_id is None:
            revisions.append(_revision(base, entry_id, entry, digest, changed_by))
            revision_id = revisions[-1]["id"]
        before = row.draft_revision_id if row is not None else None
        (changes.changed if before else changes.added).append(Changed(entry.key, entry_id, before, revision_id))
        if row is None:
            new_entries.append(_entry(base, entry_id, entry, source, revision_id))
        else:
            pointed[entry_id] = revision_id
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
    return changes


def remove_entries(session: Session, base: KnowledgeBase, entry_ids: Iterable[UUID]) -> None:
    """Takes entries out of the draft; versions keep them."""
    _repoint(session, dict.fromkeys(entry_ids))
    touched(session, base)


def discard(session: Session, base: KnowledgeBase, *, by: UUID) -> int:
    """The draft says what the active version says, or nothing where there is none; returns how many entries changed."""
    done: Any = session.execute(DISCARD, {"kb": base.id, "version": base.active_version, "moment": now()})
    if done.rowcount:
        touched(session, base)
        data = {
            "knowledge_base_id": base.public_id,
            "version": base.active_version,
            "draft_serial": base.draft_serial,
            "by": ids.show("key", by),
        }
        events.publish(session, project_id=base.project_id, subject_id=base.id, type="kb.discarded", data=data)
    return int(done.rowcount)


def touched(session: Session, base: KnowledgeBase) -> None:
    """Says that the draft is another one now; a review of the former no longer counts."""
    if base.review is not None:
        session.execute(VOID, {"kb": base.id, "serial": base.draft_serial})
    base.draft_serial += 1
    base.review = None
    base.updated_at = now()
    session.flush()


def _said_before(session: Session, known: Mapping[str, Any], digests: Mapping[str, str]) -> dict[UUID, UUID]:
    """By entry the revision that has the wanted content, of those that are there and have another one now."""
    asked = {
        row.id: digests[key] for key, row in known.items() if digests.get(key, row.content_hash) != row.content_hash
    }
    if not asked:
        return {}
    rows = session.execute(SAID_BEFORE, {"entries": [str(one) for one in asked], "hashes": [*asked.values()]})
    return {row.entry_id: row.id for row in rows}


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
