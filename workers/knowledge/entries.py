"""Entries one at a time: found, made, changed, removed in the draft, and read as the active version has them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists
from sqlalchemy.orm import Session, undefer

from infra.errors import Conflict, KnowledgeBaseNotBuilt, NotFound
from models import EntryType, KbEntry, KbRevision, KbVersionEntry, KnowledgeBase
from workers.knowledge import drafts
from workers.knowledge.drafts import EntryContent
from workers.paging import PageOf, Window, page
from workers.specs import records

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries of a list are wanted."""

    source: str | None = None
    tag: str | None = None
    q: str | None = None
    change: str | None = None


def list_draft(
    session: Session, base: KnowledgeBase, type: EntryType, window: Window, filters: Filters
) -> PageOf[KbEntry]:
    """Entries of the draft; with the change `removed` those that only the active version has."""
    active = _in_version(base, base.active_version)
    query = _of_type(base, type, filters)
    if filters.change == "removed":
        query = query.where(KbEntry.draft_revision_id.is_(None), active.exists())
        return _shown(session, base, page(session, _saying(query, filters, active), KbEntry, window))
    query = query.where(KbEntry.draft_revision_id.is_not(None))
    same = active.where(KbVersionEntry.revision_id == KbEntry.draft_revision_id)
    if filters.change == "added":
        query = query.where(~active.exists())
    elif filters.change == "changed":
        query = query.where(active.exists(), ~same.exists())
    elif filters.change == "unchanged":
        query = query.where(same.exists())
    return _shown(session, base, page(session, _saying(query, filters, None), KbEntry, window))


def list_active(
    session: Session, base: KnowledgeBase, type: EntryType, window: Window, filters: Filters
) -> PageOf[KbEntry]:
    """Entries of the active version; raises KnowledgeBaseNotBuilt where there is none."""
    if base.active_version is None:
        raise KnowledgeBaseNotBuilt
    active = _in_version(base, base.active_version)
    query = _saying(_of_type(base, type, filters).where(active.exists()), filters, active)
    return _shown(session, base, page(session, query, KbEntry, window), active=True)


def get_draft(session: Session, base: KnowledgeBase, type: EntryType, entry_id: UUID) -> Json:
    """One entry of the draft with all it says; raises NotFound."""
    entry = _find(session, base, type, entry_id)
    return _whole(session, base, entry, entry.draft_revision_id)


def get_active(session: Session, base: KnowledgeBase, type: EntryType, entry_id: UUID) -> Json:
    """One entry as the active version has it; raises NotFound, and KnowledgeBaseNotBuilt where there is none."""
    if base.active_version is None:
        raise KnowledgeBaseNotBuilt
    entry = _find(session, base, type, entry_id, in_draft=False)
    return _whole(session, base, entry, _active_revisions(session, base, [entry.id]).get(entry.id))


def create(session: Session, base: KnowledgeBase, content: EntryContent, *, source: str, by: UUID) -> Json:
    """A new entry in the draft of the locked base; raises Conflict where its key is taken."""
    query = _of_type(base, content.type, Filters(source=source)).where(
        KbEntry.key == content.key, KbEntry.draft_revision_id.is_not(None)
    )
    taken = session.scalars(query).first()
    if taken is not None:
        detail = f"The source {source!r} has such an entry: {taken.public_id}; change that one, or give another key."
        raise Conflict(detail, errors=[{"pointer": "/key", "detail": "Is taken."}])
    done = drafts.put_entries(session, base, [content], type=content.type, source=source, changed_by=by)
    return get_draft(session, base, content.type, done.added[0].entry_id)


def present(
    session: Session, base: KnowledgeBase, type: EntryType, entry_id: UUID, expected: UUID | None
) -> tuple[KbEntry, EntryContent]:
    """An entry of the draft and what it says; raises NotFound, and Conflict where its revision is not the expected."""
    entry = _find(session, base, type, entry_id)
    if expected not in (None, entry.draft_revision_id):
        raise Conflict("The entry was changed since that revision; read it again.")
    revision = _revision(session, base, entry.draft_revision_id)
    content = EntryContent(
        type=type,
        key=entry.key,
        title=revision.title,
        text=revision.text,
        content=revision.content,
        tags=revision.tags,
        labels=revision.labels,
        origin=revision.origin,
    )
    return entry, content


def change(session: Session, base: KnowledgeBase, entry: KbEntry, content: EntryContent, *, by: UUID) -> Json:
    """The entry with that content as its newest revision; nothing is written where it says that already."""
    said = replace(content, key=entry.key)
    drafts.put_entries(session, base, [said], type=said.type, source=entry.source, changed_by=by)
    session.refresh(entry)
    return get_draft(session, base, said.type, entry.id)


def remove(session: Session, base: KnowledgeBase, type: EntryType, entry_id: UUID, expected: UUID | None) -> Json:
    """Takes an entry out of the draft; returns it as it was. Raises NotFound and Conflict."""
    entry, _ = present(session, base, type, entry_id, expected)
    was = _whole(session, base, entry, entry.draft_revision_id)
    drafts.remove_entries(session, base, [entry.id])
    return was


def list_revisions(
    session: Session, base: KnowledgeBase, type: EntryType, entry_id: UUID, window: Window
) -> PageOf[KbRevision]:
    """What an entry said at its times, as long as that is kept; raises NotFound."""
    entry = _find(session, base, type, entry_id, in_draft=False)
    found = page(session, _revisions(base).where(KbRevision.entry_id == entry.id), KbRevision, window)
    return found.map(lambda revision: _revision_view(entry, revision))


