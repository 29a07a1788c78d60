"""How the operations of a knowledge base changed from one side to another: its versions, or its draft.

Only operations whose content is another one are read, and a call looks at no more than it has time for; whoever wants
the rest goes on after the last one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from infra import ids
from models import ENTRY_PREFIX, EntryType, KbRevision, KnowledgeBase
from workers.knowledge.diffs import Side
from workers.specs.compare import Change, Level, breaking, compare, counts
from workers.specs.records import Expander

Json = dict[str, Any]

SECONDS = 3.0  # of one call
READ_AT_ONCE = 25  # operations
MOST_CHANGES = 50  # that are shown of one operation
LEVELS = list(Level)

_CHANGED = """
WITH a AS ({before}), b AS ({after})
SELECT e.id, e.source, e.key, a.revision_id AS before, b.revision_id AS after
FROM a FULL JOIN b USING (entry_id)
JOIN kb_entries e ON e.id = coalesce(a.entry_id, b.entry_id)
LEFT JOIN kb_revisions ra ON ra.id = a.revision_id
LEFT JOIN kb_revisions rb ON rb.id = b.revision_id
WHERE e.type = 'api' AND a.revision_id IS DISTINCT FROM b.revision_id
  AND ra.content_hash IS DISTINCT FROM rb.content_hash
  AND (CAST(:source AS text) IS NULL OR e.source = :source)
ORDER BY e.id
"""
# The key of an operation is its method, a blank, and its path.
_PATHS = """
WITH b AS ({after})
SELECT DISTINCT e.source, substring(e.key FROM position(' ' IN e.key) + 1) AS path
FROM b JOIN kb_entries e ON e.id = b.entry_id WHERE e.type = 'api'
"""


@dataclass(slots=True)
class Drift:
    """What was found: `summary` counts all operations that differ, the rest is about those looked at in this call."""

    summary: dict[str, int]
    levels: dict[str, int] = field(default_factory=lambda: counts([]))
    operations: list[Json] = field(default_factory=list)
    breaking: list[str] = field(default_factory=list)
    compared: int = 0
    last: UUID | None = None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operations are shown: `level` at least, of one source, after one of them, at most so many."""

    limit: int
    after: UUID | None = None
    level: Level | None = None
    source: str | None = None

    def fits(self, changes: Sequence[Change]) -> bool:
        """Whether an operation with these changes is shown."""
        return self.level is None or any(self.shows(change) for change in changes)

    def shows(self, change: Change) -> bool:
        """Whether a change is shown."""
        return self.level is None or LEVELS.index(change.level) <= LEVELS.index(self.level)


def drift(
    session: Session, base: KnowledgeBase, before: Side, after: Side, wanted: Wanted, *, seconds: float = SECONDS
) -> Drift:
    """Compares operations one by one until enough are found, or the time is up."""
    rows = _changed(session, base, before, after, wanted.source)
    found = Drift(_summary(rows))
    left = [row for row in rows if wanted.after is None or row.id > wanted.after]
    until = monotonic() + seconds
    for row, changes in _compared(session, base, after, left):
        found.compared, found.last = found.compared + 1, row.id
        found.levels = {level: count + found.levels[level] for level, count in counts(changes).items()}
        if breaking(changes):
            found.breaking.append(ids.show(ENTRY_PREFIX[EntryType.API], row.id))
        if wanted.fits(changes):
            found.operations.append(_view(row, changes, wanted))
        if len(found.operations) >= wanted.limit or monotonic() > until:
            break
    found.has_more = found.compared < len(left)
    return found


def _changed(
    session: Session, base: KnowledgeBase, before: Side, after: Side, source: str | None
) -> Sequence[Row[Any]]:
    statement = _CHANGED.format(before=before.rows("before"), after=after.rows("after"))
    asked = {"kb": base.id, "before": before.version, "after": after.version, "source": source}
    return session.execute(text(statement), asked).all()


def _summary(rows: Sequence[Row[Any]]) -> dict[str, int]:
    kinds = [_kind(row) for row in rows]
    return {kind: kinds.count(kind) for kind in ("added", "removed", "changed")}


def _kind(row: Row[Any]) -> str:
    return "added" if row.before is None else "removed" if row.after is None else "changed"


def _compared(
    session: Session, base: KnowledgeBase, after: Side, rows: Sequence[Row[Any]]
) -> Iterator[tuple[Row[Any], list[Change]]]:
    """Each operation with its changes; contents are read a few at a time, each schema once."""
    expander = Expander(session, base.project_id)
    paths = _paths(session, base, after) if any(row.after is None for row in rows) else set()
    for start in range(0, len(rows), READ_AT_ONCE):
        some = rows[start : start + READ_AT_ONCE]
        contents = _contents(session, base, [one for row in some for one in (row.before, row.after) if one])
        for row in some:
            one, other = (revision and expander.expanded(contents[revision]) for revision in (row.before, row.after))
            gone = other is None and (row.source, row.key.partition(" ")[2]) not in paths
            yield row, compare(one, other, path_removed=gone)


def _contents(session: Session, base: KnowledgeBase, revisions: list[UUID]) -> dict[UUID, Json]:
    query = KbRevision.in_project(base.project_id).where(
        KbRevision.knowledge_base_id == base.id, KbRevision.id.in_(revisions)
    )
    return {row.id: row.content for row in session.execute(query.with_only_columns(KbRevision.id, KbRevision.content))}


def _paths(session: Session, base: KnowledgeBase, after: Side) -> set[tuple[str, str]]:
    """The paths that there are afterwards, by source."""
    asked = {"kb": base.id, "after": after.version}
    rows = session.execute(text(_PATHS.format(after=after.rows("after"))), asked)
    return {(row.source, row.path) for row in rows}


def _view(row: Row[Any], changes: list[Change], wanted: Wanted) -> Json:
    """What OperationChangesOut reads."""
    shown = [change for change in changes if wanted.shows(change)]
    return {
        "id": row.id,
        "source": row.source,
        "key": row.key,
        "change": _kind(row),
        "breaking": breaking(changes),
        "levels": counts(changes),
        "changes": shown[:MOST_CHANGES],
        "more_changes": max(0, len(shown) - MOST_CHANGES),
    }
