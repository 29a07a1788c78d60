"""Test cases that are refused over HTTP: each with a sentence that says what to do, where it is wrong."""

import json
from typing import Any

import pytest

from tests.api.test_cases import ASK, GET, make, refused, where
from tests.client import Client

Json = dict[str, Any]
WRONG: list[tuple[Json, str, str]] = [
    ({"method": "GET"}, "/steps/0/url", "Missing"),
    ({"url": "/a"}, "/steps/0/method", "Missing"),
    ({**GET, "method": "FETCH"}, "/steps/0/method", "Must be one of: GET"),
    ({**GET, "kind": "grpc"}, "/steps/0/kind", "Must be one of: http, completion."),
    ({**GET, "json": {}}, "/steps/0/json", "A step of kind http has no such field; it takes id, name,"),
    ({**ASK, "stream": True}, "/steps/0/stream", "has no such field"),
    ({**ASK, "messages": []}, "/steps/0/messages", "Must have 1 to"),
    ({**ASK, "assert": [{"type": "status", "expected": 200}]}, "/steps/0/assert/0/type", "Must be one of: body"),
    ({**GET, "url": "ftp://example.com"}, "/steps/0/url", "Must begin with http://"),
    ({**GET, "url": "file:///etc/passwd"}, "/steps/0/url", "Must begin with http://"),
    ({**GET, "url": "https://ada:secret@example.com/"}, "/steps/0/url", "user name or password"),
    ({**GET, "url": "/a\nb"}, "/steps/0/url", "control characters"),
    ({**GET, "url": "/a/{{"}, "/steps/0/url", "is not closed"),
    ({**GET, "url": "/a/{{ 7 * 7 }}"}, "/steps/0/url", "names no value"),
    ({**GET, "url": "/a/{{ ''.__class__ }}"}, "/steps/0/url", "names no value"),
    ({**GET, "id": "a b"}, "/steps/0/id", "Must be a name"),
    ({**GET, "timeout_s": 0.01}, "/steps/0/timeout_s", "Must be greater"),
    ({**GET, "redirects": 11}, "/steps/0/redirects", "Must be greater"),
    ({**GET, "retry": {"max": 6}}, "/steps/0/retry/max", "Must be greater"),
    ({**GET, "retry": {"max": 1, "on": ["never"]}}, "/steps/0/retry/on/0", "Must be a cause"),
    ({**GET, "body": 1, "text": "a"}, "/steps/0/text", "has `body` already"),
    ({**GET, "query": {"a": {}}}, "/steps/0/query/a", "Must be a text"),
    ({**GET, "path_params": {"a": None}}, "/steps/0/path_params/a", "not be null"),
    ({**GET, "headers": {"a b": "c"}}, "/steps/0/headers/a b", "Must be the name of a header"),
    ({**GET, "headers": {"Host": "c"}}, "/steps/0/headers/Host", "set by Switchyard itself"),
    ({**GET, "headers": {"X": "a\r\nY: b"}}, "/steps/0/headers/X", "printable ASCII"),
    ({**GET, "auth": True}, "/steps/0/auth", "or false for none"),
    ({**GET, "auth": {"type": "magic"}}, "/steps/0/auth/type", "Must be one of: bearer"),
    ({**GET, "auth": {"type": "bearer", "token": "s3cret"}}, "/steps/0/auth/token", "secret of the environment"),
    ({**GET, "auth": {"type": "basic", "username": "a", "password": "b"}}, "/steps/0/auth/password", "plain text"),
    ({**GET, "operation": "users"}, "/steps/0/operation", "as `GET /users/{id}`"),
    ({**GET, "extract": [{"name": "a", "from": "jsonpath"}]}, "/steps/0/extract/0/expression", "needs an expression"),
    ({**GET, "extract": [{"name": "a", "from": "status", "expression": "x"}]}, "/steps/0/extract/0/expression", "out"),
    (
        {**GET, "extract": [{"name": "a", "from": "jsonpath", "expression": "$..["}]},
        "/steps/0/extract/0/expression",
        "not valid JSONPath",
    ),
    (
        {**GET, "extract": [{"name": "a", "from": "regex", "expression": "(a"}]},
        "/steps/0/extract/0/expression",
        "not valid: missing )",
    ),
]
WRONG_ASSERTIONS: list[tuple[Any, str, str]] = [
    (3, "", "Must be an object."),
    ({"type": "status", "expected": 200, "path": "$.a"}, "/path", "An assertion of type status has no such field"),
    ({"type": "status", "expected": 99}, "/expected", "Must be a status from 100 to 599"),
    ({"type": "status", "expected": [200, "6xx"]}, "/expected", "Must be a status from 100 to 599"),
    ({"type": "status", "expected": "2xx", "op": "less"}, "/expected", "compares with one status"),
    ({"type": "status", "expected": 200, "op": "contains"}, "/op", "Must be one of: equals"),
    ({"type": "status", "expected": 200, "severity": "maybe"}, "/severity", "Must be one of: fail, warn."),
    ({"type": "header", "name": "X", "op": "exists", "expected": 1}, "/expected", "leave `expected` out"),
    ({"type": "header", "name": "X"}, "/expected", "needs a value"),
    ({"type": "body", "path": "$.[", "op": "exists"}, "/path", "not valid JSONPath"),
    ({"type": "body", "path": "a[", "op": "exists"}, "/path", "not valid JMESPath"),
    ({"type": "body", "op": "matches", "expected": "(a"}, "/expected", "missing )"),
    ({"type": "body", "op": "less", "expected": []}, "/expected", "a number or a text"),
    ({"type": "body", "op": "length", "expected": -1}, "/expected", "whole number"),
    ({"type": "body", "op": "type", "expected": "date"}, "/expected", "one of: string"),
    ({"type": "body", "op": "one_of", "expected": []}, "/expected", "a list"),
    ({"type": "json_schema", "schema": {"type": "strnig"}}, "/schema", "JSON schema"),
    ({"type": "json_schema", "schema": {"$ref": "http://127.0.0.1/x"}}, "/schema", "JSON schema"),
    ({"type": "json_schema", "schema": []}, "/schema", "Must be a JSON schema"),
    ({"type": "regex", "pattern": "[a"}, "/pattern", "not valid"),
    ({"type": "regex", "pattern": "((a{99}){99}){99}"}, "/pattern", "repeats too much"),
    ({"type": "latency", "max_ms": 0}, "/max_ms", "Must be greater"),
    ({"type": "size"}, "", "Needs max_bytes"),
    ({"type": "size", "min_bytes": 2, "max_bytes": 1}, "/min_bytes", "more than max_bytes"),
    ({"type": "same_meaning", "expected": "a", "judges": 3}, "/judges", "by: judge"),
    ({"type": "same_meaning", "expected": "a", "model": "m", "judges": 6}, "/judges", "Must be greater"),
    ({"type": "validation_prompt"}, "/prompt", "Missing"),
]


