"""Small specifications read into a knowledge base, without a worker around."""

import json

from infra import ids
from schemas.openapi_ingest import OpenApiIngestIn, OpenApiIngestOut
from tests.workers.kinds.test_completion import Recorder
from tests.workers.specs.reading_specs import get, spec
from workers.specs.ingesting import ingest

TABLES = ("kb_entries", "kb_revisions", "spec_schemas", "spec_sources")
PET = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}


def pets(**more):
    """A specification with three operations."""
    paths = {
        "/pets/{id}": get(
            {"$ref": "#/components/schemas/Pet"},
            summary="Get a pet",
            parameters=[{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
        ),
        "/pets": get({"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}, summary="List pets"),
        "/health": get(summary="Is it up"),
    }
    return spec(paths, components={"schemas": {"Pet": PET}}, **more)


class Ctx(Recorder):
    """Remembers how far it was, too."""

    def __init__(self, project, **options):
        super().__init__(**options)
        self.project_id = project
        self.stages = []

    async def progress(self, current, total=None, message=None):
        self.stages.append((current, total, message))


class Reader:
    """Reads descriptions into one knowledge base."""

    def __init__(self, knowledge, run):
        self.knowledge, self._run = knowledge, run
        self.ctx = Ctx(knowledge.project)

    def __call__(self, document=None, *, ctx=None, client=None, **payload):
        payload = {"knowledge_base_id": ids.show("kb", self.knowledge.id), **payload}
        if document is not None:
            payload["document"] = document
        assert OpenApiIngestIn().validate(payload) == {}
        self.ctx = ctx or Ctx(self.knowledge.project)
        result = self._run(ingest(self.ctx, payload, client))
        assert OpenApiIngestOut().validate(json.loads(json.dumps(result))) == {}
        return result

    def rows(self):
        """What is in the tables, row by row, with the transaction that wrote it."""
        return {
            name: sorted(map(str, self.knowledge.core.sql(f"SELECT ctid, xmin, project_id FROM {name}")))
            for name in TABLES
        }

    def entries(self):
        """The draft's entries by key."""
        found = self.knowledge.core.sql(
            "SELECT e.key, e.id, r.title, r.text, r.content, r.tags, r.metadata, r.origin FROM kb_entries e "
            "JOIN kb_revisions r ON r.id = e.draft_revision_id WHERE e.knowledge_base_id = :kb",
            kb=self.knowledge.id,
        )
        return {row.key: row for row in found}

    def events(self):
        """What was published, in order."""
        found = self.knowledge.core.sql(
            "SELECT type, data FROM job_events WHERE job_id = :kb ORDER BY sequence", kb=self.knowledge.id
        )
        return [(row.type, row.data) for row in found]


def counts(result):
    return tuple(result["operations"][name] for name in ("added", "changed", "removed", "unchanged"))
