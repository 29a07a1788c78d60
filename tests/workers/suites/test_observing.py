"""What came back becomes what is expected, where that means something, and otherwise nothing changes."""

from typing import Any
from uuid import uuid4

import pytest

from infra.errors import NothingToAccept
from models import CaseRun
from tests.workers.suites.recorded import http_step
from workers.suites.content import checked
from workers.suites.observing import observed

Json = dict[str, Any]


def content(*asserts: Json, **more: Any) -> Json:
    step = {"id": "step_1", "kind": "http", "method": "GET", "url": "http://shop.test/", "assert": list(asserts)}
    return {"variables": {}, "data": [], "data_file_id": None, "setup": [], "steps": [step], "teardown": [], **more}


def run(*asserts: Json, verdict: str = "failed", **step: Any) -> CaseRun:
    judged = [{"verdict": verdict, "message": "No.", **one} for one in asserts]
    return CaseRun(id=uuid4(), steps=[http_step(verdict, assertions=judged, **step)])


def new_of(assertion: Json, **step: Any) -> Json:
    made = observed(content(assertion), [run(assertion, **step)])
    checked(made)
    found: Json = made["steps"][0]["assert"][0]
    return found


HEADER: Json = {"type": "header", "name": "content-type", "op": "starts_with", "expected": "text/"}
BODY: Json = {"type": "body", "path": "$.name", "op": "equals", "expected": "Eve", "severity": "fail"}


@pytest.mark.parametrize(
    ("old", "step", "new"),
    [
        ({"type": "status", "expected": "2xx"}, {"status": 404}, {"type": "status", "expected": 404}),
        (HEADER, {}, {**HEADER, "op": "equals", "expected": "application/json"}),
        ({**HEADER, "name": "ETag"}, {}, {"type": "header", "name": "ETag", "op": "not_exists"}),
        (BODY, {}, {**BODY, "expected": "Ada"}),
        ({**BODY, "path": "id"}, {}, {**BODY, "path": "id", "expected": 7}),
        (BODY, {"body": "{}"}, {"type": "body", "path": "$.name", "severity": "fail", "op": "not_exists"}),
        ({"type": "body", "expected": 1}, {"body": "[1, 2]"}, {"type": "body", "op": "equals", "expected": [1, 2]}),
        ({"type": "exact", "expected": "a"}, {"body": "b {{x}}"}, {"type": "exact", "expected": r"b \{{x}}"}),
        ({"type": "contains", "expected": "a"}, {"body": "b"}, {"type": "exact", "expected": "b"}),
    ],
)
def test_a_failed_assertion_gets_what_was_observed(old: Json, step: Json, new: Json) -> None:
    assert new_of(old, **step) == new


def test_the_text_of_a_model_is_taken_over_for_its_judge() -> None:
    old = {"type": "same_meaning", "expected": "Paris", "by": "embedding", "threshold": 0.8}
    said = {"message": {"role": "assistant", "content": "Lyon."}}
    assert new_of(old, response=said, kind="completion") == {**old, "expected": "Lyon."}


@pytest.mark.parametrize(
    ("assertion", "step", "why"),
    [
        ({"type": "latency", "max_ms": 5}, {}, "how long it took once says nothing"),
        ({"type": "json_schema", "schema": {"type": "array"}}, {}, "change the schema by hand"),
        ({"type": "operation"}, {}, "change the specification"),
        ({"type": "regex", "pattern": "a"}, {}, "change the pattern"),
        ({"type": "validation_prompt", "prompt": "Is it?"}, {}, "change the prompt"),
        ({"type": "status", "expected": "{{row.status}}"}, {}, "put together from variables"),
        ({"type": "body", "path": "$.a", "expected": 1}, {"body": "<html>"}, "not JSON"),
        ({"type": "exact", "expected": "a"}, {"body": "Bearer (secret:token)"}, "has a secret in it"),
        ({"type": "exact", "expected": "a"}, {"body": "x" * 20_000}, "longer than 16384"),
        ({"type": "status", "expected": 200}, {"verdict": "errored", "reason": "Timed out."}, "could not be performed"),
    ],
)
def test_what_has_no_value_is_refused_with_its_reason(assertion: Json, step: Json, why: str) -> None:
    with pytest.raises(NothingToAccept) as refused:
        observed(content(assertion), [run(assertion, **step)])
    assert why in refused.value.detail and refused.value.errors[0]["pointer"].startswith("/steps/0")


def test_one_that_cannot_be_taken_over_keeps_all_as_they_are() -> None:
    asserts = ({"type": "status", "expected": 200}, {"type": "latency", "max_ms": 5})
    with pytest.raises(NothingToAccept) as refused:
        observed(content(*asserts), [run(*asserts, status=404)])
    assert [one["pointer"] for one in refused.value.errors] == ["/steps/0/assert/1"]


def test_executions_that_saw_different_things_are_no_expectation() -> None:
    old = {"type": "status", "expected": 200}
    with pytest.raises(NothingToAccept, match="different things"):
        observed(content(old), [run(old, status=404), run(old, status=500)])
    assert observed(content(old), [run(old, status=404), run(old, status=404)])["steps"][0]["assert"][0] == {
        "type": "status",
        "expected": 404,
    }


def test_warnings_and_what_passed_stay_as_they_are() -> None:
    asserts = ({"type": "status", "expected": 200}, {"type": "size", "max_bytes": 1, "severity": "warn"})
    made = observed(content(*asserts), [run(*asserts, status=404)])
    assert made["steps"][0]["assert"] == [{"type": "status", "expected": 404}, asserts[1]]
    with pytest.raises(NothingToAccept, match="No assertion failed"):
        observed(content(*asserts), [])