def entries_by_id(session: Session, base: KnowledgeBase, entry_ids: Iterable[UUID]) -> dict[UUID, KbEntry]:
    """Entries of the base by id."""
    query = KbEntry.in_project(base.project_id).where(KbEntry.knowledge_base_id == base.id)
    return {one.id: one for one in session.scalars(query.where(KbEntry.id.in_([*entry_ids])))}


def revisions_by_id(
    session: Session, base: KnowledgeBase, revision_ids: Iterable[UUID | None]
) -> dict[UUID | None, KbRevision]:
    """Revisions of the base by id, without text and content."""
    wanted = [one for one in revision_ids if one is not None]
    return {one.id: one for one in session.scalars(_revisions(base).where(KbRevision.id.in_(wanted)))}


def _of_type(base: KnowledgeBase, type: EntryType, filters: Filters) -> Select[KbEntry]:
    query = KbEntry.in_project(base.project_id).where(KbEntry.knowledge_base_id == base.id, KbEntry.type == type)
    return query if filters.source is None else query.where(KbEntry.source == filters.source)


def _in_version(base: KnowledgeBase, version: int | None) -> Select[KbVersionEntry]:
    """The row of the entry at hand in that version."""
    return KbVersionEntry.of(base, version).where(KbVersionEntry.entry_id == KbEntry.id)


def _saying(query: Select[KbEntry], filters: Filters, active: Select[KbVersionEntry] | None) -> Select[KbEntry]:
    """Only those whose revision, of the draft or of the active version, has the tag and title that are wanted."""
    if filters.tag is None and filters.q is None:
        return query
    wanted = []
    if filters.tag is not None:
        wanted.append(KbRevision.tags.contains([filters.tag]))
    if filters.q is not None:
        wanted.append(KbRevision.title.icontains(filters.q, autoescape=True))
    if active is None:
        return query.where(exists().where(KbRevision.id == KbEntry.draft_revision_id, *wanted))
    there = active.where(exists().where(KbRevision.id == KbVersionEntry.revision_id, *wanted))
    return query.where(there.exists())


def _find(session: Session, base: KnowledgeBase, type: EntryType, entry_id: UUID, *, in_draft: bool = True) -> KbEntry:
    entry = session.scalars(_of_type(base, type, Filters()).where(KbEntry.id == entry_id)).first()
    if entry is None or (in_draft and entry.draft_revision_id is None):
        raise NotFound(f"There is no such entry{' in the draft' if in_draft else ''}.")
    return entry


def _revisions(base: KnowledgeBase) -> Select[KbRevision]:
    return KbRevision.in_project(base.project_id).where(KbRevision.knowledge_base_id == base.id)


def _revision(session: Session, base: KnowledgeBase, revision_id: UUID | None) -> KbRevision:
    """That revision with text and content."""
    query = _revisions(base).where(KbRevision.id == revision_id)
    return session.scalars(query.options(undefer(KbRevision.text), undefer(KbRevision.content))).one()


def _active_revisions(session: Session, base: KnowledgeBase, entry_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """By entry the revision that the active version has."""
    query = KbVersionEntry.of(base, base.active_version).where(KbVersionEntry.entry_id.in_([*entry_ids]))
    return {row.entry_id: row.revision_id for row in session.scalars(query)}


def _shown(session: Session, base: KnowledgeBase, found: PageOf[KbEntry], *, active: bool = False) -> PageOf[KbEntry]:
    actives = _active_revisions(session, base, (entry.id for entry in found.rows))
    shown = {
        entry.id: actives.get(entry.id) if active or entry.draft_revision_id is None else entry.draft_revision_id
        for entry in found.rows
    }
    revisions = revisions_by_id(session, base, shown.values())
    return found.map(lambda entry: _view(entry, revisions[shown[entry.id]], actives.get(entry.id)))


def _whole(session: Session, base: KnowledgeBase, entry: KbEntry, revision_id: UUID | None) -> Json:
    if revision_id is None:
        raise NotFound("The active version has no such entry.")
    revision = _revision(session, base, revision_id)
    active = _active_revisions(session, base, [entry.id]).get(entry.id)
    content = revision.content
    if entry.type == EntryType.API:
        content = records.expanded(session, base.project_id, content)
    whole = {"text": revision.text, "content": content, "origin": revision.origin}
    return _view(entry, revision, active) | whole


def _view(entry: KbEntry, revision: KbRevision, active: UUID | None) -> Json:
    """What EntryOut reads; `active` is the revision that the active version has of it."""
    return {
        "id": entry.public_id,
        "knowledge_base_id": entry.knowledge_base_id,
        "type": entry.type,
        "source": entry.source,
        "key": entry.key,
        "title": revision.title,
        "tags": revision.tags,
        "metadata": revision.labels,
        "revision_id": revision.id,
        "change": _change(entry.draft_revision_id, active),
        "created_at": entry.created_at,
        "updated_at": revision.created_at,
    }


def _change(draft: UUID | None, active: UUID | None) -> str:
    if active is None:
        return "added"
    if draft is None:
        return "removed"
    return "unchanged" if draft == active else "changed"


def _revision_view(entry: KbEntry, revision: KbRevision) -> Json:
    """What RevisionOut reads."""
    return {
        "id": revision.id,
        "entry_id": entry.public_id,
        "title": revision.title,
        "tags": revision.tags,
        "metadata": revision.labels,
        "origin": revision.origin,
        "content_hash": revision.content_hash,
        "in_draft": revision.id == entry.draft_revision_id,
        "created_by": revision.created_by,
        "created_at": revision.created_at,
    }
