"""Cases from operations alone: which there are, what they expect and why, and that a seed always makes the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workers.specs.reading_specs import ASKED, Read, spec
from workers.specs.parsing import parse
from workers.suites.cases import read_case
from workers.suites.content import content_of_body
from workers.suites.generating import jailed

Json = dict[str, Any]
Generate = Callable[..., list[Json]]

MODES = ["positive", "boundary", "negative", "stateful", "security"]
SKU: Json = {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}
THING: Json = {
    "type": "object",
    "required": ["name", "price"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 40},
        "price": {"type": "integer", "minimum": 0, "maximum": 1000},
        "colour": {"enum": ["red", "blue"]},
        "owner_id": {"type": "string", "format": "uuid"},
    },
}
KEPT: Json = {"type": "object", "required": ["sku"], "properties": {**THING["properties"], "sku": SKU}}
FOUND: Json = {
    "type": "object",
    "properties": {"total": {"type": "integer"}, "items": {"type": "array", "items": KEPT}},
}
OWNER: Json = {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}}}


def answer(schema: Json | None = None) -> Json:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"description": "Fine.", **content}


def query(name: str, **schema: Any) -> Json:
    return {"name": name, "in": "query", "schema": {"type": "integer", **schema}}


def things() -> Json:
    """An API with things of owners, who are made elsewhere."""
    body = {"required": True, "content": {"application/json": {"schema": THING}}}
    this = [{"name": "sku", "in": "path", "required": True, "schema": SKU}]
    no = {"401": answer(), "404": answer(), "422": answer()}
    key: Json = {"security": [{"key": []}]}
    paths = {
        "/owners": {"post": {"responses": {"201": answer(OWNER)}}},
        "/owners/{id}": {"get": {"parameters": [{**this[0], "name": "id"}], "responses": {"200": answer(OWNER), **no}}},
        "/things": {
            "get": {
                **key,
                "parameters": [query("limit", minimum=1, maximum=100, default=20), query("offset", minimum=0),
                               {"name": "colour", "in": "query", "schema": THING["properties"]["colour"]}],
                "responses": {"200": answer(FOUND), **no},
            },
            "post": {**key, "requestBody": body, "responses": {"201": answer(KEPT), **no}},
        },
        "/things/{sku}": {
            "parameters": this,
            "get": {**key, "responses": {"200": answer(KEPT), **no}},
            "put": {**key, "requestBody": body, "responses": {"200": answer(KEPT), **no}},
            "delete": {**key, "responses": {"204": answer(), **no}},
        },
    }  # fmt: skip
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}
    return spec(paths, openapi="3.1.0", components={"securitySchemes": schemes})


@pytest.fixture
def generate(tmp_path: Path) -> Generate:
    """Generates as the jail does, without the jail; every case must be one that can be stored."""

    def made(
        document: Json, *, seed: int = 1, modes: list[str] | None = None, warnings: list[Json] | None = None
    ) -> list[Json]:
        (tmp_path / "document").write_text(json.dumps(document))
        found = Read(parse(ASKED, {"document": tmp_path / "document"}))
        parts = {digest: json.loads(body) for digest, body in found.outcome["parts"].items()}
        operations = [
            {"key": key, "source": "default", "sha256": key, "record": one} for key, one in found.records.items()
        ]
        (tmp_path / "api").write_text(json.dumps({"operations": operations, "closures": parts, "schemas": parts}))
        argument = {
            "chosen": list(range(len(operations))), "seed": seed, "modes": modes or MODES, "max_latency_ms": 2800,
            "max_cases_per_operation": 500, "knowledge_base_id": None,
            "auth": {"mine": {"type": "api_key", "name": "x-key"}, "other": {"type": "bearer"}}, "default_auth": "mine",
        }  # fmt: skip
        result = jailed.generate(argument, {"api": tmp_path / "api"})
        (warnings if warnings is not None else []).extend(result["warnings"])
        for one in result["cases"]:
            content_of_body(read_case({name: value for name, value in one.items() if name not in ("source", "rank")}))
        found_cases: list[Json] = result["cases"]
        return found_cases

    return made


def named(cases: list[Json], name: str) -> Json:
    return next(one for one in cases if one["name"] == name)


def test_the_same_seed_makes_the_same_bytes_and_another_one_others(generate: Generate) -> None:
    first, again, other = generate(things()), generate(things()), generate(things(), seed=2)
    assert json.dumps(first) == json.dumps(again)
    assert json.dumps(first) != json.dumps(other)
    keys = [one["source"]["key"] for one in first]
    assert len(set(keys)) == len(keys)
    assert not {*keys} & {one["source"]["key"] for one in other}


def test_what_is_needed_is_made_before_and_removed_afterwards(generate: Generate) -> None:
    case = named(
        generate(things(), modes=["positive"]), "PUT /things/{sku} accepts a request with all that is optional"
    )
    assert [one["operation"] for one in case["setup"]] == ["POST /things", "POST /owners"] or [
        one["operation"] for one in case["setup"]
    ] == ["POST /owners", "POST /things"]
    (step,) = case["steps"]
    assert step["path_params"] == {"sku": "{{thing_id}}"}
    assert step["body"]["owner_id"] == "{{owner_id}}"
    assert [one["type"] for one in step["assert"]] == ["status", "operation", "latency"]
    assert [one["operation"] for one in case["teardown"]] == ["DELETE /things/{sku}"]
    assert "assert" not in case["teardown"][0]


def test_one_thing_at_a_time_is_wrong_and_the_specification_says_what_comes_of_it(generate: Generate) -> None:
    cases = generate(things(), modes=["negative"])
    limit = named(cases, "GET /things refuses a request where limit is 101, above its maximum of 100")
    assert limit["steps"][0]["query"] == {"limit": 101}
    assert limit["steps"][0]["assert"][0] == {"type": "status", "expected": 422}
    assert limit["source"]["explanation"] == "limit is 101, above its maximum of 100; the specification documents 422."
    post = [one for one in cases if one["operation"] == "POST /things"]
    told = {(one["source"]["parameter"], one["source"]["keyword"]) for one in post}
    assert {("name", "required"), ("name", "type"), ("name", "minLength"), ("name", "maxLength"), ("price", "maximum"),
            ("price", "minimum"), ("colour", "enum"), ("owner_id", "format"),
            ("the body", "additionalProperties"), ("the body", "contentMediaType")} <= told  # fmt: skip
    unknown = named(cases, "GET /things/{sku} answers 404 where there is no such thing")
    assert unknown["steps"][0]["assert"][0] == {"type": "status", "expected": 404}
    assert unknown["setup"] == []


def test_where_no_refusal_is_documented_any_4xx_will_do(generate: Generate) -> None:
    document = spec({"/a": {"get": {"parameters": [query("n", minimum=1)], "responses": {"200": answer()}}}})
    (case, *_) = [one for one in generate(document, modes=["negative"]) if one["source"]["keyword"] == "minimum"]
    assert case["steps"][0]["assert"] == [{"type": "status", "expected": "4xx"}]
    assert "no 4xx at all" in case["source"]["explanation"]


def test_callers_without_with_wrong_and_with_other_credentials_are_refused(generate: Generate) -> None:
    cases = [one for one in generate(things(), modes=["security"]) if one["operation"] == "GET /things"]
    none, wrong, other = (one["steps"][0] for one in cases)
    assert (none["auth"], "headers" in none) == (False, False)
    assert (wrong["auth"], wrong["headers"]) == (False, {"X-Key": "not-a-valid-key"})
    assert other["auth"] == "other"
    assert {one["assert"][0]["expected"] for one in (none, wrong, other)} == {401}


def test_a_life_is_seen_by_the_request_after_it(generate: Generate) -> None:
    cases = generate(things(), modes=["stateful"])
    made = named(cases, "A thing that was made with everything is what was sent")
    create, read = made["steps"]
    sent = create["body"]
    seen = {one["path"]: one["expected"] for one in read["assert"] if one["type"] == "body"}
    assert {"$.name": sent["name"], "$.price": sent["price"], "$.colour": sent["colour"]}.items() <= seen.items()
    assert seen["$.sku"] == read["path_params"]["sku"]
    gone = named(cases, "A thing that was removed is gone, and others are not")
    assert [step["assert"][0]["expected"] for step in gone["steps"]] == [204, 404, 200, 404]


def test_lists_are_limited_paged_and_filtered(generate: Generate) -> None:
    cases = [one for one in generate(things(), modes=["stateful"]) if one["operation"] == "GET /things"]
    two = named(cases, "GET /things gives 2 items when limit is 2")
    assert two["steps"][0]["assert"][2]["schema"] == {"type": "array", "minItems": 2, "maxItems": 2}
    red = named(cases, 'GET /things with colour "red" has only such items')
    assert red["setup"][-1]["body"]["colour"] == "red"
    assert red["steps"][0]["assert"][2] == {"type": "body", "path": "$.items[?@.colour != 'red']", "op": "not_exists"}
    pages = named(cases, "Pages of GET /things neither repeat nor omit items")
    (apart,) = {one["query"]["colour"] for one in pages["steps"]}
    assert apart not in {one["body"]["colour"] for one in two["setup"] if one["operation"] == "POST /things"}


def test_what_cannot_be_made_is_told(generate: Generate) -> None:
    body = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
    warnings: list[Json] = []
    cases = generate(spec({"/a": {"post": {"requestBody": body, "responses": {"200": answer()}}}}), warnings=warnings)
    assert (cases, [one["code"] for one in warnings]) == ([], ["unsendable_body"])