@pytest.mark.parametrize(("step", "pointer", "detail"), WRONG, ids=lambda value: str(value)[:60])
def test_a_step_that_cannot_work_is_refused_where_it_is_wrong(
    step: Json, pointer: str, detail: str, client: Client
) -> None:
    assert detail in where(client, {"name": "one", "steps": [step]})[pointer]


@pytest.mark.parametrize(("assertion", "at", "detail"), WRONG_ASSERTIONS, ids=lambda value: str(value)[:60])
def test_an_assertion_that_cannot_work_is_refused_where_it_is_wrong(
    assertion: Any, at: str, detail: str, client: Client
) -> None:
    body = {"name": "one", "steps": [ASK, {**GET, "assert": [{"type": "status", "expected": 200}, assertion]}]}
    assert detail in where(client, body)[f"/steps/1/assert/1{at}"]


def test_a_case_that_cannot_be_is_refused(client: Client) -> None:
    good = {"name": "one", "steps": [GET]}
    assert refused(client, {**good, "colour": "red"})["code"] == "unknown_field"
    assert "/name" in where(client, {**good, "name": " "}) and "/steps" in where(client, {"name": "one"})
    assert "/steps" in where(client, {**good, "steps": []})
    assert "/steps" in where(client, {**good, "steps": [GET] * 51})
    assert "/steps/0/assert" in where(client, {**good, "steps": [{**GET, "assert": GET["assert"] * 101}]})
    assert "/state" in where(client, {**good, "state": "rejected"})
    assert "/tags" in where(client, {**good, "tags": ["a", "a"]})
    assert "/variables/a b" in where(client, {**good, "variables": {"a b": 1}})
    assert "/data/1" in where(client, {**good, "data": [{}, 7]})
    assert "/data_csv" in where(client, {**good, "data": [{"a": 1}], "data_csv": "a\n1\n"})
    twice = where(client, {**good, "setup": [{**GET, "id": "a"}], "steps": [GET, {**GET, "id": "a"}]})
    assert twice == {"/steps/1/id": "'a' is the id of another step already (/setup/0/id)."}


