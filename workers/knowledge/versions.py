"""Versions: listed, activated, rolled back. What is served is one whole version, and one pointer says which.

Activation and rollback lock the knowledge base, look at stored figures, and move the pointer in one short transaction
with its event. Builds go on meanwhile; readers see the one version or the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from infra import ids
from infra.clock import now
from infra.errors import Conflict, Forbidden, KnowledgeBaseNotBuilt, NotFound, VersionNotReady
from models import KbEntry, KbVersion, KbVersionEntry, KnowledgeBase, VersionState
from workers import events
from workers.knowledge import bases, entries, gate, review
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

POINT = text("""
WITH version AS (UPDATE kb_versions SET activated_at = :activated_at, rolled_back_at = NULL WHERE id = :version_id)
UPDATE knowledge_bases SET active_version = :number, updated_at = :moment WHERE id = :kb
""")
WHY_NOT = {
    VersionState.BUILDING: "is still being built",
    VersionState.FAILED: "could not be built",
    VersionState.DROPPED: "is not kept any more",
}


def list_versions(session: Session, base: KnowledgeBase, window: Window) -> PageOf[KbVersion]:
    """The versions that are kept, being built or have failed; newest first is highest first."""
    return page(session, _of(base).where(KbVersion.state != VersionState.DROPPED), KbVersion, window)


def get_version(session: Session, base: KnowledgeBase, number: int) -> KbVersion:
    """The version of that number; raises NotFound for one that never was or is not kept any more."""
    version = find(session, base, number)
    if version is None or version.state == VersionState.DROPPED:
        raise NotFound(f"There is no version {number}{'' if number > base.newest_version else ' any more'}.")
    return version


def find(session: Session, base: KnowledgeBase, number: int) -> KbVersion | None:
    """The version of that number, whatever its state."""
    return session.scalars(_of(base).where(KbVersion.number == number)).first()


def require_ready(session: Session, base: KnowledgeBase, number: int) -> KbVersion:
    """The version of that number, if it can be served; raises NotFound and VersionNotReady."""
    return _servable(base, number, find(session, base, number))


def list_version_entries(
    session: Session, base: KnowledgeBase, number: int, window: Window, state: str | None
) -> PageOf[KbEntry]:
    """The entries of a version with how far each is, or why it failed."""
    get_version(session, base, number)
    inside = KbVersionEntry.of(base, number)
    if state is not None:
        inside = inside.where(KbVersionEntry.state == state)
    query = KbEntry.in_project(base.project_id).where(KbEntry.knowledge_base_id == base.id)
    found = page(session, query.where(inside.where(KbVersionEntry.entry_id == KbEntry.id).exists()), KbEntry, window)
    wanted = KbVersionEntry.entry_id.in_([entry.id for entry in found.rows])
    rows = {row.entry_id: row for row in session.scalars(KbVersionEntry.of(base, number).where(wanted))}
    revisions = entries.revisions_by_id(session, base, (row.revision_id for row in rows.values()))
    return found.map(lambda entry: _entry_view(entry, rows[entry.id], revisions[rows[entry.id].revision_id].title))


def activate(session: Session, base: KnowledgeBase, *, by: UUID | None, may_force: bool, body: Json) -> KbVersion:
    """The version, by default the newest that is ready, which is the active one from here on.

    Raises NotFound or VersionNotReady for what cannot be served, Conflict where another version is active than
    `expected_active`, ReviewRequired, GateRefused, and Forbidden for force by somebody who may not. The active one
    stays as it is, without an event.
    """
    expect(base, body)
    number = body["version"] or base.ready_version
    if number is None:
        raise KnowledgeBaseNotBuilt("The knowledge base has no version that is ready; build its draft first.")
    both = _of(base).where(KbVersion.number.in_([number, base.active_version]))
    found = {one.number: one for one in session.scalars(both)}
    version = _servable(base, number, found.get(number))
    if number == base.active_version:
        return version
    if body["force"] and not may_force:
        raise Forbidden("Passing over the gate is a reviewer's decision; this key lacks the scope kb:review.")
    review.require_approved(session, base, version.draft_serial)
    if not body["force"]:
        active = None if base.active_version is None else found[base.active_version]
        gate.require_passed(session, base, version, active, bases.settings_of(base)["gate"])
    _point(session, base, version, now(), "kb.activated", by=by, forced=body["force"])
    return version


def roll_back(session: Session, base: KnowledgeBase, *, by: UUID, body: Json) -> KbVersion:
    """An earlier version, by default the one that was active before, which is the active one again. It passes no gate.

    The versions that were active after it count as rolled back, so that the next rollback goes on further back. Raises
    as `activate` does, and Conflict where there is nothing to go back to.
    """
    expect(base, body)
    number = body["version"]
    version = _before(session, base) if number is None else require_ready(session, base, number)
    if version.number == base.active_version:
        return version
    moment = now()
    for left in session.scalars(_line(base)):
        if left.number == base.active_version or _is_after(left, version):
            left.rolled_back_at = moment
    session.flush()
    _point(session, base, version, version.activated_at or moment, "kb.rolled_back", by=by, forced=False)
    return version


def expect(base: KnowledgeBase, body: Json) -> None:
    """Raises Conflict where the active version is not the one the caller believes; null is for none."""
    if "expected_active" in body and body["expected_active"] != base.active_version:
        active = "no version" if base.active_version is None else f"version {base.active_version}"
        raise Conflict(
            f"The active one is {active} by now.", errors=[{"pointer": "/expected_active", "detail": "Is not active."}]
        )


def kept(session: Session, base: KnowledgeBase) -> Sequence[KbVersion]:
    """The versions that may be served: the active one and the newest that are ready, as many as the settings say."""
    query = _of(base).where(KbVersion.state == VersionState.READY).order_by(KbVersion.number.desc())
    ready = session.scalars(query).all()
    newest = {one.number for one in ready[: bases.settings_of(base)["keep_versions"]]}
    return [one for one in ready if one.number in newest or one.number == base.active_version]


def _of(base: KnowledgeBase) -> Select[KbVersion]:
    return KbVersion.in_project(base.project_id).where(KbVersion.knowledge_base_id == base.id)


def _servable(base: KnowledgeBase, number: int, version: KbVersion | None) -> KbVersion:
    if version is None and number > base.newest_version:
        raise NotFound(f"There is no version {number}; the newest is {base.newest_version}.")
    state = VersionState.DROPPED if version is None else version.state
    if version is None or state != VersionState.READY:
        raise VersionNotReady(f"Version {number} {WHY_NOT[VersionState(state)]}.")
    return version


def _line(base: KnowledgeBase) -> Select[KbVersion]:
    """The versions that were activated and not rolled back from, the last first: the active one and those before it."""
    ready = _of(base).where(KbVersion.state == VersionState.READY, KbVersion.activated_at.is_not(None))
    return ready.where(KbVersion.rolled_back_at.is_(None)).order_by(KbVersion.activated_at.desc())


def _is_after(one: KbVersion, other: KbVersion) -> bool:
    """Whether it was activated after the other; one that never was is after none."""
    return one.activated_at is not None and other.activated_at is not None and one.activated_at > other.activated_at


def _before(session: Session, base: KnowledgeBase) -> KbVersion:
    if base.active_version is None:
        raise KnowledgeBaseNotBuilt
    found = session.scalars(_line(base).where(KbVersion.number != base.active_version)).first()
    if found is None:
        raise Conflict(f"No version that is kept was active before version {base.active_version}.")
    return found


def _point(
    session: Session,
    base: KnowledgeBase,
    version: KbVersion,
    activated_at: datetime,
    type: str,
    *,
    by: UUID | None,
    forced: bool,
) -> None:
    """Moves the pointer, in one statement, and tells of it."""
    previous = base.active_version
    asked = {"kb": base.id, "version_id": version.id, "number": version.number, "moment": now()}
    session.execute(POINT, {**asked, "activated_at": activated_at})
    for row, name, value in (
        (base, "active_version", version.number),
        (base, "updated_at", asked["moment"]),
        (version, "activated_at", activated_at),
        (version, "rolled_back_at", None),
    ):
        set_committed_value(row, name, value)
    data = {
        "knowledge_base_id": base.public_id,
        "version": version.number,
        "previous": previous,
        "forced": forced,
        "by": None if by is None else ids.show("key", by),
    }
    events.publish(session, project_id=base.project_id, subject_id=base.id, type=type, data=data)


def _entry_view(entry: KbEntry, row: KbVersionEntry, title: str) -> Json:
    """What VersionEntryOut reads."""
    return {
        "id": entry.public_id,
        "type": entry.type,
        "source": entry.source,
        "key": entry.key,
        "title": title,
        "revision_id": row.revision_id,
        "state": row.state,
        "chunks": row.chunks,
        "error": row.error,
    }
