"""Records of operations in the database: with the schemas that they need, of which each is kept once in a project.

The content of an entry of type `api` is a record (workers/specs/operations.py). Its `definitions` is the hash of its
closure, `{name: hash}`, and that of each schema's; `spec_schemas` has both. Whoever writes them holds the project's
lock of schemas, shared; `forget_unused` holds it alone.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from workers.specs.schemas import hashed_json

Json = dict[str, Any]

ROWS_AT_ONCE = 500

SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('schemas of ' || :project_id, 0))")
ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('schemas of ' || :project_id, 0))")
KEEP = text("""
INSERT INTO spec_schemas (project_id, sha256, body)
SELECT :project_id, n.sha256, CAST(n.body AS jsonb)
FROM (SELECT unnest(CAST(:hashes AS text[])) AS sha256, unnest(CAST(:bodies AS text[])) AS body) n
ON CONFLICT DO NOTHING
""")
BODIES = text("""
SELECT sha256, body FROM spec_schemas WHERE project_id = :project_id AND sha256 = ANY(CAST(:hashes AS text[]))
""")
# What the revisions of the project refer to, also those that only versions have.
FORGET = text("""
WITH closures AS (
  SELECT DISTINCT r.content ->> 'definitions' AS sha256 FROM kb_revisions r
  WHERE r.project_id = :project_id AND r.content ? 'definitions'
), used AS (
  SELECT sha256 FROM closures
  UNION
  SELECT d.value FROM spec_schemas c JOIN closures USING (sha256), jsonb_each_text(c.body) d
  WHERE c.project_id = :project_id
)
DELETE FROM spec_schemas s
WHERE s.project_id = :project_id AND NOT EXISTS (SELECT FROM used WHERE used.sha256 = s.sha256)
""")
# The lines of workers/specs/snapshot.py; JSON as PostgreSQL writes it has no line breaks.
ENTRIES = text("""
SELECT r.content ->> 'definitions' AS closure,
       jsonb_build_array('entry', e.key, r.content_hash, r.content #>> '{enriched,input_hash}',
                         r.content #>> '{enriched,model}', r.content)::text AS line
FROM kb_entries e JOIN kb_revisions r ON r.id = e.draft_revision_id
WHERE e.knowledge_base_id = :kb AND e.type = 'api' AND e.source = :source
""")
PARTS = text("""
SELECT jsonb_build_array(CAST(:sort AS text), s.sha256, s.body)::text AS line FROM spec_schemas s
WHERE s.project_id = :project_id AND s.sha256 = ANY(CAST(:hashes AS text[]))
""")
NAMED = text("""
SELECT DISTINCT d.value AS sha256 FROM spec_schemas s, jsonb_each_text(s.body) d
WHERE s.project_id = :project_id AND s.sha256 = ANY(CAST(:hashes AS text[]))
""")
DRAFT = text("""
SELECT md5(coalesce(string_agg(e.key || ' ' || e.draft_revision_id, ',' ORDER BY e.key), '')) FROM kb_entries e
WHERE e.knowledge_base_id = :kb AND e.type = 'api' AND e.source = :source AND e.draft_revision_id IS NOT NULL
""")


class Expander:
    """Expands one record after the other, and reads every schema once."""

    def __init__(self, session: Session, project_id: UUID) -> None:
        self._session, self._project_id = session, project_id
        self._bodies: dict[str, Any] = {}

    def expanded(self, content: Json) -> Json:
        """The record with its closure as `$defs`: it compiles alone. One without schemas has none."""
        closure = content.get("definitions")
        names: Json = self._read([closure])[0] or {} if isinstance(closure, str) else {}
        bodies = self._read(list(names.values()))
        # A schema that is not there (an entry brought from elsewhere without them) takes anything.
        found = {name: {} if body is None else body for name, body in zip(names, bodies, strict=True)}
        return {**content, "$defs": found}

    def _read(self, hashes: list[str]) -> list[Any]:
        missing = [one for one in hashes if one not in self._bodies]
        if missing:
            asked = {"project_id": self._project_id, "hashes": missing}
            self._bodies |= dict.fromkeys(missing)
            self._bodies |= {row.sha256: row.body for row in self._session.execute(BODIES, asked)}
        return [self._bodies[one] for one in hashes]


def expanded(session: Session, project_id: UUID, content: Json) -> Json:
    """The record with its closure as `$defs`; for many of them make one Expander."""
    return Expander(session, project_id).expanded(content)


def folded(session: Session, project_id: UUID, content: Json) -> Json:
    """The opposite: keeps the `$defs` of a record, and returns it without them, as entries have it."""
    definitions = content.get("$defs") or {}
    plain = {name: value for name, value in content.items() if name != "$defs"}
    names = {name: hashed_json(body) for name, body in sorted(definitions.items())}
    parts = {names[name]: json.dumps(body) for name, body in definitions.items()}
    if names:
        parts[hashed_json(names)] = json.dumps(names)
    keep(session, project_id, parts)
    return {**plain, "definitions": hashed_json(names) if names else None}


def keep(session: Session, project_id: UUID, parts: Mapping[str, str]) -> None:
    """Writes schemas and closures, JSON text by hash, of which the project has some already."""
    if not parts:
        return
    session.execute(SHARE, {"project_id": str(project_id)})
    hashes = sorted(parts)
    for at in range(0, len(hashes), ROWS_AT_ONCE):
        some = hashes[at : at + ROWS_AT_ONCE]
        session.execute(KEEP, {"project_id": project_id, "hashes": some, "bodies": [parts[one] for one in some]})


def bodies(session: Session, project_id: UUID, hashes: Iterable[str]) -> dict[str, Any]:
    """The schemas and closures with these hashes, as far as they are there."""
    asked = {"project_id": project_id, "hashes": list(hashes)}
    return {row.sha256: row.body for row in session.execute(BODIES, asked)}


def forget_unused(session: Session, project_id: UUID) -> int:
    """Removes what no revision of the project refers to any more; returns how many schemas and closures that were."""
    session.execute(ALONE, {"project_id": str(project_id)})
    done: Any = session.execute(FORGET, {"project_id": project_id})
    return int(done.rowcount)


def draft_digest(session: Session, kb_id: UUID, source: str) -> str:
    """Another text for another draft of the source."""
    found: str = session.execute(DRAFT, {"kb": kb_id, "source": source}).scalar_one()
    return found


def write_snapshot(session: Session, project_id: UUID, kb_id: UUID, source: str, path: Path) -> str:
    """Writes what the draft has of the source, for workers/specs/snapshot.py; returns the draft's digest."""
    digest = draft_digest(session, kb_id, source)
    closures: set[str] = set()
    some = {"yield_per": ROWS_AT_ONCE}
    with path.open("w") as file:
        for row in session.execute(ENTRIES, {"kb": kb_id, "source": source}, execution_options=some):
            file.write(f"{row.line}\n")
            closures |= {row.closure} - {None}
        asked: Json = {"project_id": project_id, "hashes": sorted(closures)}
        schemas = list(session.scalars(NAMED, asked))
        for sort, hashes in (("closure", asked["hashes"]), ("schema", schemas)):
            asked = {"project_id": project_id, "sort": sort, "hashes": hashes}
            rows = session.execute(PARTS, asked, execution_options=some)
            file.writelines(f"{row.line}\n" for row in rows)
    return digest
