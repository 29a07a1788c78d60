"""The kind that reads OpenAPI descriptions, from its input to the draft."""

import json
from contextlib import asynccontextmanager

import pytest

from infra import ids
from infra.errors import AnswerInvalid, BadInput, NotFound, ProviderNotConfigured, TargetRefused
from infra.http import GuardedClient
from schemas.openapi_ingest import OpenApiIngestIn, OpenApiIngestOut
from tests.fakes.target import HERE, NOTHING, Names, answer, serving
from tests.workers.jobs.conftest import core, servers
from tests.workers.kinds.test_completion import Recorder
from tests.workers.knowledge.conftest import knowledge
from tests.workers.specs.reading_specs import get, spec, zipped
from workers.files import write_file
from workers.kinds import BY_NAME
from workers.specs import records
from workers.specs.ingesting import ingest

__all__ = ["core", "knowledge", "servers"]

KIND = BY_NAME["openapi.ingest"]
assert KIND.check is not None
assert KIND.serial is not None
check, serial = KIND.check, KIND.serial
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


@pytest.fixture
def reads(knowledge, run):
    return Reader(knowledge, run)


def counts(result):
    return tuple(result["operations"][name] for name in ("added", "changed", "removed", "unchanged"))


def test_the_example_works(core, run):
    check(KIND.example)
    assert OpenApiIngestIn().validate(KIND.example) == {}
    project = core.project()
    result = run(KIND.run(Ctx(project), KIND.example))
    assert OpenApiIngestOut().validate(result) == {}
    assert core.sql("SELECT is_default FROM knowledge_bases WHERE project_id = :project", project=project) == [(True,)]


def test_every_operation_becomes_an_entry_that_compiles_alone(reads):
    result = reads(pets())
    assert counts(result) == (3, 0, 0, 0)
    assert (result["title"], result["version"], result["openapi"]) == ("Test", "1", "3.0.3")
    assert result["keys"]["added"] == ["GET /pets/{}", "GET /pets", "GET /health"]
    assert [stage for _, _, stage in reads.ctx.stages] == ["parsing", "parsing", "storing", "storing"]
    assert reads.ctx.stages[-1] == (3, 3, "storing")
    entry = reads.entries()["GET /pets/{}"]
    assert entry.title == "GET /pets/{id}: Get a pet"
    assert entry.origin["job_id"] == ids.show("job", reads.ctx.job_id)
    whole = reads.knowledge.do(lambda session: records.expanded(session, reads.knowledge.project, entry.content))
    assert whole["$defs"] == {"Pet": PET}


def test_the_same_again_writes_nothing(reads):
    reads(pets(), source="zoo")
    before = reads.rows()
    result = reads(pets(), source="zoo")
    assert counts(result) == (0, 0, 0, 3)
    assert reads.rows() == before
    assert reads.ctx.stages == [(3, 3, "parsing")]


def test_nor_does_the_same_written_otherwise(reads):
    reads(pets())
    before = reads.rows()
    result = reads(json.dumps(pets(), indent=2))
    assert counts(result) == (0, 0, 0, 3)
    now = reads.rows()
    assert {name: now[name] for name in TABLES[:3]} == {name: before[name] for name in TABLES[:3]}


def test_a_change_is_one_entry_field_by_field_and_by_rule(reads):
    reads(pets())
    changed = pets()
    operation = changed["paths"]["/pets/{id}"]["get"]
    operation["parameters"].append({"name": "zone", "in": "query", "required": True, "schema": {"type": "string"}})
    ids_before = {key: row.id for key, row in reads.entries().items()}
    result = reads(changed)
    assert counts(result) == (0, 1, 0, 2)
    assert result["keys"]["changed"] == ["GET /pets/{}"]
    assert [(one["id"], one["operation"]) for one in result["breaking"]] == [
        ("new-required-request-parameter", "GET /pets/{id}")
    ]
    assert [one["pointer"] for one in result["changes"][0]["fields"]] == ["/parameters/1"]
    assert {key: row.id for key, row in reads.entries().items()} == ids_before
    types = [type for type, _ in reads.events()]
    assert types == ["kb.ingested", "kb.ingested", "spec.breaking"]
    said = reads.events()[2][1]
    assert (said["count"], said["changes"][0]["id"]) == (1, "new-required-request-parameter")


def test_what_is_gone_leaves_the_draft_and_comes_back_as_it_was(reads):
    reads(pets())
    less = pets()
    del less["paths"]["/health"]
    kept = reads.entries()["GET /health"].id
    result = reads(less, mode="merge")
    assert counts(result) == (0, 0, 0, 2)
    result = reads(less)
    assert counts(result) == (0, 0, 1, 2)
    assert result["keys"]["removed"] == ["GET /health"]
    assert result["levels"]["error"] == 1
    assert "GET /health" not in reads.entries()
    assert counts(reads(pets())) == (1, 0, 0, 2)
    assert reads.entries()["GET /health"].id == kept