def test_schemas_with_cycles_and_templates_in_every_place_are_taken(client: Client) -> None:
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}
    found = make(client, steps=[{**GET, "assert": [{"type": "json_schema", "schema": tree, "path": "{{where}}"}]}])
    assert found["steps"][0]["assert"][0]["schema"] == tree
    regex = {"type": "regex", "pattern": "{{row.pattern}}("}
    make(client, steps=[{**GET, "headers": {"X": "{{name ?? ü}}"}, "assert": [regex]}])


@pytest.mark.parametrize(
    ("csv", "detail"),
    [
        ("id,name\n1,ada\n2\n", "Line 3 has 1 cells, and the first line 2."),
        ("id,id\n1,2\n", "The first line names the column 'id' twice."),
        ("id,\n1,2\n", "empty"),
        ('id\n"open\n', "Line 2 is not valid CSV"),
        ("\n\n", "There is no line with the names"),
    ],
)
def test_csv_that_is_no_table_is_refused(csv: str, detail: str, client: Client) -> None:
    assert detail in where(client, {"name": "one", "steps": [GET], "data_csv": csv})["/data_csv"]


def test_too_many_rows_belong_into_a_file(client: Client) -> None:
    rows = {"data": [{"id": 1}] * 100_000}, {"data_csv": "id\n" + "1\n" * 100_000}
    for body in rows:
        problem = refused(client, {"name": "one", "steps": [GET], **body})
        assert problem["code"] == "too_many_rows" and "data_file_id" in problem["detail"]
    assert len(make(client, data=[{"id": 1}] * 10_000)["data"]) == 10_000


def test_what_is_nested_without_end_or_too_large_is_refused(client: Client) -> None:
    def nested(depth: int) -> Any:
        return json.loads("[" * depth + "]" * depth)

    good = {"name": "one", "steps": [GET]}
    for depth in (70, 300, 900):
        assert "nested" in where(client, {**good, "variables": {"deep": nested(depth)}})["/variables"]
        assert "nested" in where(client, {**good, "data": [{"deep": nested(depth)}]})["/data"]
        assert "nested" in where(client, {**good, "steps": [{**GET, "body": nested(depth)}]})["/steps"]
    assert "bytes" in where(client, {**good, "variables": {"large": "x" * 1_100_000}})["/steps"]
    assert refused(client, {**good, "variables": {"large": "x" * 5_000_000}}, 413)["code"] == "body_too_large"
    assert refused(client, {**good, "variables": {"nul": "\0"}})["code"] == "nul_character"
    make(client, variables={"deep": nested(40)})
