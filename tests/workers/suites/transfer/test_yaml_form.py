"""Tests as YAML: what a person writes becomes a case, and what is exported is imported as the same content."""

import textwrap
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import BadInput
from models import Case
from workers.suites import content
from workers.suites.cases import read_case
from workers.suites.transfer import exporting, yaml_form
from workers.suites.transfer.yaml_form import parsed, written

Json = dict[str, Any]

ODD = ["no", "1e3", "0x1F", "0o17", "<<", "~", "", "{{id}}", "- a", "a: b", "#x", " x", "x ", "a\nb", "\na", "=",
       "a\n\n b", "!x", "&a", "*a", "1_000", "2024-01-01", "1:30", ".5", "1.", "\ufeff", "\x85", "a\tb"]  # fmt: skip
TEXTS = st.one_of(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.sampled_from(ODD))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@EXAMPLES
@given(VALUES)
def test_what_is_written_is_read_as_the_same_value(value) -> None:
    assert orjson.dumps(parsed(written(value))) == orjson.dumps(value)


def read(text: str) -> Json:
    """The one case of a file."""
    (case,) = yaml_form.read(textwrap.dedent(text)).cases
    return case


def test_short_forms_become_a_case() -> None:
    case = read("""
        - name: an order can be read
          tags: [orders]
          parametrize: {columns: [id, total], rows: [[1, 10.5], [2, 0]]}
          steps:
            - request: post /orders
              body: {total: "{{row.total}}"}
              extract: {order: $.id, page: next.page, where: {header: Location, secret: true}, code: {status: }}
              assert:
                - status: 2xx
                - header: {Content-Type: {contains: json}, X-Old: {exists: false}}
                - {latency: 500, severity: warn}
            - completion: sandbox
              prompt: Say hello
              assert: {contains: hello, same_meaning: a greeting, size: {min_bytes: 1}}
        """)
    assert case["data"] == [{"id": 1, "total": 10.5}, {"id": 2, "total": 0}]
    assert case["steps"][0] == {
        "kind": "http",
        "method": "POST",
        "url": "/orders",
        "body": {"total": "{{row.total}}"},
        "extract": [
            {"name": "order", "from": "jsonpath", "expression": "$.id"},
            {"name": "page", "from": "jmespath", "expression": "next.page"},
            {"name": "where", "from": "header", "expression": "Location", "secret": True},
            {"name": "code", "from": "status"},
        ],
        "assert": [
            {"type": "status", "expected": "2xx"},
            {"type": "header", "name": "Content-Type", "op": "contains", "expected": "json"},
            {"type": "header", "name": "X-Old", "op": "not_exists"},
            {"type": "latency", "max_ms": 500, "severity": "warn"},
        ],
    }
    assert case["steps"][1]["model"] == "sandbox"
    assert case["steps"][1]["messages"] == [{"role": "user", "content": "Say hello"}]
    assert [one["type"] for one in case["steps"][1]["assert"]] == ["contains", "same_meaning", "size"]
    content.content_of_body(read_case(case))


def test_a_body_is_compared_by_path_by_operator_or_as_a_whole() -> None:
    (step,) = read("""
        - name: x
          request: GET /
          assert:
            - body: {$.id: {type: integer}, name: Ann, $.tags: {length: 2, contains: a}, $.at: {x: 1}}
            - body: {contains: {a: 1}}
            - body: [1, 2]
            - body: {equals: {equals: 1}}
        """)["steps"]
    assert step["assert"] == [
        {"type": "body", "path": "$.id", "op": "type", "expected": "integer"},
        {"type": "body", "path": "name", "expected": "Ann"},
        {"type": "body", "path": "$.tags", "op": "length", "expected": 2},
        {"type": "body", "path": "$.tags", "op": "contains", "expected": "a"},
        {"type": "body", "path": "$.at", "expected": {"x": 1}},
        {"type": "body", "op": "contains", "expected": {"a": 1}},
        {"type": "body", "expected": [1, 2]},
        {"type": "body", "op": "equals", "expected": {"equals": 1}},
    ]