def test_sources_are_apart(reads):
    reads(pets(), source="one")
    result = reads(spec({"/health": get()}), source="two")
    assert counts(result) == (1, 0, 0, 0)
    assert counts(reads(spec({"/health": get()}), source="two", mode="replace")) == (0, 0, 0, 1)
    assert counts(reads(pets(), source="one")) == (0, 0, 0, 3)


def test_an_entry_that_somebody_changed_is_read_again(reads):
    reads(pets())
    reads.knowledge.core.sql("UPDATE kb_entries SET draft_revision_id = NULL WHERE key = 'GET /health' RETURNING 1")
    assert counts(reads(pets())) == (1, 0, 0, 2)


def test_a_draft_that_changes_meanwhile_is_compared_again(reads):
    reads(pets())
    changed = pets()
    changed["paths"]["/pets"]["get"]["summary"] = "All of them"
    touched: list[bool] = []

    class Interrupted(Ctx):
        async def progress(self, current, total=None, message=None):
            await super().progress(current, total, message)
            if message == "storing" and not touched:
                touched.append(True)
                reads.knowledge.core.sql(
                    "UPDATE kb_entries SET draft_revision_id = NULL WHERE key = 'GET /health' RETURNING 1"
                )

    result = reads(changed, ctx=Interrupted(reads.knowledge.project))
    assert counts(result) == (1, 1, 0, 1)
    assert "GET /health" in reads.entries()


def test_a_job_that_is_tried_again_after_it_stored_says_the_same(reads):
    ctx = Ctx(reads.knowledge.project)
    first = reads(pets(), ctx=ctx)
    assert reads(pets(), ctx=ctx) == first
    assert len(reads.events()) == 1


def test_files_and_zips_are_read(reads, run, tmp_path):
    files = {
        "api.yaml": "openapi: 3.0.0\ninfo: {title: T, version: '1'}\npaths: {/x: {$ref: 'x.yaml'}}\n",
        "x.yaml": json.dumps(get()),
    }
    path = zipped(files, tmp_path / "files.zip")
    file_id = run(write_file(reads.knowledge.project, "files.zip", "application/zip", path))
    result = reads(file_id=ids.show("file", file_id))
    assert counts(result) == (1, 0, 0, 0)
    assert reads.entries()["GET /x"].origin["file_id"] == ids.show("file", file_id)


@pytest.mark.parametrize(
    ("document", "why"),
    [("a: [b", "not valid YAML"), ("a: 1", "neither `openapi` nor"), ("a: &a [*a]", "within what it repeats")],
)
def test_what_cannot_be_read_changes_nothing(document, why, reads):
    reads(pets())
    before = reads.rows()
    with pytest.raises(BadInput, match=why):
        reads(document)
    assert reads.rows() == before
    assert len(reads.events()) == 1


@asynccontextmanager
async def web(pages):
    """A server with these pages, and a client that may call it."""

    async def talk(request, writer):
        writer.write(pages.get(request.path) or answer(b"", status="404 Not Found"))

    async with serving(talk) as target:
        client = GuardedClient(targets=HERE)
        try:
            yield target, client
        finally:
            await client.close()


async def _ingest_from(pages, ctx, **payload):
    async with web(pages) as (target, client):
        result = await ingest(ctx, {"url": target.url("/spec.json"), **payload}, client)
    return result, [one.path for one in target.requests]


def test_a_url_is_fetched_once(reads, run):
    pages = {"/spec.json": answer(json.dumps(pets()).encode())}
    result, asked = run(_ingest_from(pages, Ctx(reads.knowledge.project)))
    assert counts(result) == (3, 0, 0, 0)
    assert asked == ["/spec.json"]


def test_documents_that_it_refers_to_are_fetched_where_that_is_allowed(reads, run):
    document = spec({"/x": get({"$ref": "parts/a.json#/A"}), "/y": get({"$ref": "gone.json"})})
    part = {"A": {"properties": {"b": {"$ref": "b.json"}}}}
    pages = {
        "/spec.json": answer(json.dumps(document).encode()),
        "/parts/a.json": answer(json.dumps(part).encode()),
        "/parts/b.json": answer(b'{"type": "integer"}'),
    }
    kept, asked = run(_ingest_from(pages, Ctx(reads.knowledge.project), source="no"))
    assert asked == ["/spec.json"]
    assert [one["code"] for one in kept["warnings"]] == ["external_reference"] * 2
    result, asked = run(_ingest_from(pages, Ctx(reads.knowledge.project), allow_remote_refs=True))
    assert sorted(asked) == ["/gone.json", "/parts/a.json", "/parts/b.json", "/spec.json"]
    assert [one["code"] for one in result["warnings"]] == ["unresolved_reference", "unfetched_document"]


