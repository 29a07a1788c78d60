"""What a search may see: the chunks of one version of one knowledge base, and of these those that pass the filters."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from infra import json
from schemas.kb_entry import entry_id

Json = dict[str, Any]

_FILTERS = {
    "types": "c.type = ANY(:types)",
    "sources": "c.source = ANY(:sources)",
    "tags": "c.tags @> CAST(:tags AS text[])",
    "any_tags": "c.tags && CAST(:any_tags AS text[])",
    "metadata": "c.metadata @> CAST(:metadata AS jsonb)",
    "entry_ids": "c.entry_id = ANY(CAST(:entry_ids AS uuid[]))",
}


@dataclass(frozen=True, slots=True)
class Scope:
    """Conditions in SQL, on `kb_chunks c` or `kb_vectors v`, and their parameters."""

    base_id: UUID
    version: int
    filters: Json = field(default_factory=dict)

    @property
    def place(self) -> Json:
        """The knowledge base and the version, as parameters."""
        return {"kb": self.base_id, "version": self.version}

    @property
    def wanted(self) -> Json:
        """The filters that are given, as parameters."""
        given = {name: self.filters[name] for name in _FILTERS if self.filters.get(name)}
        if "metadata" in given:
            given["metadata"] = json.dumps(given["metadata"])
        if "entry_ids" in given:
            given["entry_ids"] = [str(entry_id(one) or one) for one in given["entry_ids"]]
        return given

    def visible(self, alias: str) -> str:
        """Whether a row is of the version."""
        span = (
            f"{alias}.first_version <= :version AND ({alias}.last_version IS NULL OR {alias}.last_version >= :version)"
        )
        return f"{alias}.knowledge_base_id = :kb AND {span}"

    def passes(self) -> str:
        """Whether a chunk `c` is of the version and passes the filters."""
        return " AND ".join([self.visible("c"), *(_FILTERS[name] for name in self.wanted)])
