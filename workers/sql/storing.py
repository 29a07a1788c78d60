"""The draft's side of reading SQL: what it has, and what is written into it, each in one transaction."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, undefer

from infra import db, ids, json
from infra.errors import NotFound
from models import EntryType, Job, KbEntry, KbRevision
from workers import events
from workers.jobs.queries import maker_of
from workers.knowledge import bases
from workers.knowledge.drafts import Changes, EntryContent, put_entries
from workers.specs.enriching import PROMPT, add_to
from workers.sql.comparing import changes_of
from workers.sql.databases import dsn_of, get_connection

Json = dict[str, Any]

KIND = "sql.ingest"
MOST_KEYS, MOST_CHANGED = 1000, 200


def base_id(session: Session, project_id: UUID, payload: Json) -> UUID:
    """The knowledge base that a payload names, or the project's own; raises NotFound."""
    named = payload.get("knowledge_base_id")
    if named is None:
        return bases.default_base(session, project_id).id
    found = ids.parse("kb", named)
    if found is None:
        raise NotFound("There is no such knowledge base.")
    return bases.get_base(session, project_id, found).id


def database_id(payload: Json) -> UUID:
    """The database that a payload names; raises NotFound."""
    found = ids.parse("db", payload["database_id"])
    if found is None:
        raise NotFound("There is no such database.")
    return found


class Place:
    """The source of a knowledge base that a job reads into."""

    def __init__(self, project_id: UUID, job_id: UUID, payload: Json) -> None:
        self._project_id, self._job_id, self._payload = project_id, job_id, payload
        self._source: str = payload.get("source") or "default"

    def database(self) -> tuple[str, list[str] | None]:
        """The DSN of the live database, and its schemas that count; raises NotFound and what opening a secret does."""
        with db.transaction() as session:
            kb = base_id(session, self._project_id, self._payload)
            connection = get_connection(session, self._project_id, kb, database_id(self._payload))
            return dsn_of(connection), connection.schemas

    def not_described(self, entries: list[Json], model: str | None) -> list[Json]:
        """The entries that the model has not described yet; the others get what it, or without one any, wrote."""
        before = self._enriched()
        new = []
        for entry in entries:
            said = before.get(entry["key"])
            is_same = said is not None and said["input_hash"] == entry["hash"] and said["prompt"] == PROMPT
            if said is not None and is_same and model in (None, said["model"]):
                add_to(entry, said)
            else:
                new.append(entry)
        return new

    def store(self, read: Json, entries: list[Json], described: Json) -> Json:
        """Writes the tables and tells of it; returns the job's result."""
        with db.transaction() as session:
            kb = base_id(session, self._project_id, self._payload)
            base = bases.get_base(session, self._project_id, kb, lock=True)
            changes = put_entries(
                session,
                base,
                [self._content(entry, read["dialect"]) for entry in entries],
                type=EntryType.TABLE,
                source=self._source,
                replace=(self._payload.get("mode") or "replace") == "replace",
                changed_by=maker_of(session, self._project_id, self._job_id, Job),
            )
            sorts = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
            counts = {**{name: len(some) for name, some in sorts.items()}, "unchanged": changes.unchanged}
            self._tell(session, base.id, counts)
            return {
                "knowledge_base_id": base.public_id,
                "source": self._source,
                "dialect": read["dialect"],
                "found": len(entries),
                "tables": counts,
                "keys": {name: [one.key for one in some[:MOST_KEYS]] for name, some in sorts.items()},
                "changes": self._compared(session, changes, {entry["key"]: entry for entry in entries}),
                "warnings": read["warnings"],
                "descriptions": described,
            }

    def _content(self, entry: Json, dialect: str) -> EntryContent:
        named = {
            name: self._payload[name] for name in ("file_id", "database_id") if self._payload.get(name) is not None
        }
        return EntryContent(
            type=EntryType.TABLE,
            key=entry["key"],
            title=entry["title"],
            text=entry["text"],
            content=json.loads(entry["content"]),
            tags=entry["tags"],
            labels=entry["labels"],
            origin={"job_id": ids.show("job", self._job_id), "dialect": dialect, **named},
        )

    def _compared(self, session: Session, changes: Changes, entries: dict[str, Json]) -> list[Json]:
        """What changed in each changed table; a description that a model wrote is none of it."""
        some = [one for one in changes.changed[:MOST_CHANGED] if one.before is not None]
        before = self._contents(session, [one.before for one in some if one.before is not None])
        found = []
        for one in some:
            after = json.loads(entries[one.key]["content"])
            found.append({"key": one.key, "changes": changes_of(before.get(one.before, {}), after)})
        return found

    def _contents(self, session: Session, revisions: list[UUID]) -> dict[UUID | None, Json]:
        query = KbRevision.in_project(self._project_id).where(KbRevision.id.in_(revisions))
        return {row.id: row.content for row in session.scalars(query.options(undefer(KbRevision.content)))}

    def _enriched(self) -> dict[str, Json]:
        """What models wrote of the draft's tables, by key."""
        with db.transaction() as session:
            kb = base_id(session, self._project_id, self._payload)
            mine = KbEntry.in_project(self._project_id).where(
                KbEntry.knowledge_base_id == kb,
                KbEntry.type == EntryType.TABLE,
                KbEntry.source == self._source,
                KbEntry.draft_revision_id.is_not(None),
            )
            keys = {row.draft_revision_id: row.key for row in session.scalars(mine)}
            said = KbRevision.in_project(self._project_id).where(
                KbRevision.id.in_(keys), KbRevision.content.has_key("enriched")
            )
            rows = session.scalars(said.options(undefer(KbRevision.content)))
            return {keys[row.id]: row.content["enriched"] for row in rows}

    def _tell(self, session: Session, kb: UUID, counts: Json) -> None:
        data = {
            "knowledge_base_id": ids.show("kb", kb),
            "job_id": ids.show("job", self._job_id),
            "kind": KIND,
            "source": self._source,
            **counts,
        }
        events.publish(session, project_id=self._project_id, subject_id=kb, type="kb.ingested", data=data)
