"""How much work a schema makes of a value."""

from typing import Any

import pytest

from infra.errors import BadInput
from tests.workers.suites.assertions.test_schemas import branching, nested
from workers.suites.assertions.effort import Effort, backtracks


def test_what_several_alternatives_lead_to_is_counted_along_the_value():
    effort = Effort(branching(3))
    effort.require_little(nested(9))
    with pytest.raises(BadInput, match="simpler"):
        effort.require_little(nested(20))
    effort.require_little([[1] * 3000] * 3)


def test_names_that_are_apart_do_not_multiply():
    parts = [{"properties": {name: {"$ref": "#/$defs/a"}}} for name in ("left", "right")]
    tree = {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": parts}}}
    value: Any = 1
    for _ in range(10):
        value = {"left": value, "right": value}
    Effort(tree).require_little(value)


def test_a_schema_within_a_cycle_at_one_place_ends():
    cat = {"allOf": [{"$ref": "#/$defs/Pet"}, {"properties": {"claws": {"type": "integer"}}}]}
    pet = {"oneOf": [{"$ref": "#/$defs/Cat"}], "properties": {"name": {"type": "string"}}}
    Effort({"$ref": "#/$defs/Pet", "$defs": {"Cat": cat, "Pet": pet}}).require_little({"claws": 1, "name": "a"})


def test_all_that_may_lead_to_each_other_is_refused():
    names = [f"d{number}" for number in range(15)]
    every = {name: {"anyOf": [{"$ref": f"#/$defs/{one}"} for one in names]} for name in names}
    with pytest.raises(BadInput, match="alternatives"):
        Effort({"$ref": "#/$defs/d0", "$defs": every})


def test_a_chain_of_references_longer_than_the_stack_is_refused():
    chain = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(5000)}
    with pytest.raises(BadInput, match="simpler"):
        Effort({"$ref": "#/$defs/d0", "$defs": {**chain, "d5000": {}}})


@pytest.mark.parametrize(
    ("pattern", "slow"),
    [("^[a-z]+$", False), ("^(a+)+$", False), (r"^\d{3}-\w+$", False), ("^(?:ab)*$", False), ("^(?=a)b", True),
     (r"(a)\1", True), ("(?<!x)y", True)],
)  # fmt: skip
def test_patterns_that_need_backtracking_are_known(pattern, slow):
    assert backtracks(pattern) is slow


def test_what_looks_again_at_what_was_not_looked_at_counts_thrice():
    def again(levels):
        schema: Any = {"additionalProperties": True}
        for _ in range(levels):
            schema = {"allOf": [schema], "unevaluatedProperties": False}
        return Effort(schema)

    again(3).require_little({str(number): 1 for number in range(1000)})
    again(10).require_little({"a": 1})
    with pytest.raises(BadInput, match="alternatives"):
        again(10).require_little({str(number): 1 for number in range(1000)})
    with pytest.raises(BadInput, match="alternatives"):
        again(15)
