"""Parameters of queries as text that PostgreSQL takes for values, whatever is in them."""

from typing import Any

import pytest

from infra.errors import QueryRefused
from workers.sql.querying import literal, prepare


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (-3, "(-3)"),
        (2.5, "2.5"),
        ("it's", "'it''s'"),
        ("\\'; --", "'\\''; --'"),
        ([1, None, True], '\'{"1",NULL,"true"}\''),
        (["a'b", 'c"d\\'], '\'{"a\'\'b","c\\"d\\\\"}\''),
    ],
)
def test_a_value_is_one_literal(value: Any, text: str) -> None:
    assert literal(value) == text


def test_only_what_postgres_takes_for_a_parameter_is_replaced() -> None:
    sql = "SELECT '$1', \"$1\", $$ $1 $$, a$1, $1 /* $1 */ ; -- $2"
    assert prepare(sql, [7]) == "SELECT '$1', \"$1\", $$ $1 $$, a$1,  7 "


@pytest.mark.parametrize("sql", ["SELECT $2", "SELECT $0", "SELECT 1", "SELECT '$1'"])
def test_parameters_and_their_places_must_agree(sql: str) -> None:
    with pytest.raises(QueryRefused):
        prepare(sql, ["x"])
