"""Versions, and what the official meta-schemas refuse."""

import pytest

from infra.errors import BadInput
from tests.workers.specs.reading_specs import get, read, spec, swagger


@pytest.mark.parametrize("version", ["3.0.0", "3.0.4", "3.0.0-rc2", "3.1.0", "3.1.1", "3.2.0"])
def test_versions_of_3_are_read(version, tmp_path):
    assert read(spec({"/x": get()}, openapi=version), tmp_path).outcome["openapi"] == version


def test_a_version_may_be_a_number_by_mistake(tmp_path):
    found = read("swagger: 2.0\ninfo: {title: T, version: 1}\npaths: {}\n", tmp_path)
    assert found.outcome["openapi"] == "2.0"
    assert found.outcome["version"] == "1"
    assert "version_is_a_number" in found.codes


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("[]", "its top is no object"),
        ("just text", "its top is no object"),
        ("a: 1", "neither `openapi` nor `swagger`"),
        ("openapi: null\n", "neither"),
        ("openapi: 4.0.0", "'4.0.0' is not a version"),
        ("swagger: '1.2'", "'1.2' is not a version"),
        ("openapi: [3]", "not a version"),
        ("openapi: true", "not a version"),
        ("openapi: 3.0.0\npaths: [a]", "`paths` must be an object"),
    ],
)
def test_what_is_no_specification_is_refused_with_a_reason(document, why, tmp_path):
    with pytest.raises(BadInput, match=why):
        read(document, tmp_path)


def test_what_the_meta_schema_refuses_is_told_with_its_place(tmp_path):
    item = get(parameters=[{"name": "a", "in": "quarry", "schema": {"type": "string"}}])
    found = read(spec({"/x": item}, license={}), tmp_path)
    told = {one["pointer"]: one["message"] for one in found.outcome["warnings"] if one["code"] == "invalid_document"}
    assert set(told) == {"", "/paths/~1x/get/parameters/0/in"}
    assert told[""] == "Additional properties are not allowed ('license' was unexpected)."
    assert told["/paths/~1x/get/parameters/0/in"].startswith('It is not one of "path"; It is not one of "query"')


def test_of_alternatives_the_one_that_was_meant_is_told(tmp_path):
    found = read(swagger({"/x/{a}": get(parameters=[{"name": "a", "in": "path", "type": "int"}])}), tmp_path)
    told = [(one["pointer"], one["message"]) for one in found.outcome["warnings"] if one["code"] == "invalid_document"]
    assert told[0][0] == "/paths/~1x~1{a}/get/parameters/0/type"
    assert told[0][1].startswith('It is not one of "string"')


def test_every_version_has_its_meta_schema(tmp_path):
    for document in (swagger(info={}), *(spec(openapi=f"3.{minor}.0", info={}) for minor in range(3))):
        assert "/info" in read(document, tmp_path).pointers("invalid_document")


def test_a_thousand_mistakes_are_warnings_in_bounded_number(tmp_path):
    found = read(spec({f"/{n}": {"get": {"responses": 5, "x": 1}} for n in range(3000)}), tmp_path)
    assert len(found.outcome["warnings"]) <= 200
    assert found.outcome["warnings_total"] > 3000
    assert len(found.records) == 3000
