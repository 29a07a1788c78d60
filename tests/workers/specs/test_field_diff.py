"""The fields in which two records differ."""

from typing import Any

from tests.workers.specs.rules.records import parameter, record, with_parameters
from workers.specs.field_diff import MOST_CHARACTERS, MOST_FIELDS, fields_changed


def test_every_field_that_differs_is_there_with_both_values() -> None:
    before = record(summary="Old", tags=["a", "b"], responses={"200": {"description": "Fine"}})
    after = record(summary="New", tags=["a"], responses={"200": {"description": "Fine"}, "a/b": {}})
    assert fields_changed(before, after) == [
        {"pointer": "/tags/1", "before": "b"},
        {"pointer": "/responses/a~1b", "after": {}},
        {"pointer": "/summary", "before": "Old", "after": "New"},
    ]


def test_equal_records_differ_in_nothing_and_numbers_are_not_flags() -> None:
    assert fields_changed(record(x=[1, {"a": None}]), record(x=[1.0, {"a": None}])) == []
    assert fields_changed({"x": 1}, {"x": True}) == [{"pointer": "/x", "before": 1, "after": True}]


def test_a_record_that_was_not_there_is_one_field() -> None:
    assert fields_changed(None, {"method": "get"}) == [{"pointer": "", "after": {"method": "get"}}]
    assert fields_changed({"method": "get"}, None) == [{"pointer": "", "before": {"method": "get"}}]


def test_parameters_in_another_order_are_the_same() -> None:
    one, other, gone = parameter(name="a"), parameter(name="b"), parameter(name="c")
    assert fields_changed(with_parameters(one, other), with_parameters(other, one)) == []
    assert fields_changed(with_parameters(one, gone), with_parameters(other, one)) == [
        {"pointer": "/parameters/0", "after": other},
        {"pointer": "/parameters/1", "before": gone},
    ]


def test_the_list_is_bounded_and_its_values_are_cut() -> None:
    many = {f"f{n}": n for n in range(MOST_FIELDS + 5)}
    found = fields_changed(many, {})
    assert len(found) == MOST_FIELDS + 1
    assert found[-1] == {"pointer": "", "truncated": 5}
    deep: Any = "x" * 10_000
    for _ in range(10):
        deep = {"in": [deep] * 100, "text": "y" * 10_000}
    (cut,) = fields_changed({"a": deep}, {"a": 1})
    assert cut["before"]["text"] == "y" * MOST_CHARACTERS + "…"
    assert len(str(cut)) < 100_000