def test_private_addresses_are_not_fetched_even_by_a_redirect(reads, run):
    async def redirected():
        away = answer(b"", status="302 Found", location="http://127.0.0.2:80/latest")
        await _ingest_from({"/spec.json": away}, Ctx(reads.knowledge.project))

    async def refused(url):
        client = GuardedClient(targets=NOTHING, resolver=Names(inside=[["10.0.0.1"]]))
        try:
            await ingest(Ctx(reads.knowledge.project), {"url": url}, client)
        finally:
            await client.close()

    with pytest.raises(TargetRefused):
        run(redirected())
    for url in ("http://inside.example/spec", "http://169.254.169.254/latest", "http://[::1]/"):
        with pytest.raises(TargetRefused):
            run(refused(url))
    with pytest.raises(TargetRefused) as error:
        check({"url": "http://127.0.0.1/spec"})
    assert error.value.errors[0]["pointer"] == "/input/url"


def test_a_page_that_is_not_there_is_an_error(reads, run):
    with pytest.raises(AnswerInvalid, match="404"):
        run(_ingest_from({}, Ctx(reads.knowledge.project)))


def test_a_model_adds_words_and_is_not_asked_twice(reads):
    first = reads(pets(), describe_with="sandbox")
    assert first["descriptions"] == {"written": 3, "failed": 0}
    assert len(reads.ctx.usages) == 3
    entry = reads.entries()["GET /health"]
    assert entry.content["enriched"]["model"] == "sandbox"
    assert len(entry.content["enriched"]["questions"]) >= 3
    assert "## In other words" in entry.text
    again = reads(json.dumps(pets(), indent=1), describe_with="sandbox")
    assert (counts(again), reads.ctx.usages) == ((0, 0, 0, 3), [])
    # Nor does reading it without the model take the words away.
    assert counts(reads(json.dumps(pets(), indent=3))) == (0, 0, 0, 3)
    changed = pets()
    changed["paths"]["/health"]["get"]["summary"] = "Is it well"
    assert counts(reads(changed, describe_with="sandbox")) == (0, 1, 0, 2)
    assert len(reads.ctx.usages) == 1


def test_a_model_that_fails_leaves_the_written_description(reads, fake):
    result = reads(pets(), describe_with="openai/fail-401")
    assert result["descriptions"] == {"written": 0, "failed": 3}
    assert {one["code"] for one in result["warnings"]} == {"description_provider_auth"}
    assert reads.entries()["GET /health"].text.startswith("# GET /health: Is it up")


def test_a_limit_of_cost_leaves_the_rest_as_written(reads, fake):
    result = reads(pets(), describe_with="openai/gpt-4o-mini", ctx=Ctx(reads.knowledge.project, max_cost=0))
    assert result["descriptions"] == {"written": 0, "failed": 3}
    assert fake.calls == []


def test_schemas_that_nothing_refers_to_are_forgotten(reads):
    reads(pets())
    reads(pets(), source="other")
    knowledge = reads.knowledge
    assert knowledge.do(lambda session: records.forget_unused(session, knowledge.project)) == 0
    knowledge.core.sql(
        "DELETE FROM kb_revisions r USING kb_entries e WHERE e.id = r.entry_id AND e.source = 'other' RETURNING 1"
    )
    assert knowledge.do(lambda session: records.forget_unused(session, knowledge.project)) == 0
    knowledge.core.sql("DELETE FROM kb_revisions RETURNING 1")
    assert knowledge.do(lambda session: records.forget_unused(session, knowledge.project)) == 2


def test_a_record_can_be_unfolded_and_folded_again(reads):
    reads(pets())
    knowledge, content = reads.knowledge, reads.entries()["GET /pets"].content
    whole = knowledge.do(lambda session: records.expanded(session, knowledge.project, content))
    other = knowledge.core.project()
    assert knowledge.do(lambda session: records.folded(session, other, whole)) == content
    assert knowledge.do(lambda session: records.expanded(session, other, content)) == whole


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"document": {"a": 1}, "url": "https://a.example"},
        {"document": {}},
        {"document": 5},
        {"document": {"a": 1}, "mode": "add"},
        {"document": {"a": 1}, "source": ""},
        {"document": {"a": 1}, "allow_remote_refs": "yes"},
        {"document": {"a": 1}, "knowledge_base_id": "kb_1"},
        {"file_id": "file_1"},
        {"document": {"a": 1}, "else": 1},
    ],
)
def test_inputs_that_cannot_be_used_are_refused(payload):
    assert OpenApiIngestIn().validate(payload)


def test_what_only_the_database_knows_is_refused_when_it_is_submitted(core, knowledge):
    kb, nothing = ids.show("kb", knowledge.id), ids.new_id()
    admit = KIND.admit
    core.do(admit, knowledge.project, {"knowledge_base_id": kb})
    for wrong in ({"knowledge_base_id": ids.show("kb", nothing)}, {"file_id": ids.show("file", nothing)}):
        with pytest.raises(NotFound):
            core.do(admit, knowledge.project, wrong)
    with pytest.raises(NotFound):
        core.do(admit, core.project(), {"knowledge_base_id": kb})
    with pytest.raises(ProviderNotConfigured):
        check({"describe_with": "xai/grok"})
    assert serial({"knowledge_base_id": kb}) == serial({"knowledge_base_id": kb, "source": "default"})
    assert serial({"knowledge_base_id": kb, "source": "a"}) != serial({"source": "a"})
