"""Two records of a table, field by field."""

from typing import Any

from workers.sql.comparing import MOST_CHANGES, changes_of
from workers.sql.ddl import parse


def table(body: str) -> dict[str, Any]:
    found: dict[str, Any] = parse({"ddl": f"CREATE TABLE a ({body});", "dialect": "postgres"}, {})["tables"]["a"]
    return found


def test_columns_keys_and_checks_are_compared() -> None:
    before = table("id int PRIMARY KEY, name text, gone text, CONSTRAINT c CHECK (id > 0), UNIQUE (name)")
    after = table(
        "id bigint PRIMARY KEY, name text NOT NULL, came date, CONSTRAINT c CHECK (id > 1), b int REFERENCES b"
    )
    found = {(one["change"], one["field"]): (one["before"], one["after"]) for one in changes_of(before, after)}
    assert found[("changed", "columns/id/type")] == ("int", "bigint")
    assert found[("changed", "columns/name/nullable")] == (True, False)
    assert {("removed", "columns/gone"), ("added", "columns/came"), ("added", "columns/b")} <= set(found)
    assert {("removed", "unique/name"), ("changed", "checks/c"), ("added", "foreign_keys/b")} <= set(found)
    assert len(found) == 8 and not changes_of(before, before)


def test_the_list_is_bounded() -> None:
    assert len(changes_of({}, table(", ".join(f"c{one} int" for one in range(200))))) == MOST_CHANGES