COMPARED = st.one_of(
    st.fixed_dictionaries({"expected": VALUES}),
    st.fixed_dictionaries({"op": st.sampled_from(["equals", "contains", "not_equals"]), "expected": VALUES}),
    st.fixed_dictionaries({"op": st.sampled_from(["exists", "not_exists", "empty", "not_empty"])}),
)
PATHS = st.sampled_from(["$.a", "a.b", "$", "type", "equals"])
ASSERTIONS = st.one_of(
    COMPARED.map(lambda one: {"type": "body", **one}),
    st.builds(lambda path, one: {"type": "body", "path": path, **one}, PATHS, COMPARED),
    st.builds(lambda one: {"type": "header", "name": "X-A", **one}, COMPARED),
    st.sampled_from([
        {"type": "status", "expected": 200}, {"type": "status", "op": "less", "expected": 500, "severity": "warn"},
        {"type": "json_schema", "schema": {"type": "object"}, "path": "$.a"}, {"type": "json_schema", "schema": True},
        {"type": "operation"}, {"type": "operation", "operation": "GET /a", "source": "x"},
        {"type": "size", "min_bytes": 1}, {"type": "size", "max_bytes": 2}, {"type": "latency", "max_ms": 1.5},
        {"type": "exact", "expected": "a", "trim": True}, {"type": "exact", "expected": "{{a}}", "severity": "fail"},
        {"type": "validation_prompt", "prompt": "ok?"}, {"type": "same_meaning", "expected": "a", "by": "embedding"},
    ]),
)  # fmt: skip
EXTRACTS = st.sampled_from([
    {"name": "a", "from": "jsonpath", "expression": "$.a"}, {"name": "b", "from": "jmespath", "expression": "$.a"},
    {"name": "c", "from": "status"}, {"name": "d", "from": "regex", "expression": "a(b)", "default": None},
    {"name": "a", "from": "jmespath", "expression": "a"}, {"name": "e", "from": "header", "expression": "A"},
])  # fmt: skip
STEPS = st.builds(
    lambda base, asserts, extracts, more: {**base, **more, "extract": extracts, "assert": asserts},
    st.sampled_from([
        {"kind": "http", "method": "GET", "url": "/a b"}, {"kind": "http", "method": "PUT", "url": "{{u}}", "text": ""},
        {"kind": "completion", "model": "m", "messages": [{"role": "user", "content": "x"}]},
        {"kind": "completion", "messages": [{"role": "system", "content": "x"}]}, {"method": "GET", "url": "/"},
    ]),
    st.lists(ASSERTIONS, max_size=4),
    st.lists(EXTRACTS, max_size=3),
    st.sampled_from([{}, {"id": "mine"}, {"id": "step_1", "name": "n"}, {"id": "step_7"}, {"timeout_s": 2}]),
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b", "1"]), SCALARS, max_size=3), max_size=4)


@EXAMPLES
@given(steps=st.lists(STEPS, min_size=1, max_size=3), rows=ROWS, variables=st.dictionaries(PATHS, VALUES, max_size=2))
def test_an_exported_case_is_imported_with_the_same_content(steps, rows, variables) -> None:
    bare = {"variables": variables, "data": rows, "data_file_id": None, "setup": [], "steps": steps, "teardown": steps}
    whole = {**bare, **content.named_steps(bare)}
    test = exporting.test(Case(name="x", tags=["a"], description=None), whole)
    case = yaml_form.case_of(parsed(written(test)), "")
    kept = exporting.kept(case)
    assert content.content_hash(kept) == content.content_hash(whole)
    assert case["name"] == "x" and case["tags"] == ["a"]


@pytest.mark.parametrize(
    ("text", "pointer", "says"),
    [
        ("- name: [", "", "line 2"),
        ("- name: x\n  steps:\n   - url: {{id}}", "", "needs quotes"),
        ("name: x", "", "list of tests"),
        ("tests: []\nfoo: 1", "/foo", "'foo'"),
        ("- name: x\n  steps: {}", "/0/steps", "list"),
        ("- name: x\n  steps: [{request: GET}]", "/0/steps/0/request", "GET /users"),
        ("- name: x\n  request: GET /\n  assert: {stats: 200}", "/0/assert/stats", "no assertion 'stats'"),
        ("tests:\n- {name: x, steps: [], retry: 3}", "/tests/0/retry", "no field 'retry'"),
        ("- {name: x, request: GET /, extract: {a: {b: 1}}}", "/0/extract/a", "one of"),
        ("- {name: x, parametrize: {columns: [a], rows: [[1, 2]]}, steps: []}", "/0/parametrize/rows/0", "1 values"),
        ("- 7", "/0", "object"),
        ("&a [*a]", "", "repeats"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, pointer: str, says: str) -> None:
    with pytest.raises(BadInput) as refusal:
        yaml_form.read(text)
    assert refusal.value.errors[0]["pointer"] == pointer
    assert says in refusal.value.errors[0]["detail"]


def test_aliases_that_repeat_without_end_are_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(BadInput, match="aliases repeat too much"):
        yaml_form.read(bomb)


def test_the_files_own_surroundings_are_read() -> None:
    found = yaml_form.read("""{suite: shop, variables: {a: 1}, setup: [{request: GET /}], environment: {name: e,
        base_url: "https://x", auth: {b: {type: bearer, token: "{{secret.t}}"}}}, tests: [{name: x,
        request: GET /}]}""")
    assert found.suite["name"] == "shop" and found.suite["setup"][0]["url"] == "/"
    assert found.environment["base_url"] == "https://x"
    assert found.places == ["/tests/0"]
