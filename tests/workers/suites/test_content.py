"""What a case does, checked as a whole, and told from what it did before."""

from typing import Any

import pytest

from infra.errors import BadInput, TooManyRows
from workers.suites import content

Json = dict[str, Any]
GET: Json = {"method": "GET", "url": "/"}


def ids(**phases: list[Json]) -> list[str]:
    made = content.named_steps(phases)
    return [step["id"] for phase in ("setup", "steps", "teardown") for step in made.get(phase, [])]


def wrong(**body: Any) -> list[str]:
    with pytest.raises(BadInput) as refusal:
        content.check({"steps": [GET], **body})
    return [one["pointer"] for one in refusal.value.errors]


def test_a_step_has_the_id_of_its_place_unless_it_brings_one() -> None:
    assert ids(setup=[GET], steps=[GET, {**GET, "id": "login"}, GET], teardown=[GET]) == [
        "setup_1", "step_1", "login", "step_3", "teardown_1",
    ]  # fmt: skip
    assert ids(steps=[GET, {**GET, "id": "step_1"}, {**GET, "id": "step_1_"}]) == ["step_1__", "step_1", "step_1_"]


def test_naming_the_steps_leaves_what_was_sent_as_it_is() -> None:
    sent = {"steps": [{**GET}]}
    assert content.named_steps(sent) == {"steps": [{"id": "step_1", "kind": "http", **GET}]}
    assert sent == {"steps": [GET]}


def test_the_same_content_has_one_hash_however_it_is_ordered() -> None:
    one = {"variables": {"a": 1, "b": [1, 2]}, "steps": [{"method": "GET", "url": "/"}]}
    other = {"steps": [{"url": "/", "method": "GET"}], "variables": {"b": [1, 2], "a": 1}}
    assert content.content_hash(one) == content.content_hash(other)
    assert content.content_hash(one) != content.content_hash({**one, "variables": {"a": 1, "b": [2, 1]}})


def test_everything_that_is_wrong_is_told_at_once_and_in_bounds() -> None:
    bad = {**GET, "url": "{{", "headers": {"Host": "x"}, "assert": [{"type": "regex", "pattern": "("}]}
    assert wrong(steps=[bad], setup=[{**GET, "url": "{{"}]) == [
        "/setup/0/url", "/steps/0/url", "/steps/0/headers/Host", "/steps/0/assert/0/pattern",
    ]  # fmt: skip
    assert len(wrong(steps=[bad] * 50)) == content.MOST_ERRORS


def test_languages_with_places_in_them_are_read_when_they_are_filled_in() -> None:
    asserts = [
        {"type": "regex", "pattern": "{{row.a}}("},
        {"type": "body", "path": "$.{{row.a}}[", "op": "exists"},
        {"type": "body", "op": "matches", "expected": "{{row.a}}["},
    ]
    extract = [{"name": "a", "from": "jmespath", "expression": "{{row.a}}["}]
    content.check({"steps": [{**GET, "assert": asserts, "extract": extract}]})


def test_a_response_format_that_is_no_schema_is_refused() -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "strnig"}}}
    step = {"kind": "completion", "messages": [{"role": "user", "content": "hi"}], "response_format": shape}
    assert wrong(steps=[step])[0].startswith("/steps/0/response_format")


def test_bounds_hold_for_content_that_no_schema_has_seen() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert wrong(variables={"a": deep}) == ["/variables"]
    assert wrong(variables={"a": "x" * content.MOST_BYTES}) == ["/steps"]
    assert wrong(variables={"a": ["\0"]}) == ["/variables/a/0"]
    with pytest.raises(TooManyRows, match="10001"):
        content.check({"steps": [GET], "data": [{}] * 10_001})
