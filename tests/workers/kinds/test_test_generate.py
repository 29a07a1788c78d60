"""The kind that writes test cases, from its input to drafts in the database."""

from typing import Any
from uuid import UUID

import pytest

from infra import ids
from infra.errors import BadInput, NotFound
from models import CaseState
from schemas.environment import EnvironmentIn
from schemas.test_generate import GenerateIn, GenerateOut
from tests.workers.specs.conftest import core, knowledge, reads, servers
from tests.workers.specs.ingesting_specs import Ctx
from tests.workers.specs.reading_specs import spec
from workers.kinds import BY_NAME
from workers.suites import cases, environments

__all__ = ["core", "knowledge", "reads", "servers"]

KIND = BY_NAME["test.generate"]
assert KIND.admit is not None
admit = KIND.admit
NOBODY = ids.show("kb", UUID(int=1))
NOTE: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 20},
        "stars": {"type": "integer", "maximum": 5},
    },
}


def notes(**more):
    """An API that keeps notes."""
    kept = {
        "allOf": [{"$ref": "#/components/schemas/Note"}, {"type": "object", "properties": {"id": {"type": "integer"}}}]
    }
    answered = {"description": "It.", "content": {"application/json": {"schema": kept}}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}}
    one = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}]
    refused = {"422": {"description": "No."}}
    paths = {
        "/notes": {"post": {"requestBody": body, "responses": {"201": answered, **refused}}},
        "/notes/{id}": {
            "get": {"parameters": one, "responses": {"200": answered, "404": {"description": "None."}, **refused}},
            "delete": {
                "parameters": one,
                "responses": {"204": {"description": "Gone."}, "404": {"description": "None."}},
            },
        },
    }
    return spec(paths, components={"schemas": {"Note": {**NOTE, **more}}})


@pytest.fixture
def generates(reads, run):
    """Runs the kind in the project of a knowledge base, and checks what comes back."""

    class Generator:
        ctx: Ctx

        def __call__(self, **payload):
            base = ids.show("kb", reads.knowledge.id)
            payload = {"from": "openapi", "knowledge_base_id": base, "modes": ["negative"], **payload}
            assert GenerateIn().validate(payload) == {}
            self.ctx = Ctx(reads.knowledge.project)
            result = run(KIND.run(self.ctx, payload))
            assert GenerateOut().validate(result) == {}
            return result

    return Generator()


def stored(reads, result):
    """The drafts as they are in the database, by name."""
    wanted = [UUID(one.removeprefix("tc_")) for one in result["drafts"]]
    found = reads.knowledge.do(lambda session: cases.get_cases(session, reads.knowledge.project, wanted))
    return {one.name: one for one in found.values()}


def test_the_example_is_valid():
    assert GenerateIn().validate(KIND.example) == {}


def test_cases_are_drafts_that_say_what_they_are_for(reads, generates):
    reads(notes())
    result = generates()
    assert (result["skipped"], result["operations"], result["warnings"]) == (0, 3, [])
    found = stored(reads, result)
    assert {one.state for one in found.values()} == {CaseState.DRAFT}
    case = found["POST /notes refuses a request where stars is 6, above its maximum of 5"]
    assert case.operation == "POST /notes"
    assert case.tags == ["generated", "negative"]
    assert case.knowledge_base_id == reads.knowledge.id
    told = "stars is 6, above its maximum of 5; the specification documents 422."
    assert case.description == told
    source = case.source
    assert (source["explanation"], source["parameter"], source["keyword"]) == (told, "stars", "maximum")
    assert (source["mode"], source["seed"], source["operation_key"]) == ("negative", 1, "POST /notes")
    assert generates.ctx.stages == [(0, 3, "generating"), (3, 3, "generating")]
    event = reads.knowledge.core.sql(
        "SELECT type, data FROM job_events WHERE project_id = :project AND type LIKE 'test_case%'",
        project=reads.knowledge.project,
    )
    assert [(row.type, row.data["drafts"]) for row in event] == [("test_case.generated", len(found))]


def test_a_changed_operation_gets_only_what_is_new_and_what_was_rejected_stays_so(reads, generates):
    reads(notes())
    first = generates(operations=["POST /notes"])
    reads.knowledge.core.sql(
        "UPDATE test_cases SET state = 'rejected' WHERE project_id = :project RETURNING id",
        project=reads.knowledge.project,
    )
    more = {"stars": {"type": "integer", "maximum": 6}, "pages": {"type": "integer", "minimum": 1}}
    reads(notes(properties={**NOTE["properties"], **more}))
    result = generates(operations=["POST /notes"])
    names = set(stored(reads, result))
    assert "POST /notes refuses a request where stars is 7, above its maximum of 6" in names
    assert all("stars" in one or "pages" in one for one in names)
    assert result["skipped"] == len(first["drafts"]) - 1


