"""Answers against the ingested description."""

import asyncio
from typing import Any

import pytest

from infra import ids
from tests.workers.specs.reading_specs import get, spec, swagger
from tests.workers.suites.assertions.answers import http, judged, outcome, world
from workers.suites.assertions import judge
from workers.suites.assertions.operations import answer_schema, documented, matching

PET = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "nullable": True},
        "secret": {"type": "string", "writeOnly": True},
        "friend": {"$ref": "#/components/schemas/Pet"},
    },
}
JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}
RESPONSES = {
    "200": {
        "description": "A pet",
        "content": {**JSON, "text/*": {"schema": {"type": "string"}}},
        "headers": {
            "X-Rate": {"required": True, "schema": {"type": "integer", "minimum": 0}},
            "X-Tags": {"schema": {"type": "array", "items": {"type": "integer"}}},
        },
    },
    "204": {"description": "No pet"},
    "4XX": {"description": "Wrong", "content": {"application/problem+json": {"schema": {"required": ["code"]}}}},
    "404": {"description": "None", "content": JSON},
}
ASSERTION = {"type": "operation"}
RATE = ("X-Rate", "3")


def pets(**more):
    paths = {
        "/pets/{id}": {"get": {"responses": RESPONSES}, "delete": {"responses": {"default": {"description": "Any"}}}},
        "/pets/mine": get({"type": "array"}),
        "/files/{name}.json": get({"type": "object"}),
    }
    return spec(paths, components={"schemas": {"Pet": PET}}, **more)


class Zoo:
    """How an answer of GET /pets/{id} is judged in an environment that has the description of pets."""

    def __init__(self, reads):
        reads(pets())
        self.world = world(
            reads.knowledge.project, knowledge_base_id=reads.knowledge.id, base_url="https://api.test/v1"
        )

    def __call__(self, body=b"", status=200, *, assertion=ASSERTION, **more):
        return judged(assertion, http(body, status, **{"url": "https://api.test/v1/pets/7", **more}), self.world)


@pytest.fixture
def zoo(reads):
    """The description, read."""
    return Zoo(reads)


def test_what_is_documented_passes(zoo):
    fine = [
        zoo({"id": 1, "name": None, "friend": {"id": 2, "name": "Bo"}}, headers=[RATE, ("x-tags", "1, 2")]),
        zoo("hello", headers=[RATE, ("content-type", "TEXT/Plain; charset=utf-8")]),
        zoo(status=204),
        zoo(b'{"code":1}', 418, headers=[("Content-Type", "application/problem+json")]),
        zoo({"id": 1, "name": "a"}, 404),
        zoo(method="HEAD", assertion={**ASSERTION, "operation": "GET /pets/{id}"}, headers=[RATE]),
        zoo(method="DELETE", status=500),
    ]
    assert [one.message for one in fine if one.verdict != "passed"] == []
    assert fine[0].message == "The answer is as documented for GET /pets/{id} with status 200."


PREFIX = "The answer is not as documented for GET /pets/{id} with status "


WRONG = [
    ({"id": "1", "name": "a"}, 404, f'{PREFIX}404: $.id is "1" (a string), not an integer.'),
    ({"id": 1, "name": "a", "friend": {"id": 2}}, 404, f'{PREFIX}404: $.friend has no "name".'),
    ({"id": 1, "name": "a", "secret": "x"}, 404, f'{PREFIX}404: $.secret is "x", and must not be there.'),
    (b"", 500, "The status 500 is not documented for GET /pets/{id}; documented are 200, 204, 404, 4XX."),
    (b"hello", 204, f"{PREFIX}204: the body has 5 bytes where there should be none."),
    (b"hello", 404, f"{PREFIX}404: the content type is missing, not application/json."),
    ({"code": 1}, 400, f"{PREFIX}400: the content type is application/json, not application/problem+json."),
    (b"", 200, f"{PREFIX}200: the content type is missing, not text/* or application/json; there is 1 more problem."),
]


def test_what_is_not_documented_fails_with_the_reason(zoo):
    for body, status, message in WRONG:
        done = zoo(body, status)
        assert (str(done.verdict), done.message) == ("failed", message)


def test_a_body_that_is_no_json_where_json_is_documented_fails(zoo):
    done = zoo(b"{", 404, headers=[("content-type", "application/json")])
    assert done.verdict == "failed"
    assert "the body is not JSON: " in done.message


