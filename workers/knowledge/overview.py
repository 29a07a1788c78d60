"""Knowledge bases in figures: how many entries of each type draft and active version have, and how they differ."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from models import EntryType, KbVersion, KnowledgeBase, ReviewState, VersionState

Json = dict[str, Any]

# By type: entries of the draft, entries of the active version, and those that are not the same in both.
COUNTS = text("""
SELECT e.knowledge_base_id AS base_id, e.type,
  count(e.draft_revision_id) AS draft, count(m.entry_id) AS active,
  count(*) FILTER (WHERE e.draft_revision_id IS NOT NULL AND m.entry_id IS NULL) AS added,
  count(*) FILTER (WHERE e.draft_revision_id <> m.revision_id) AS changed,
  count(*) FILTER (WHERE e.draft_revision_id IS NULL AND m.entry_id IS NOT NULL) AS removed,
  count(*) FILTER (WHERE e.draft_revision_id = m.revision_id) AS unchanged
FROM knowledge_bases b JOIN kb_entries e ON e.knowledge_base_id = b.id
LEFT JOIN kb_version_entries m
  ON m.knowledge_base_id = b.id AND m.version = b.active_version AND m.entry_id = e.id
WHERE b.id = ANY(CAST(:bases AS uuid[])) GROUP BY 1, 2
""")
CHANGES = ("added", "changed", "removed", "unchanged")
COUNTED = ("draft", "active", *CHANGES)


@dataclass(slots=True)
class Overview:
    """One knowledge base; `counts` has, for each type, the figures of COUNTED, `building` is a version under way."""

    counts: dict[str, dict[str, int]] = field(
        default_factory=lambda: {one.value: dict.fromkeys(COUNTED, 0) for one in EntryType}
    )
    building: KbVersion | None = None

    @property
    def differs(self) -> bool:
        """Whether the draft says something else than the active version."""
        return any(of_type[name] for of_type in self.counts.values() for name in ("added", "changed", "removed"))

    def only(self, name: str) -> dict[str, int]:
        """One figure by type."""
        return {type: of_type[name] for type, of_type in self.counts.items()}


def overviews(session: Session, bases: Sequence[KnowledgeBase]) -> dict[UUID, Overview]:
    """The figures of these knowledge bases of one project, by id."""
    found = {base.id: Overview() for base in bases}
    for row in session.execute(COUNTS, {"bases": [str(one) for one in found]}).mappings():
        found[row["base_id"]].counts[row["type"]] = {name: row[name] for name in COUNTED}
    if bases:
        building = KbVersion.in_project(bases[0].project_id).where(
            KbVersion.knowledge_base_id.in_(found), KbVersion.state == VersionState.BUILDING
        )
        for version in session.scalars(building.order_by(KbVersion.number)):
            found[version.knowledge_base_id].building = version
    return found


def draft_state(base: KnowledgeBase, overview: Overview) -> str:
    """Where the draft stands: one of schemas/kb_base.py's DRAFT_STATES."""
    reviewed = (base.review or {}).get("state")
    if reviewed == ReviewState.SUBMITTED:
        return ReviewState.SUBMITTED.value
    if not overview.differs:
        return "clean"
    return reviewed or "changed"


def shown(base: KnowledgeBase, overview: Overview) -> Json:
    """What KnowledgeBaseOut reads beyond the base's own columns."""
    draft = {
        "state": draft_state(base, overview),
        "serial": base.draft_serial,
        "entries": overview.only("draft"),
    }
    active = {"version": base.active_version, "entries": overview.only("active")}
    building = overview.building
    return {
        "draft": draft,
        "active": None if base.active_version is None else active,
        "building": building and {"version": building.number, "job_id": building.job_id},
    }
