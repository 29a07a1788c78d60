"""From a file to the draft: fetched, read in the jail, written in one transaction with its event."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids
from infra.http import GuardedClient
from models import EntryType, Job, KbEntry, KnowledgeBase
from schemas.document_ingest import MOST_LISTED
from workers import events
from workers.jobs.queries import maker_of
from workers.kinds.base import Context
from workers.knowledge import bases
from workers.knowledge.documents import parsing
from workers.knowledge.documents.fetching import opened
from workers.knowledge.documents.parsing import Reading
from workers.knowledge.drafts import Changes, EntryContent, put_entries, remove_entries
from workers.specs.storing import base_id

Json = dict[str, Any]

KIND = "document.ingest"


async def ingest(ctx: Context, payload: Json, client: GuardedClient | None = None) -> Json:
    """Reads the documents that the payload names into the draft; returns the job's result.

    Reading the same again writes nothing. Raises NotFound, what the guarded client raises, and what is wrong with the
    document (DocumentUnreadable and its kinds, ParsingTimeout, ParsingTooLarge, ParserCrashed).
    """
    kb_id = await asyncio.to_thread(_find, ctx.project_id, payload)
    own = client or GuardedClient()
    try:
        async with opened(ctx.project_id, payload, own) as fetched:
            readings, is_archive = await parsing.read(ctx, fetched, payload.get("key"))
    finally:
        if client is None:
            await own.close()
    ctx.checkpoint()
    await ctx.progress(0, len(readings), "storing")
    result = await asyncio.to_thread(_Writing(ctx, kb_id, payload, is_archive).store, readings)
    await ctx.progress(len(readings), len(readings), "storing")
    return result


def _find(project_id: UUID, payload: Json) -> UUID:
    with db.transaction() as session:
        return base_id(session, project_id, payload)


class _Writing:
    """What one job writes."""

    def __init__(self, ctx: Context, kb_id: UUID, payload: Json, is_archive: bool) -> None:
        self._project_id, self._job_id, self._kb_id = ctx.project_id, ctx.job_id, kb_id
        self._payload, self._is_archive = payload, is_archive
        self._source: str = payload.get("source") or "default"

    def store(self, readings: list[Reading]) -> Json:
        """Writes what was read and says what it changed, in one transaction. What failed leaves its entry as it is."""
        contents = [self._content(one.key, one.document) for one in readings if one.document is not None]
        with db.transaction() as session:
            base = bases.get_base(session, self._project_id, self._kb_id, lock=True)
            maker = maker_of(session, self._project_id, self._job_id, Job)
            options: Json = {"type": EntryType.DOCUMENT, "source": self._source, "changed_by": maker}
            changes = put_entries(session, base, contents, **options)
            removed = self._remove_others(session, base, readings) if self._payload.get("mode") == "replace" else []
            result = self._result(readings, changes, removed)
            data = {"knowledge_base_id": result["knowledge_base_id"], "job_id": ids.show("job", self._job_id)}
            data |= {"kind": KIND, "source": self._source, **result["documents"]}
            events.publish(session, project_id=self._project_id, subject_id=base.id, type="kb.ingested", data=data)
        return result

    def _content(self, key: str, document: Json) -> EntryContent:
        payload = self._payload
        origin = {name: payload[name] for name in ("file_id", "url", "filename") if payload.get(name) is not None}
        title = document["title"] if self._is_archive else payload.get("title") or document["title"]
        said = ("format", "pages", "language", "metadata", "outline", "warnings")
        return EntryContent(
            type=EntryType.DOCUMENT,
            key=key,
            title=title or key,
            text=document["text"],
            content={name: document[name] for name in said},
            tags=payload.get("tags") or [],
            labels=payload.get("metadata") or {},
            origin={"job_id": ids.show("job", self._job_id), **origin},
        )

    def _remove_others(self, session: Session, base: KnowledgeBase, readings: list[Reading]) -> list[str]:
        """Takes the source's other documents out of the draft; returns their keys."""
        query = KbEntry.in_project(self._project_id).where(
            KbEntry.knowledge_base_id == base.id,
            KbEntry.type == EntryType.DOCUMENT,
            KbEntry.source == self._source,
            KbEntry.draft_revision_id.is_not(None),
        )
        read = {one.key for one in readings}
        others = [one for one in session.scalars(query) if one.key not in read]
        if others:
            remove_entries(session, base, [one.id for one in others])
        return sorted(one.key for one in others)

    def _result(self, readings: list[Reading], changes: Changes, removed: list[str]) -> Json:
        statuses = {one.key: "added" for one in changes.added} | {one.key: "changed" for one in changes.changed}
        shown = [_shown(one, statuses.get(one.key, "unchanged")) for one in readings]
        # Those that failed first, then what is new.
        shown.sort(key=lambda one: (one["status"] != "failed", one["status"] == "unchanged"))
        shown += [_shown(Reading(key), "removed") for key in removed]
        only = None if self._is_archive else shown[0]
        return {
            "knowledge_base_id": ids.show(KnowledgeBase.prefix, self._kb_id),
            "source": self._source,
            "title": (self._payload.get("title") or only["title"]) if only else None,
            "pages": sum(one["pages"] or 0 for one in shown),
            "characters": sum(one["characters"] for one in shown),
            "documents": {
                "added": len(changes.added),
                "changed": len(changes.changed),
                "removed": len(removed),
                "unchanged": changes.unchanged,
            },
            "failed": sum(one["status"] == "failed" for one in shown),
            "entries": shown[:MOST_LISTED],
            "warnings": only["warnings"] if only else [],
        }


def _shown(reading: Reading, status: str) -> Json:
    document = reading.document or {}
    return {
        "key": reading.key,
        "status": "failed" if reading.error else status,
        "title": document.get("title"),
        "format": document.get("format"),
        "pages": document.get("pages"),
        "characters": len(document.get("text", "")),
        "warnings": document.get("warnings", []),
        "error": reading.error,
    }