def test_headers_that_are_required_and_their_values_are_looked_at(zoo):
    body = {"id": 1, "name": "a"}
    assert zoo(body).message == f"{PREFIX}200: the header X-Rate is missing."
    done = zoo(body, headers=[("x-rate", "-1"), ("x-tags", "1,b")])
    assert [(one["in"], one["header"]) for one in done.details] == [("headers", "X-Rate"), ("headers", "X-Tags")]
    assert done.message.startswith(
        f"{PREFIX}200: the header X-Rate is -1: it is less than the minimum of 0; there is 1"
    )
    assert zoo(body, headers=[("x-rate", "many")]).message.endswith('X-Rate is "many" (a string), not an integer.')


def test_a_body_that_was_cut_is_an_error(zoo):
    done = zoo(b'{"id":', 404, headers=[("content-type", "application/json")], cut=True)
    assert done.verdict == "errored"
    assert "10 MiB" in done.message


REQUESTS = [
    ("https://api.test/v1/pets/7?x=1", None, "GET /pets/{id}"),
    ("https://api.test/v1/pets/a%2Fb", None, "GET /pets/{id}"),
    ("https://api.test/pets/7", None, "GET /pets/{id}"),
    ("https://api.test/v1/pets/mine", None, "GET /pets/mine"),
    ("https://api.test/v1/pets/mine", "GET /pets/{id}", "GET /pets/mine"),
    ("https://api.test/v1/files/a.json", None, "GET /files/{name}.json"),
    ("https://api.test/v1/files/.json", "GET /files/{file}.json", "GET /files/{name}.json"),
    ("https://api.test/v1/pets/", "get /pets/{pet}", "GET /pets/{id}"),
]


def test_the_operation_is_found_by_the_request_and_else_by_the_case(zoo):
    for url, named, operation in REQUESTS:
        assert f"for {operation}; documented" in zoo(status=599, url=url, operation=named).message


def test_the_assertion_may_name_another_operation(zoo):
    done = zoo([], assertion={**ASSERTION, "operation": "GET /pets/mine"})
    assert done.message == "The answer is as documented for GET /pets/mine with status 200."


def test_an_operation_that_nobody_described_is_an_error_with_what_to_do(zoo):
    for path in ("/v1/cats", "/v1/pets/7/x", "/v2/pets/7"):
        done = zoo(url=f"https://api.test{path}")
        assert done.verdict == "errored"
        assert f"has no operation GET {path}; ingest the description" in done.message


def test_without_a_knowledge_base_the_error_says_what_to_do(zoo):
    verdict, message = outcome(ASSERTION, http())
    assert verdict == "errored"
    assert "`knowledge_base_id`" in message
    for wrong in ("kb_1", ids.show("kb", ids.new_id())):
        assert zoo(assertion={**ASSERTION, "knowledge_base_id": wrong}).verdict == "errored"


def test_where_none_is_named_the_projects_own_knowledge_base_says_it(zoo, reads):
    within = world(reads.knowledge.project, base_url="https://api.test/v1")
    answer = http(b"", 204, url="https://api.test/v1/pets/7")
    assert "ingest the API's description" in judged(ASSERTION, answer, within).message
    own = "UPDATE knowledge_bases SET is_default = :own WHERE id = :kb"
    reads.knowledge.core.sql(own, own=True, kb=reads.knowledge.id)
    try:
        within = world(reads.knowledge.project, base_url="https://api.test/v1")
        assert judged(ASSERTION, answer, within).verdict == "passed"
    finally:
        reads.knowledge.core.sql(own, own=False, kb=reads.knowledge.id)


def test_the_knowledge_base_is_the_assertions_else_the_cases_else_the_environments(zoo, reads):
    elsewhere = ids.new_id()
    assert zoo(status=204, knowledge_base_id=elsewhere).verdict == "errored"
    named = {**ASSERTION, "knowledge_base_id": ids.show("kb", reads.knowledge.id)}
    assert zoo(status=204, knowledge_base_id=elsewhere, assertion=named).verdict == "passed"


