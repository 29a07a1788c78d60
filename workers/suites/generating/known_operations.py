"""The operations of a knowledge base, for the generator and for coverage: of its active version, else of its draft.

They come by source and key.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids, json
from infra.errors import BadInput, NotFound
from models import KnowledgeBase
from workers.knowledge import bases
from workers.specs import records
from workers.suites.generating.operations import Operation, read_operations

Json = dict[str, Any]

# Of these all are read: the chosen ones, and those that make what they need.
MOST = 5000
MOST_NAMED = 5

READ = text("""
SELECT e.id, e.source, e.key, r.content_hash AS sha256, r.content - 'enriched' AS record
FROM kb_entries e
LEFT JOIN kb_version_entries v
  ON v.knowledge_base_id = e.knowledge_base_id AND v.version = :version AND v.entry_id = e.id
JOIN kb_revisions r ON r.id = CASE WHEN CAST(:version AS int) IS NULL THEN e.draft_revision_id ELSE v.revision_id END
WHERE e.knowledge_base_id = :kb AND e.type = 'api' AND r.content ->> 'kind' = 'operation'
  AND (CAST(:source AS text) IS NULL OR e.source = :source)
ORDER BY e.source, e.key LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class KnownOperation:
    """An operation as the knowledge base has it; `sha256` changes with it."""

    id: UUID
    source: str
    key: str
    sha256: str
    record: Json

    @property
    def name(self) -> str:
        """`GET /users/{id}`."""
        return f"{self.record.get('method')} {self.record.get('path')}"

    def is_called(self, wanted: str) -> bool:
        """Whether it is named by its name, its key, its operationId or its entry's id."""
        return wanted in (self.name, self.key, self.record.get("operation_id"), ids.show("api", self.id))


def base_of(session: Session, project_id: UUID, wanted: str | None) -> KnowledgeBase:
    """The knowledge base of that public id, or the project's own; raises NotFound."""
    if wanted is None:
        return bases.default_base(session, project_id)
    found = ids.parse(KnowledgeBase.prefix, wanted)
    if found is None:
        raise NotFound("There is no such knowledge base.")
    return bases.get_base(session, project_id, found)


def read(session: Session, base: KnowledgeBase, source: str | None = None) -> list[KnownOperation]:
    """All operations, or those of one source; of a very large knowledge base the first 5,000. Raises NotFound for a
    source that is none of those there are."""
    asked = {"kb": base.id, "version": base.active_version, "source": source, "most": MOST}
    rows = session.execute(READ, asked)
    found = [KnownOperation(row.id, row.source, row.key, row.sha256, row.record) for row in rows]
    if source is not None and not found and (others := read(session, base)):
        names = sorted({one.source for one in others})
        told = ", ".join(repr(one) for one in names[:MOST_NAMED])
        raise NotFound(f"The knowledge base has no operations of a source {source!r}; it has those of {told}.")
    return [one for one in found if one.record.get("method") and one.record.get("path")]


def chosen(known: Sequence[KnownOperation], wanted: Sequence[str] | None, pointer: str) -> list[int]:
    """The places of the operations that are wanted, all without a wish. Raises BadInput with pointers for names that
    nothing has, and where there is nothing."""
    if not known:
        raise BadInput(
            "The knowledge base has no operations; ingest the API's description first (POST "
            "/v1/projects/{project_id}/kb/openapi)."
        )
    if wanted is None:
        return list(range(len(known)))
    places = [[index for index, one in enumerate(known) if one.is_called(name)] for name in wanted]
    unknown = [index for index, found in enumerate(places) if not found]
    if unknown:
        raise BadInput(
            "There are operations that the knowledge base does not have; `errors` says which.",
            errors=[
                {"pointer": f"{pointer}/{index}", "detail": f"There is no operation {wanted[index][:200]!r}."}
                for index in unknown[:20]
            ],
        )
    return sorted({index for found in places for index in found})


def given(session: Session, project_id: UUID, operations: Iterable[KnownOperation]) -> Json:
    """They and the schemas that they need, as operations.py reads them."""
    listed = list(operations)
    closures = sorted({str(one.record["definitions"]) for one in listed if one.record.get("definitions")})
    names = records.bodies(session, project_id, closures)
    hashes = sorted({digest for closure in names.values() for digest in closure.values()})
    schemas: Json = {}
    for at in range(0, len(hashes), records.ROWS_AT_ONCE):
        schemas |= records.bodies(session, project_id, hashes[at : at + records.ROWS_AT_ONCE])
    shown = [{"key": one.key, "source": one.source, "sha256": one.sha256, "record": one.record} for one in listed]
    return {"operations": shown, "closures": names, "schemas": schemas}


def write(session: Session, project_id: UUID, operations: Iterable[KnownOperation], path: Path) -> None:
    """Writes them for the jail."""
    path.write_bytes(json.dump_bytes(given(session, project_id, operations)))


def loaded(
    session: Session, project_id: UUID, operations: Sequence[KnownOperation]
) -> Iterable[tuple[KnownOperation, Operation]]:
    """Each with its schemas at hand."""
    return zip(operations, read_operations(given(session, project_id, operations)), strict=True)
