"""The kind that reads OpenAPI descriptions, from its input to the draft."""

import json

import pytest

from infra import ids
from infra.errors import BadInput, NotFound, ProviderNotConfigured, TargetRefused
from schemas.openapi_ingest import OpenApiIngestIn, OpenApiIngestOut
from tests.workers.specs.conftest import core, knowledge, reads, servers
from tests.workers.specs.ingesting_specs import PET, TABLES, Ctx, counts, pets
from tests.workers.specs.reading_specs import get, spec, zipped
from workers.files import write_file
from workers.kinds import BY_NAME
from workers.specs import records

__all__ = ["core", "knowledge", "reads", "servers"]

KIND = BY_NAME["openapi.ingest"]
assert KIND.check is not None
assert KIND.serial is not None
check, serial = KIND.check, KIND.serial


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
    with pytest.raises(TargetRefused) as error:
        check({"url": "http://127.0.0.1/spec"})
    assert error.value.errors[0]["pointer"] == "/input/url"
    with pytest.raises(ProviderNotConfigured):
        check({"describe_with": "xai/grok"})
    assert serial({"knowledge_base_id": kb}) == serial({"knowledge_base_id": kb, "source": "default"})
    assert serial({"knowledge_base_id": kb, "source": "a"}) != serial({"source": "a"})
