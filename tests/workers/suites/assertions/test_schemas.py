"""Answers against JSON schemas."""

import asyncio
import time

import pytest

from infra.errors import BadInput
from tests.workers.suites.assertions.answers import http, judged, outcome, world
from workers.suites.assertions import judge
from workers.suites.assertions.schemas import MOST_KEPT, compiled

TREE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/$defs/Node"}}},
        }
    },
}


def schema(value, **more):
    return {"type": "json_schema", "schema": value, **more}


def test_a_valid_body_passes():
    assert outcome(schema({"type": "object"}), http({"a": 1})) == ("passed", "The body is valid against the schema.")
    assert outcome(schema(True), http({"a": 1}))[0] == "passed"
    assert outcome(schema({"type": "integer"}, path="$.a"), http({"a": 1})) == (
        "passed",
        "$.a is valid against the schema.",
    )


@pytest.mark.parametrize(
    ("one", "body", "message"),
    [
        ({"properties": {"price": {"type": "number"}}}, {"price": "12"}, '$.price is "12" (a string), not a number.'),
        ({"required": ["id"]}, {}, '$ has no "id".'),
        ({"items": {"minimum": 0}}, [1, -1], "$[1] is -1: it is less than the minimum of 0."),
        ({"additionalProperties": False}, {"a b": 1}, '$ has "a b", which the schema does not allow.'),
        ({"enum": ["a", "b"]}, '"c"', '$ is "c" (a string), not one of "a","b".'),
        ({"properties": {"a": False}}, {"a": 1}, "$.a is 1, and must not be there."),
        ({"format": "uuid"}, '"x"', '$ is "x": it is not a "uuid".'),
        ({"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "null"}}}]}, {"a": 1},
         "$.a is 1 (a number), not null."),
        ({"items": {"type": "string"}}, [1, 2, 3], "$[0] is 1 (a number), not a string; there are 2 more problems."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(one, body, message):
    assert outcome(schema(one), http(body)) == ("failed", message)


def test_all_problems_of_a_small_body_are_told_with_pointers():
    done = judged(schema({"properties": {"a/b": {"type": "string"}, "c": {"type": "null"}}}), http({"a/b": 1, "c": 2}))
    assert [(one["pointer"], one["keyword"]) for one in done.details] == [("/a~1b", "type"), ("/c", "type")]
    assert done.details[0]["message"] == '$["a/b"] is 1 (a number), not a string'
    many = judged(schema({"items": {"type": "string"}}), http(list(range(100))))
    assert len(many.details) == 20
    assert many.message.endswith("there are at least 19 more problems.")


def test_of_a_large_body_the_first_problem_is_told():
    done = judged(schema({"items": {"type": "integer"}}), http([*range(80_000), "x", "y"]))
    assert [one["pointer"] for one in done.details] == ["/80000"]
    assert done.message == '$[80000] is "x" (a string), not an integer.'


def test_a_problem_behind_a_path_is_told_from_there():
    assert outcome(schema({"required": ["b"]}, path="$.a"), http({"a": {}})) == ("failed", '$.a has no "b".')
    assert outcome(schema({}, path="$.a"), http({})) == ("failed", "$.a is missing.")


def test_schemas_with_cycles_work():
    assert outcome(schema(TREE), http({"name": "a", "children": [{"name": "b", "children": []}]}))[0] == "passed"
    assert outcome(schema(TREE), http({"name": "a", "children": [{}]}))[1] == '$.children[0] has no "name".'
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/a"}]}}}
    assert outcome(schema(loop), http([]))[0] in ("passed", "failed")


@pytest.mark.parametrize(
    "one",
    [
        {"$ref": "http://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/nowhere"},
        {"$schema": "http://example.com/meta"},
        {"type": "integr"},
        {"pattern": "("},
    ],
)
def test_a_schema_that_is_none_or_lies_elsewhere_is_an_error(one):
    verdict, message = outcome(schema(one), http({}))
    assert verdict == "errored"
    assert message.startswith("The JSON schema cannot be used: ")


def test_other_drafts_count_where_they_are_named():
    four = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    assert outcome(schema(four), http(3))[0] == "failed"


def test_a_pattern_that_needs_too_many_steps_is_an_error():
    verdict, message = outcome(schema({"pattern": "^((?=a)a+)+$"}), http(f'"{"a" * 60}b"'))
    assert verdict == "errored"
    assert "pattern" in message


def test_a_schema_is_compiled_once_in_a_run():
    within = world()
    one = {"type": "object", "properties": {"a": {"type": "integer"}}}
    again = {"properties": {"a": {"type": "integer"}}, "type": "object"}
    for each in (one, again):
        judged(schema(each), http({"a": 1}), within)
    (kept,) = within.cache.values()
    assert len(kept) == 1


def test_of_schemas_that_differ_by_execution_the_newest_are_kept_and_what_is_none_is_refused_again():
    within = world()
    for number in range(MOST_KEPT + 50):
        assert judged(schema({"const": number}), http(number), within).verdict == "passed"
    (kept,) = within.cache.values()
    assert len(kept) == MOST_KEPT
    wrong = [judged(schema({"pattern": "("}), http("a"), within) for _ in range(2)]
    assert [one.verdict for one in wrong] == ["errored", "errored"] and wrong[0].message == wrong[1].message


def doubling(levels):
    """A schema that looks at one place in 2^levels ways."""
    names = {
        f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"minimum": 0}]}]}
        for n in range(levels)
    }
    return {"$ref": "#/$defs/d0", "$defs": {**names, f"d{levels}": {"type": "string"}}}


