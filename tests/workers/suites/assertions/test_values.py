"""Operators on values, as JSON compares them."""

from typing import Any

import pytest

from tests.workers.suites.assertions.answers import http, judged, outcome
from workers.suites.assertions.values import difference, same

BODY = {
    "id": 7, "price": "12", "ratio": 0.1, "name": "Ada", "on": True, "none": None, "tags": ["a", "b"], "empty": [],
    "nested": {"a": {"b": 1}}, "whole": 3.0, "date": "2026-01-31",
}  # fmt: skip


def test_numbers_are_equal_by_value_and_nothing_else_is_alike():
    assert same(1, 1.0)
    assert same([1, {"a": 2.0}], [1.0, {"a": 2}])
    for one, other in ((True, 1), (False, 0), (1, "1"), (None, False), (0, None), ([], {}), ("", None), (0.1, 0.2)):
        assert not same(one, other)
        assert not same(other, one)
    assert same(0.1 + 0.2, 0.30000000000000004)
    assert not same(0.1 + 0.2, 0.3)


@pytest.mark.parametrize(
    ("expected", "actual", "where"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, (".a[1].b", "is 3, not 2")),
        ({"a": 1, "b": 2}, {"a": 1}, ("", 'has no "b"')),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y z": 2}}, (".a", 'has "y z", which is not expected')),
        ([1, 2], [1, 2, 3], ("", "has 3 items, not 2")),
        ([1, 2], [1, 5, 3], ("[1]", "is 5, not 2")),
        ({"y z": [True]}, {"y z": [1]}, ('["y z"][0]', "is 1 (a number), not true")),
        ({"a": 1, "b": 1}, {"c": 0, "b": 2, "a": 1}, (".b", "is 2, not 1")),
    ],
)
def test_the_first_difference_is_told_with_its_path(expected, actual, where):
    assert difference(expected, actual) == where


def test_values_that_are_nested_without_end_are_compared():
    one: Any = 1
    other: Any = 2
    for _ in range(5000):
        one, other = [one], [other]
    assert difference(one, one) is None
    assert difference(one, other) == ("[0]" * 5000, "is 2, not 1")


RIGHT = [
    ("$.id", "equals", 7), ("$.whole", "equals", 3), ("$.name", "not_equals", "Bob"), ("$.id", "not_equals", "7"),
    ("$.name", "contains", "d"), ("$.tags", "contains", "b"), ("$.nested", "contains", {"a": {"b": 1}}),
    ("$.nested", "contains", "a"), ("$.tags", "not_contains", "c"), ("$.id", "not_contains", 7),
    ("$.none", "exists", None), ("$.nothing", "not_exists", None), ("$.name", "matches", "^A.a$"),
    ("$.id", "less", 8), ("$.id", "less_or_equal", 7), ("$.id", "greater", 6.5), ("$.id", "greater_or_equal", 7),
    ("$.date", "less", "2026-02-01"), ("$.id", "type", "integer"), ("$.id", "type", "number"),
    ("$.whole", "type", "integer"), ("$.none", "type", "null"), ("$.on", "type", "boolean"),
    ("$.price", "type", ["number", "string"]), ("$.name", "length", 3), ("$.tags", "length", 2),
    ("$.nested", "length", 1), ("$.id", "one_of", [1, 7]), ("$.name", "starts_with", "A"),
    ("$.name", "ends_with", "da"), ("$.empty", "empty", None), ("$.none", "empty", None), ("$.id", "not_empty", None),
    ("nested.a.b", "equals", 1), ("length(tags)", "equals", 2), ("$.tags[*]", "equals", ["a", "b"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "op", "expected"), RIGHT)
def test_what_is_right_passes(path, op, expected):
    assert judged({"type": "body", "path": path, "op": op, "expected": expected}, http(BODY)).verdict == "passed"


WRONG = [
    ("$.id", "equals", "7", '$.id is 7 (a number), not "7".'),
    ("$.price", "equals", 12, '$.price is "12" (a string), not 12.'),
    ("$.on", "equals", 1, "$.on is true, not 1."),
    ("$.none", "equals", False, "$.none is null, not false."),
    ("$.nested", "equals", {"a": {"b": 2}}, "$.nested.a.b is 1, not 2."),
    ("$.id", "not_equals", 7.0, "$.id is 7, which it must not be."),
    ("$.nothing", "not_equals", 7, "$.nothing is missing."),
    ("$.nothing", "exists", None, "$.nothing is missing."),
    ("$.none", "not_exists", None, "$.none is there: null."),
    ("$.name", "contains", "x", '$.name is "Ada" (a string), without "x".'),
    ("$.tags", "contains", True, '$.tags is ["a","b"] (an array), without true.'),
    ("$.tags", "not_contains", "a", '$.tags is ["a","b"], with "a" in it.'),
    ("$.name", "matches", "^B", '$.name is "Ada", which does not match "^B".'),
    ("$.id", "matches", "7", "$.id is 7 (a number), not a string."),
    ("$.id", "less", 7, "$.id is 7, not less than 7."),
    ("$.price", "greater", 3, '$.price is "12" (a string), not a number.'),
    ("$.on", "greater_or_equal", 0, "$.on is true, not a number."),
    ("$.price", "type", "number", '$.price is "12" (a string), not a number.'),
    ("$.ratio", "type", "integer", "$.ratio is 0.1 (a number), not an integer."),
    ("$.on", "type", ["integer", "null"], "$.on is true, not an integer or null."),
    ("$.tags", "length", 3, "$.tags has 2 items, not 3."),
    ("$.name", "length", 1, "$.name has 3 characters, not 1."),
    ("$.id", "length", 1, "$.id is 7 (a number), which has no length."),
    ("$.id", "one_of", [1, 2], "$.id is 7, not one of 1,2."),
    ("$.name", "starts_with", "B", '$.name is "Ada", which does not start with "B".'),
    ("$.id", "ends_with", "B", "$.id is 7 (a number), not a string."),
    ("$.tags", "empty", None, '$.tags is ["a","b"] (an array), not empty.'),
    ("$.on", "empty", None, "$.on is true, not empty."),
    ("$.empty", "not_empty", None, "$.empty is []: empty."),
]


@pytest.mark.parametrize(("path", "op", "expected", "message"), WRONG)
def test_what_is_wrong_says_so_in_a_sentence(path, op, expected, message):
    assertion = {"type": "body", "path": path, "op": op, "expected": expected}
    assert outcome(assertion, http(BODY)) == ("failed", message)


@pytest.mark.parametrize(
    ("op", "expected", "why"),
    [
        ("less", [1], "a number or a string, not [1] (an array)"),
        ("type", "float", "A type is one of"),
        ("length", "3", "A length is a number"),
        ("one_of", 7, "takes a list"),
        ("starts_with", 7, "is a string, not 7"),
        ("matches", 7, "takes a regular expression"),
        ("matches", "(", "not valid"),
        ("about", 7, "no operator 'about'"),
    ],
)
def test_an_assertion_that_means_nothing_is_an_error(op, expected, why):
    verdict, message = outcome({"type": "body", "path": "$.name", "op": op, "expected": expected}, http(BODY))
    assert verdict == "errored"
    assert why in message
