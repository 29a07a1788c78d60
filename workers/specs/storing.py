"""The draft's side of reading a specification: what it has, and what is written into it, each in one transaction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.clock import now
from infra.errors import NotFound
from models import EntryType, Job, SpecSource
from workers import events
from workers.jobs.queries import maker_of
from workers.knowledge import bases
from workers.knowledge.drafts import Changed, Changes, EntryContent, put_entries, remove_entries
from workers.specs import records
from workers.specs.compare import Change, Level, breaking_event

Json = dict[str, Any]

KIND = "openapi.ingest"
ENTRIES_AT_ONCE = 1000
MOST_KEYS = 1000

GOING = text("""
SELECT id, key, draft_revision_id FROM kb_entries WHERE knowledge_base_id = :kb AND type = 'api' AND source = :source
  AND key = ANY(CAST(:keys AS text[])) AND draft_revision_id IS NOT NULL ORDER BY key
""")
REMEMBER = text("""
INSERT INTO spec_sources (project_id, knowledge_base_id, source, fingerprint, draft, report, job_id, updated_at)
VALUES (:project_id, :kb, :source, :fingerprint, :draft, CAST(:report AS jsonb), :job_id, :moment)
ON CONFLICT (knowledge_base_id, source) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, draft = EXCLUDED.draft,
  report = EXCLUDED.report, job_id = EXCLUDED.job_id, updated_at = EXCLUDED.updated_at
""")


def base_id(session: Session, project_id: UUID, payload: Json) -> UUID:
    """The knowledge base that a payload names, or the project's own; raises NotFound."""
    named = payload.get("knowledge_base_id")
    if named is None:
        return bases.default_base(session, project_id).id
    found = ids.parse("kb", named)
    if found is None:
        raise NotFound("There is no such knowledge base.")
    return bases.get_base(session, project_id, found).id


class Place:
    """The source of a knowledge base that a job reads into."""

    def __init__(self, project_id: UUID, job_id: UUID, payload: Json) -> None:
        self._project_id, self._job_id, self._payload = project_id, job_id, payload
        self._source: str = payload.get("source") or "default"

    def find(self) -> None:
        """Finds the knowledge base; raises NotFound."""
        with db.transaction() as session:
            self._kb = base_id(session, self._project_id, self._payload)

    def known(self, fingerprint: str) -> Json | None:
        """The result, if the same was read the same way before and the draft is as it was left then.

        A job that is tried again after it had stored everything says what it would have said.
        """
        with db.transaction() as session:
            mine = SpecSource.in_project(self._project_id).where(
                SpecSource.knowledge_base_id == self._kb, SpecSource.source == self._source
            )
            last = session.scalars(mine).first()
            if last is None or last.fingerprint != fingerprint:
                return None
            if records.draft_digest(session, self._kb, self._source) != last.draft:
                return None
            if last.job_id == self._job_id:
                return dict(last.report)
            report = _unchanged(last.report)
            self._tell(session, report)
            return report

    def snapshot(self, path: Path) -> str:
        """Writes what the draft has into a file; returns its digest."""
        with db.transaction() as session:
            return records.write_snapshot(session, self._project_id, self._kb, self._source, path)

    def store(self, parsed: Json, described: Json, digest: str, fingerprint: str) -> Json | None:
        """Writes what parsing.py returned; None, and nothing, if the draft is not the one of that digest any more."""
        with db.transaction() as session:
            records.keep(session, self._project_id, parsed["parts"])
            base = bases.get_base(session, self._project_id, self._kb, lock=True)
            if records.draft_digest(session, self._kb, self._source) != digest:
                return None
            maker = maker_of(session, self._project_id, self._job_id, Job)
            changes = Changes(unchanged=parsed["unchanged"])
            for some in self._contents(parsed):
                made = put_entries(session, base, some, type=EntryType.API, source=self._source, changed_by=maker)
                changes.added += made.added
                changes.changed += made.changed
                changes.unchanged += made.unchanged
            if parsed["removed"]:
                asked = {"kb": self._kb, "source": self._source, "keys": parsed["removed"]}
                going = session.execute(GOING, asked).all()
                remove_entries(session, base, [row.id for row in going])
                changes.removed = [Changed(row.key, row.id, row.draft_revision_id, None) for row in going]
            report = self._report(parsed, described, changes)
            self._remember(session, report, fingerprint)
            self._tell(session, report)
            return report

    def _contents(self, parsed: Json) -> Iterator[list[EntryContent]]:
        """The entries to put, some at a time, so that not all records are objects at once."""
        origin = {
            "job_id": ids.show("job", self._job_id),
            **{name: self._payload[name] for name in ("file_id", "url") if self._payload.get(name) is not None},
            **{name: parsed[name] for name in ("title", "version", "openapi")},
        }
        entries = parsed["entries"]
        for at in range(0, len(entries), ENTRIES_AT_ONCE):
            yield [
                EntryContent(
                    type=EntryType.API,
                    key=one["key"],
                    title=one["title"],
                    text=one["text"],
                    content=json.loads(one["content"]),
                    tags=one["tags"],
                    labels=one["labels"],
                    origin=origin,
                )
                for one in entries[at : at + ENTRIES_AT_ONCE]
            ]

    def _report(self, parsed: Json, described: Json, changes: Changes) -> Json:
        """The job's result."""
        sorts = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        counts = {name: len(some) for name, some in sorts.items()}
        same = ("title", "version", "openapi", "found", "breaking", "levels", "changes", "not_compared", "warnings")
        return {
            "knowledge_base_id": ids.show("kb", self._kb),
            "source": self._source,
            "operations": {**counts, "unchanged": changes.unchanged},
            "keys": {name: [one.key for one in some[:MOST_KEYS]] for name, some in sorts.items()},
            "descriptions": described,
            **{name: parsed[name] for name in (*same, "warnings_total")},
        }

    def _remember(self, session: Session, report: Json, fingerprint: str) -> None:
        values = {
            "project_id": self._project_id,
            "kb": self._kb,
            "source": self._source,
            "fingerprint": fingerprint,
            "draft": records.draft_digest(session, self._kb, self._source),
            "report": json.dump_for_postgres(report),
            "job_id": self._job_id,
            "moment": now(),
        }
        session.execute(REMEMBER, values)

    def _tell(self, session: Session, report: Json) -> None:
        """Publishes kb.ingested, and spec.breaking if that is so."""
        data = {
            "knowledge_base_id": report["knowledge_base_id"],
            "job_id": ids.show("job", self._job_id),
            "kind": KIND,
            "source": self._source,
            **report["operations"],
        }
        where = {"project_id": self._project_id, "subject_id": self._kb}
        events.publish(session, **where, type="kb.ingested", data=data)
        if report["breaking"]:
            changes = [Change(**{**one, "level": Level(one["level"])}) for one in report["breaking"]]
            said = breaking_event(self._kb, self._source, changes, self._job_id)
            said["count"] = report["levels"][Level.ERROR]
            events.publish(session, **where, type="spec.breaking", data=said)


def _unchanged(report: Json) -> Json:
    """The result of reading the same again."""
    nothing = {"added": 0, "changed": 0, "removed": 0, "unchanged": sum(report["found"].values())}
    return {
        **report,
        "operations": nothing,
        "keys": {"added": [], "changed": [], "removed": []},
        "breaking": [],
        "levels": dict.fromkeys(report["levels"], 0),
        "changes": [],
        "not_compared": 0,
        "descriptions": {"written": 0, "failed": 0},
    }