def branching(ways=2):
    """A schema that looks at what is nested in it `ways` times as often at each level."""
    below = {"properties": {"c": {"$ref": "#/$defs/a"}}, "items": {"$ref": "#/$defs/a"}}
    return {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "string"}, *[below] * ways]}}}


def nested(depth, inner=5):
    for _ in range(depth):
        inner = {"c": inner}
    return inner


@pytest.mark.parametrize(
    ("one", "body"),
    [
        (doubling(40), {}),
        ({**doubling(11), "not": {"$ref": "#/$defs/d0"}, "then": {"$ref": "#/$defs/d0"}}, {}),
        (branching(), nested(60)),
        (branching(8), nested(20)),
        ({"items": {"pattern": "^(?=a)(a+)+$"}}, ["a" * 60] * 5000),
        ({"$id": "http://x.test/a", "$ref": "b", "$defs": {"b": {**doubling(40), "$id": "b"}}}, {}),
        ({"$ref": "#top", "$defs": {**branching()["$defs"], "x": {"$anchor": "top", "$ref": "#/$defs/a"}}}, nested(60)),
    ],
)
def test_a_schema_that_explodes_is_an_error_and_holds_nobody_up(one, body):
    async def run():
        gaps, last = [], time.monotonic()
        task = asyncio.create_task(judge([schema(one)], http(body), world()))
        while not task.done():
            await asyncio.sleep(0.002)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
        return task.result()[0], max(gaps)

    done, gap = asyncio.run(run())
    assert done.verdict == "errored", done.message
    assert gap < 5.0


def test_alternatives_as_people_write_them_do_not_explode():
    pets = {"oneOf": [{"type": "object", "required": [name], "properties": {name: {}}} for name in "abcdef"]}
    page = {"type": "object", "properties": {"items": {"items": pets}, "next": {"anyOf": [{"type": "null"}, pets]}}}
    assert outcome(schema(page), http({"items": [{"a": 1}, {"f": nested(10)}] * 2000, "next": {"b": 1}}))[0] == "passed"
    within = nested(4, "x")
    assert outcome(schema(branching(4)), http(within))[0] == "passed"


def test_what_explodes_is_refused_before_anything_is_asked():
    with pytest.raises(BadInput, match="alternatives"):
        compiled(doubling(40))