def test_of_several_sources_one_is_named(zoo, reads):
    reads(spec({"/pets/{pet}": get(None)}), source="other")
    zoo.world.cache.clear()
    done = zoo(status=204)
    assert done.verdict == "errored"
    assert "'default', 'other'; name one as `source`" in done.message
    assert zoo(status=204, assertion={**ASSERTION, "source": "default"}).verdict == "passed"
    assert zoo(status=204, assertion={**ASSERTION, "source": "other"}).verdict == "failed"


def test_paths_of_servers_stand_before_those_of_operations(reads):
    reads(pets(servers=[{"url": "https://{host}/{version}/zoo"}, {"url": "/plain/"}]))
    within = world(reads.knowledge.project, knowledge_base_id=reads.knowledge.id)
    for url in ("http://x.test/v3/zoo/pets/7", "http://x.test/plain/pets/7", "http://x.test/pets/7"):
        assert judged(ASSERTION, http(status=204, url=url), within).verdict == "passed"
    assert judged(ASSERTION, http(status=204, url="http://x.test/v3/other/pets/7"), within).verdict == "errored"


def test_an_active_version_counts_and_else_the_draft(zoo, reads):
    knowledge = reads.knowledge
    number = knowledge.built()
    knowledge.core.sql(
        "UPDATE knowledge_bases SET active_version = :number WHERE id = :kb", number=number, kb=knowledge.id
    )
    changed = pets()
    changed["paths"]["/pets/{id}"]["get"]["responses"] = {"201": {"description": "Made"}}
    changed["paths"]["/new"] = get(None)
    reads(changed)
    assert zoo(status=204).verdict == "passed"
    assert "The active version 1 of knowledge base kb_" in zoo(url="https://api.test/v1/new").message
    knowledge.core.sql("UPDATE knowledge_bases SET active_version = NULL WHERE id = :kb", kb=knowledge.id)
    zoo.world.cache.clear()
    assert zoo(status=204).verdict == "failed"
    assert zoo(url="https://api.test/v1/new").verdict == "passed"


def test_many_at_once_read_the_database_once(zoo):
    async def many():
        answered = http({"id": 1, "name": "a"}, 404, url="https://api.test/v1/pets/7")
        return await asyncio.gather(*(judge([ASSERTION], answered, zoo.world) for _ in range(20)))

    assert {one.verdict for [one] in asyncio.run(many())} == {"passed"}
    made = [key for key in zoo.world.cache if key[0] in ("operations", "operation", "documented")]
    assert len(made) == 3


def test_descriptions_of_swagger_2_work_as_well(reads):
    responses = {"200": {"description": "OK", "schema": {"type": "array", "items": {"type": "integer"}}}}
    reads(swagger({"/x": {"get": {"produces": ["application/json"], "responses": responses}}}, basePath="/api"))
    within = world(reads.knowledge.project, knowledge_base_id=reads.knowledge.id)
    assert judged(ASSERTION, http([1], url="http://x.test/api/x"), within).verdict == "passed"
    assert judged(ASSERTION, http(["1"], url="http://x.test/api/x"), within).message.endswith(
        '$[0] is "1" (a string), not an integer.'
    )


def test_a_status_is_looked_for_from_the_exact_to_the_default():
    responses: dict[str, Any] = {"200": 1, "2XX": 2, "default": 3}
    assert [documented(responses, status) for status in (200, 201, 404)] == [*responses.items()]
    assert documented({"200": 1}, 201) is None


def test_media_types_are_looked_for_from_the_exact_to_the_range():
    content = {"application/json; charset=utf-8": 1, "application/*": 2, "*/*": 3}
    wanted = ["application/json; charset=utf-8", "application/*", "*/*"]
    assert [matching(content, one) for one in ("application/json", "application/xml", "text/html")] == wanted
    assert matching(content, "") is None
    assert matching({"text/html": 1}, "text/plain") is None


def test_what_is_only_written_is_refused_wherever_it_comes_from_and_never_required():
    base = {"properties": {"pin": {"$ref": "#/$defs/Pin"}, "a": {}}, "required": ["pin", "a"]}
    one = {"allOf": [{"$ref": "#/$defs/Base"}], "required": ["pin", "a"], "properties": {"writeOnly": {"const": True}}}
    made = answer_schema(one, {"Base": base, "Pin": {"type": "string", "writeOnly": True}, "Other": {}})
    assert made["required"] == ["a"]
    assert made["$defs"]["Base"] == {"properties": {"pin": False, "a": {}}, "required": ["a"]}
    assert "Other" not in made["$defs"]
