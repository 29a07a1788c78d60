"""Scripts of ten dialects become tables; what cannot be read is a warning with its line, and the rest is used."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.errors import BadInput
from schemas.sql_ingest import DIALECTS
from tests.workers.sql import scripts
from workers.sql.ddl import parse
from workers.sql.dialects import dialect, known

Json = dict[str, Any]


def read(ddl: str, name: str | None = None) -> Json:
    """The tables, in the dialect that is given or guessed, through JSON as the jail gives them."""
    found: Json = json.loads(json.dumps(parse({"ddl": ddl, "dialect": name}, {})))
    return found


def column(table: Json, name: str) -> Json:
    return {key: value for one in table["columns"] if one["name"] == name for key, value in one.items() if value}


def names(table: Json) -> list[str]:
    return [one["name"] for one in table["columns"]]


def test_a_dump_of_postgres() -> None:
    found = read(scripts.POSTGRES)
    tables = found["tables"]
    assert found["dialect"] == "postgres"
    assert list(tables) == ["public.customers", "shop.orders", "shop.v", "bad"]
    customers, orders = tables["public.customers"], tables["shop.orders"]
    assert customers["comment"] == "People who buy; it's them" and customers["primary_key"] == ["id"]
    assert names(customers) == ["id", "email", "Full Name", "mood", "tags", "created_at", "total"]
    assert column(customers, "id") == {"name": "id", "type": "integer", "identity": True}
    assert column(customers, "email") == {
        "name": "email",
        "type": "character varying(255)",
        "default": "'a,b;c'::character varying",
        "comment": "Where we write to",
    }
    assert column(customers, "mood")["values"] == ["sad", "ok"]
    assert column(customers, "tags")["type"] == "text[]"
    assert column(customers, "created_at")["type"] == "timestamp with time zone"
    assert column(customers, "total")["generated"] == "(price * (qty)::numeric)"
    assert customers["unique"] == [{"name": "customers_email_key", "columns": ["email"]}]
    assert customers["checks"][0]["expression"] == "((id > 0) AND (email ~~ '%@%'::text))"
    assert customers["referenced_by"] == [{"table": "shop.orders", "columns": ["customer_id"], "references": ["id"]}]
    assert orders["foreign_keys"] == [
        {
            "name": "fk",
            "columns": ["customer_id"],
            "references": {"table": "public.customers", "columns": ["id"]},
            "on_delete": "SET NULL",
            "on_update": "CASCADE",
        }
    ]
    assert orders["indexes"] == [
        {
            "name": "ix_orders",
            "columns": ["customer_id", "lower(placed::text) DESC"],
            "unique": False,
            "method": "btree",
            "where": "(customer_id IS NOT NULL)",
        }
    ]


def test_a_view_has_the_columns_that_can_be_known() -> None:
    view = read(scripts.POSTGRES)["tables"]["shop.v"]
    assert view["kind"] == "view"
    assert [(one["name"], one["type"]) for one in view["columns"]] == [("id", "bigint"), ("n", ""), ("email", "text")]
    star = read("CREATE TABLE a (x int, y text); CREATE VIEW v (p, q) AS SELECT * FROM a;")["tables"]["v"]
    assert [(one["name"], one["type"]) for one in star["columns"]] == [("p", "int"), ("q", "text")]


def test_mistakes_are_warnings_with_their_lines() -> None:
    warnings = read(scripts.POSTGRES)["warnings"]
    lines = scripts.POSTGRES.splitlines()
    assert [lines[one["line"] - 1][:19] for one in warnings] == ["CREATE TABLE bad (i", *["CREATE TABLE worse "] * 2]
    assert "'!!'" in warnings[0]["detail"] and "not closed" in warnings[1]["detail"]


def test_a_dump_of_mysql() -> None:
    found = read(scripts.MYSQL)
    items = found["tables"]["shop.order_items"]
    assert found["dialect"] == "mysql" and not found["warnings"]
    assert list(found["tables"]) == ["shop.order_items", "shop.states", "shop.v"]
    assert items["comment"] == "Items of it's orders"
    assert column(items, "id") == {"name": "id", "type": "int(10) unsigned", "comment": "the id", "identity": True}
    assert column(items, "st")["values"] == ["a", "it's"]
    assert [one["name"] for one in items["indexes"]] == ["ix", "ft", "ix2"]
    assert items["indexes"][1]["method"] == "fulltext"
    assert items["foreign_keys"][0]["references"] == {"table": "shop.states", "columns": ["code"]}


def test_what_alter_table_changes_is_changed_everywhere() -> None:
    items = read(scripts.MYSQL)["tables"]["shop.order_items"]
    assert names(items) == ["id", "st", "changed_at", "full", "n"]
    assert column(items, "full") == {"name": "full", "type": "varchar(20)"}
    assert items["unique"] == [{"name": "uq", "columns": ["st", "changed_at"]}]
    assert items["indexes"][0]["columns"] == ["changed_at DESC"]


def test_a_script_of_sql_server() -> None:
    found = read(scripts.TSQL)
    details, orders = found["tables"]["dbo.order details"], found["tables"]["dbo.orders"]
    assert found["dialect"] == "tsql" and not found["warnings"]
    assert list(found["tables"]) == ["dbo.order details", "dbo.orders", "dbo.v"]
    assert details["name"] == "Order Details" and details["primary_key"] == ["Id"]
    assert column(details, "Id") == {"name": "Id", "type": "int", "identity": True}
    assert column(details, "Name")["type"] == "nvarchar(max)" and column(details, "Tot")["generated"] == "[Qty]*[Price]"
    assert details["foreign_keys"][0]["on_delete"] == "CASCADE"
    assert orders["comment"] == "All orders" and column(orders, "Qty")["comment"] == "How many; it's"
    assert column(orders, "Qty")["default"] == "((0))" and orders["indexes"][0]["unique"]


def test_a_script_of_oracle() -> None:
    found = read(scripts.ORACLE)
    employees = found["tables"]["hr.employees"]
    assert found["dialect"] == "oracle" and not found["warnings"]
    assert employees["foreign_keys"][0]["references"]["table"] == "hr.employees"
    assert column(employees, "NAME") == {"name": "NAME", "type": "VARCHAR2(20 BYTE)", "default": "'y'"}
    assert column(employees, "X")["comment"] == "foo" and employees["unique"] == [{"name": "C", "columns": ["X"]}]
    assert names(found["tables"]["hr.v"]) == ["A", "B"]


@pytest.mark.parametrize(
    ("script", "name", "key", "types"),
    [
        (
            scripts.BIGQUERY,
            "bigquery",
            "ds.orders",
            {"items": "ARRAY<STRUCT<sku STRING, qty INT64>>", "m": "STRUCT<a INT64, b STRING>"},
        ),
        (scripts.SNOWFLAKE, "snowflake", "public.orders", {"V": "VARIANT", "T": "TIMESTAMP_NTZ(9)"}),
        (scripts.DUCKDB, "duckdb", "t", {"s": "STRUCT(a INT, b VARCHAR)[]", "m": "MAP(VARCHAR, INT)"}),
        (scripts.SQLITE, "sqlite", "t", {"a": "", "c d": "REAL", "key": "text"}),
        (scripts.CLICKHOUSE, "clickhouse", "db.events", {"s": "LowCardinality(String)", "n": "Nullable(String)"}),
        (scripts.DATABRICKS, "databricks", "db.t", {"m": "MAP<STRING, ARRAY<INT>>", "s": "STRUCT<a: INT, b: STRING>"}),
    ],
)
def test_other_dialects_are_guessed_and_their_types_kept(script: str, name: str, key: str, types: Json) -> None:
    found = read(script)
    assert found["dialect"] == name and not found["warnings"]
    table = found["tables"][key]
    assert {one: column(table, one).get("type", "") for one in types} == types


def test_options_in_the_warehouses_are_comments_and_keys() -> None:
    bigquery, snowflake = read(scripts.BIGQUERY)["tables"], read(scripts.SNOWFLAKE)["tables"]
    assert bigquery["ds.orders"]["comment"] == "Orders" and column(bigquery["ds.orders"], "id")["comment"] == "the id"
    assert bigquery["ds.lines"]["foreign_keys"][0]["references"] == {"table": "ds.orders", "columns": ["id"]}
    assert snowflake["public.orders"]["comment"] == "Orders" and column(snowflake["public.orders"], "ID")["identity"]
    assert snowflake["public.b"]["referenced_by"][0]["table"] == "public.orders"


def test_a_reference_without_columns_means_the_primary_key() -> None:
    table = read(scripts.SQLITE)["tables"]["t"]
    assert table["foreign_keys"][0]["references"] == {"table": "other", "columns": ["x"]}
    assert table["foreign_keys"][0]["on_delete"] == "CASCADE"


def test_statements_without_semicolons_are_told_apart_by_their_lines() -> None:
    found = read("create table a (x int primary key)\ncreate table b (y int references a)\n")
    assert list(found["tables"]) == ["a", "b"] and found["tables"]["a"]["referenced_by"][0]["table"] == "b"


def test_case_counts_only_where_the_dialect_says_so() -> None:
    ddl = 'CREATE TABLE "Users" (id int); CREATE TABLE USERS (id int);'
    assert list(read(ddl, "postgres")["tables"]) == ["Users", "users"]
    assert list(read(ddl, "sqlite")["tables"]) == ["users"]
    assert list(read('CREATE TABLE "USERS" (id int); CREATE TABLE "Users" (id int);', "oracle")["tables"]) == [
        "users",
        "Users",
    ]


def test_tables_are_renamed_dropped_and_inherited() -> None:
    found = read(
        """CREATE TABLE a (x int PRIMARY KEY); CREATE TABLE b (y int REFERENCES a (x)); CREATE TABLE c (z int);
        ALTER TABLE a RENAME TO first; ALTER TABLE b RENAME COLUMN y TO yy; DROP TABLE IF EXISTS c, nothing;
        CREATE TABLE d (more text) INHERITS (first); CREATE TEMP TABLE e (x int); CREATE TABLE f AS SELECT 1 AS one;
        ALTER TABLE b ADD COLUMN n int NOT NULL DEFAULT 3, DROP COLUMN IF EXISTS gone, ALTER COLUMN n TYPE bigint""",
        "postgres",
    )["tables"]
    assert list(found) == ["b", "first", "d", "f"]
    assert found["b"]["foreign_keys"][0]["columns"] == ["yy"]
    assert found["b"]["foreign_keys"][0]["references"] == {"table": "first", "columns": ["x"]}
    assert names(found["d"]) == ["x", "more"] and names(found["f"]) == ["one"]
    assert column(found["b"], "n") == {"name": "n", "type": "bigint", "default": "3"}


@pytest.mark.parametrize(
    "ddl",
    [
        "hello world this is (no) sql; 1234; CREATE TABLE",
        "SELECT 1; INSERT INTO t VALUES (1);",
        "",
        ";;;",
        "CREATE TABLE",
        "CREATE TABLE a ()",
        "CREATE TABLE a (",
        "'",
        "ALTER TABLE a ADD COLUMN b int",
        "DROP TABLE a",
    ],
)
def test_what_has_no_table_is_refused_with_a_reason(ddl: str) -> None:
    with pytest.raises(BadInput, match=r"No table|There is no CREATE TABLE"):
        read(ddl)


@pytest.mark.parametrize(
    ("ddl", "name"),
    [
        ("CREATE TABLE a (x int DEFAULT " + "(" * 20_000 + ")" * 20_000 + ")", "postgres"),
        ("CREATE VIEW v AS SELECT " + "(" * 20_000 + "1" + ")" * 20_000 + " AS x; CREATE TABLE a (x int)", "postgres"),
        ("CREATE TABLE a (x " + "ARRAY<" * 5_000 + "int" + ">" * 5_000 + ")", "bigquery"),
        ("CREATE TABLE a (x int);\n" + "/*" * 50_000, "mysql"),
        ("CREATE TABLE a (x int);\n" + "'\\" * 20_000, "mysql"),
        ("CREATE TABLE a (x int);\n" + "".join(f"$a{one}$ " for one in range(20_000)), "postgres"),
        ("CREATE TABLE a (x int);\n" + "[" * 50_000, "tsql"),
        ("CREATE TABLE a (x int);\n" + "CREATE TABLE b (\n" * 2_000, "postgres"),
    ],
)
def test_hostile_scripts_end_soon_and_what_was_good_in_them_is_there(ddl: str, name: str) -> None:
    assert {"a", "v"} & set(read(ddl, name)["tables"])


def test_warnings_are_bounded_and_counted() -> None:
    warnings = read("CREATE TABLE a (x int);\n" + "nonsense;\n" * 500)["warnings"]
    assert len(warnings) == 201 and warnings[-1] == {"line": None, "detail": "300 more warnings were left out."}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes("CREATE TABLE Größe (Länge int COMMENT 'schön');".encode(encoding))
    table = parse({"dialect": "mysql"}, {"ddl": path})["tables"]["größe"]
    assert column(table, "Länge")["comment"] == "schön"


@pytest.mark.parametrize("data", [b"\x00\x01CREATE TABLE a (x int);", b"\xff\xfeC\x00R", b"PK\x03\x04\x00\x00"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "dump.sql"
    path.write_bytes(data)
    with pytest.raises(BadInput):
        parse({}, {"ddl": path})


def test_every_dialect_that_may_be_named_is_known() -> None:
    for name in DIALECTS:
        assert dialect(known(name)).tokenize("CREATE TABLE a (x int)")
