"""What differs between two sides of a knowledge base, entry by entry: the draft, a version, or nothing at all."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.orm import Session

from models import KbEntry, KbRevision, KnowledgeBase
from workers.knowledge import entries
from workers.paging import PageOf, Window
from workers.specs.field_diff import fields_changed
from workers.specs.records import Expander

Json = dict[str, Any]

MOST_FIELDS = 50
LED_BY = 50
TEXT_READ = 100_000
LONGEST_VALUE = 500

_DRAFT = """
SELECT id AS entry_id, draft_revision_id AS revision_id FROM kb_entries
WHERE knowledge_base_id = :kb AND draft_revision_id IS NOT NULL
"""
_VERSION = """
SELECT entry_id, revision_id FROM kb_version_entries WHERE knowledge_base_id = :kb AND version = :{}
"""
# The ids are UUIDv7, so their order is that of the entries' making.
_DIFF = """
WITH a AS ({before}), b AS ({after}), d AS (
  SELECT coalesce(a.entry_id, b.entry_id) AS id, a.revision_id AS before, b.revision_id AS after
  FROM a FULL JOIN b USING (entry_id) WHERE a.revision_id IS DISTINCT FROM b.revision_id
)
SELECT d.id, d.before, d.after FROM d JOIN kb_entries e ON e.id = d.id
WHERE (CAST(:type AS text) IS NULL OR e.type = :type)
  AND (CAST(:change AS text) IS NULL OR :change =
    CASE WHEN d.before IS NULL THEN 'added' WHEN d.after IS NULL THEN 'removed' ELSE 'changed' END)
  AND (CAST(:edge AS uuid) IS NULL OR d.id {beyond} CAST(:edge AS uuid))
ORDER BY d.id {order} LIMIT :at_most
"""


@dataclass(frozen=True, slots=True)
class Side:
    """The draft, or a version; version None is the empty side that a knowledge base without active version has."""

    version: int | None = None
    draft: bool = False

    def rows(self, name: str) -> str:
        """SQL for its manifest; `name` is that of the parameter for the version's number."""
        return _DRAFT if self.draft else _VERSION.format(name)


def diff(
    session: Session,
    base: KnowledgeBase,
    before: Side,
    after: Side,
    window: Window,
    *,
    type: str | None = None,
    change: str | None = None,
) -> PageOf[KbEntry]:
    """The entries that are not the same on both sides, with what differs in those that both have."""
    newest_first = window.order == "desc"
    statement = _DIFF.format(
        before=before.rows("before"),
        after=after.rows("after"),
        beyond="<" if newest_first else ">",
        order="DESC" if newest_first else "ASC",
    )
    asked = {"kb": base.id, "type": type, "change": change, "at_most": window.limit + 1}
    asked |= {"before": before.version, "after": after.version, "edge": window.after and str(window.after)}
    rows = session.execute(text(statement), asked).all()
    shown = rows[: window.limit]
    found = entries.entries_by_id(session, base, (row.id for row in shown))
    revisions = entries.revisions_by_id(session, base, (one for row in shown for one in (row.before, row.after)))
    said = _said(session, base, [one for row in shown if row.before and row.after for one in (row.before, row.after)])
    views = [_view(found[row.id], revisions.get(row.before), revisions.get(row.after), said) for row in shown]
    return PageOf([found[row.id] for row in shown], len(rows) > window.limit, views)


def _said(session: Session, base: KnowledgeBase, wanted: list[UUID]) -> dict[UUID, Json]:
    """What these revisions say: operations with their schemas, long texts by their beginning and a hash."""
    columns = (KbRevision.id, KbRevision.title, KbRevision.tags, KbRevision.labels.label("labels"), KbRevision.content)
    query = KbRevision.in_project(base.project_id).where(
        KbRevision.knowledge_base_id == base.id, KbRevision.id.in_(wanted)
    )
    texts = (func.left(KbRevision.text, TEXT_READ).label("head"), func.md5(KbRevision.text).label("md5"))
    expander = Expander(session, base.project_id)
    return {
        row.id: {
            "title": row.title,
            "text": row.head if len(row.head) < TEXT_READ else f"{row.head}… ({row.md5})",
            "tags": row.tags,
            "metadata": row.labels,
            "content": expander.expanded(row.content) if "definitions" in row.content else row.content,
        }
        for row in session.execute(query.with_only_columns(*columns, *texts))
    }


def _view(entry: KbEntry, before: KbRevision | None, after: KbRevision | None, said: dict[UUID, Json]) -> Json:
    """What DifferenceOut reads."""
    named = after or before
    found = _fields(said[before.id], said[after.id]) if before and after else []
    return {
        "id": entry.public_id,
        "type": entry.type,
        "source": entry.source,
        "key": entry.key,
        "title": named.title if named else "",
        "change": "added" if before is None else "removed" if after is None else "changed",
        "before": before and before.id,
        "after": after and after.id,
        "fields_changed": found[:MOST_FIELDS],
        "more_fields": max(0, len(found) - MOST_FIELDS),
    }


def _fields(before: Json, after: Json) -> list[Json]:
    """The places that are not the same, the content's last; null where one side has nothing there."""
    found = [
        {"pointer": f"/{name}", **_parts(before[name], after[name])}
        for name in ("title", "text")
        if before[name] != after[name]
    ]
    for name in ("tags", "metadata", "content"):
        for one in fields_changed(before[name], after[name]):
            if one["pointer"] == "/definitions":
                continue
            sides = {side: one.get(side) for side in ("before", "after")}
            found.append({"pointer": f"/{name}{one['pointer']}", **sides})
    return found


def _parts(before: str, after: str) -> Json:
    """Two texts from a little before where they part."""
    shorter = min(len(before), len(after))
    same = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    start = max(0, same - LED_BY) if max(len(before), len(after)) > LONGEST_VALUE else 0
    return {name: _part(text, start) for name, text in (("before", before), ("after", after))}


def _part(text: str, start: int) -> str:
    end = start + LONGEST_VALUE
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