def test_only_the_operations_that_are_named_get_cases(reads, generates):
    reads(notes())
    result = generates(operations=["GET /notes/{id}"], modes=["positive"], max_cases_per_operation=1)
    assert result["operations"] == 1
    (case,) = stored(reads, result).values()
    assert case.operation == "GET /notes/{id}"
    content = reads.knowledge.do(lambda session: cases.content_of(session, case))
    assert [step["operation"] for step in content["setup"]] == ["POST /notes"]
    assert [step["method"] for step in content["teardown"]] == ["DELETE"]
    assert content["steps"][0]["path_params"] == {"id": "{{note_id}}"}


def test_where_no_environment_is_named_the_only_one_says_how_to_authenticate(reads, generates):
    project = reads.knowledge.project

    def environment(name):
        body = EnvironmentIn().load({"name": name, "auth": {name: {"type": "bearer", "token": "{{secret.token}}"}}})
        reads.knowledge.do(lambda one: environments.create_environment(one, project, body, created_by=None))

    def name(wish):
        found = reads.knowledge.do(lambda one: environments.wished_for(one, project, wish))
        return found and found.name

    document = notes()
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["paths"]["/notes"]["post"]["security"] = [{"token": []}]
    reads(document)
    environment("user")
    result = generates(operations=["POST /notes"], modes=["positive"], max_cases_per_operation=1)
    (case,) = stored(reads, result).values()
    (step,) = reads.knowledge.do(lambda one: cases.content_of(one, case))["steps"]
    assert step["auth"] == "user"
    assert (name({}), name({"environment": None}), name({"environment": "user"})) == ("user", None, "user")
    environment("another")
    assert name({}) is None


def test_what_is_not_there_is_refused_before_the_job_is_taken(reads, knowledge):
    base = ids.show("kb", knowledge.id)
    wish = {"from": "openapi", "knowledge_base_id": base}

    def refused(error, **more):
        with pytest.raises(error) as caught:
            knowledge.do(lambda session: admit(session, knowledge.project, {**wish, **more}))
        return caught.value

    assert "has no operations" in refused(BadInput).detail
    reads(notes())
    error = refused(BadInput, operations=["GET /notes/{id}", "GET /nowhere"])
    assert error.errors == [{"pointer": "/input/operations/1", "detail": "There is no operation 'GET /nowhere'."}]
    for field, value in (("environment", "nowhere"), ("source", "other"), ("knowledge_base_id", NOBODY)):
        (error,) = refused(NotFound, **{field: value}).errors
        assert error["pointer"] == f"/input/{field}"
    assert "has those of 'default'" in refused(NotFound, source="other").detail


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({"from": "trace"}, "trace"),
        ({"from": "description"}, "description"),
        ({"from": "trace", "trace": [{"a": 1}], "seed": 3}, "seed"),
        ({"from": "openapi", "trace": [{"a": 1}]}, "trace"),
        ({"from": "openapi", "modes": ["sideways"]}, "modes"),
        ({}, "from"),
    ],
)
def test_what_does_not_go_together_is_refused(payload, pointer):
    assert pointer in GenerateIn().validate(payload)


def test_a_schema_without_end_and_a_pattern_that_nothing_matches_do_not_stop_it(reads, generates):
    loop = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/components/schemas/Loop"}}}
    never = {"type": "object", "required": ["code"], "properties": {"code": {"type": "string", "pattern": "^a(?!b)b$"}}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Loop"}}}}
    other = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Never"}}}}
    upload = {"required": True, "content": {"multipart/form-data": {"schema": {"type": "object"}}}}
    answered = {"responses": {"200": {"description": "Fine."}}}
    paths = {
        "/loops": {"post": {"requestBody": body, **answered}},
        "/nevers": {"post": {"requestBody": other, **answered}},
        "/uploads": {"post": {"requestBody": upload, **answered}},
        "/fine": {"get": answered},
    }
    reads(spec(paths, components={"schemas": {"Loop": loop, "Never": never}}))
    result = generates(modes=["positive"])
    assert {one["operation"] for one in result["warnings"]} == {"POST /loops", "POST /nevers", "POST /uploads"}
    assert {one.operation for one in stored(reads, result).values()} == {"GET /fine"}
