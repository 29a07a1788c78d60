"""The tables of a live PostgreSQL database, from its catalogue: the same records as DDL gives, and about how many rows.

What belongs to the system or to an extension is left out, and so are the partitions of a table.
"""

from collections.abc import Iterator
from typing import Any

from infra.errors import BadInput
from workers.sql.connecting import Database, connected
from workers.sql.names import Name
from workers.sql.tables import Column, ForeignKey, Key, Table, Tables

Json = dict[str, Any]

SECONDS, AT_MOST = 60.0, 128 * 1024 * 1024
MOST_TABLES, MOST_COLUMNS = 20_000, 400_000
ROWS_AT_ONCE = 5_000

TABLES = """
SELECT c.oid, n.nspname, c.relname, c.relkind IN ('v', 'm') AS is_view,
  pg_catalog.obj_description(c.oid, 'pg_class') AS comment, c.reltuples::bigint AS rows
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s::text[]))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
    AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname LIMIT %(at_most)s
"""
COLUMNS = """
SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull,
  pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression, a.attidentity <> '' AS identity,
  a.attgenerated <> '' AS generated, pg_catalog.col_description(a.attrelid, a.attnum) AS comment,
  (SELECT pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
   WHERE e.enumtypid = a.atttypid) AS labels
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY (%(tables)s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum LIMIT %(at_most)s
"""
CONSTRAINTS = """
SELECT k.conrelid, k.conname, k.contype, n.nspname, f.relname, k.confdeltype, k.confupdtype,
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY o.place) FROM pg_catalog.unnest(k.conkey)
   WITH ORDINALITY AS o(number, place) JOIN pg_catalog.pg_attribute a
   ON a.attrelid = k.conrelid AND a.attnum = o.number) AS columns,
  (SELECT pg_catalog.array_agg(a.attname::text ORDER BY o.place) FROM pg_catalog.unnest(k.confkey)
   WITH ORDINALITY AS o(number, place) JOIN pg_catalog.pg_attribute a
   ON a.attrelid = k.confrelid AND a.attnum = o.number) AS to_columns,
  CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END AS expression
FROM pg_catalog.pg_constraint k LEFT JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.relnamespace
WHERE k.conrelid = ANY (%(tables)s::oid[]) AND k.contype IN ('p', 'u', 'f', 'c')
ORDER BY k.conrelid, k.conname LIMIT %(at_most)s
"""
INDEXES = """
SELECT i.indrelid, c.relname, i.indisunique, m.amname,
  (SELECT pg_catalog.array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, o, true)
     || CASE WHEN i.indoption[o - 1] & 1 = 1 THEN ' DESC' ELSE '' END ORDER BY o)
   FROM pg_catalog.generate_series(1, i.indnkeyatts) AS o) AS columns,
  pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS condition
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY (%(tables)s::oid[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k
    WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, c.relname LIMIT %(at_most)s
"""
_ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}


def read(dsn: str, schemas: list[str] | None) -> Json:
    """`{"dialect", "tables": {key: record}, "warnings"}` of the schemas, or of all. Raises what connecting does, and
    BadInput where there is no table."""
    with connected(dsn, seconds=SECONDS, at_most=AT_MOST) as database:
        tables, rows, warnings = _tables(database, schemas)
    if not tables.by_key:
        where = f" in {', '.join(schemas)}" if schemas else ""
        raise BadInput(f"The user {database.dsn.user} sees no table{where} of the database {database.dsn.database}.")
    records = tables.records()
    for key, record in records.items():
        record["rows"] = rows[key]
    return {"dialect": "postgres", "tables": records, "warnings": warnings}


def _tables(database: Database, schemas: list[str] | None) -> tuple[Tables, dict[str, int | None], list[Json]]:
    found, rows, warnings = Tables("postgres"), {}, []
    asked = {"schemas": schemas or None, "at_most": MOST_TABLES + 1}
    by_oid: dict[int, Table] = {}
    for oid, schema, name, is_view, comment, estimate in _rows(database, TABLES, asked):
        if len(by_oid) == MOST_TABLES:
            warnings.append({"line": None, "detail": f"Only the first {MOST_TABLES} tables were read."})
            break
        table = Table([_name(schema), _name(name)], "view" if is_view else "table", comment=comment)
        by_oid[oid] = table
        found.put(table)
        rows[table.key] = None if is_view else magnitude(estimate)
    within: Json = {"tables": list(by_oid), "at_most": MOST_COLUMNS}
    for oid, *column in _rows(database, COLUMNS, within):
        _add_column(by_oid[oid], *column)
    for oid, *constraint in _rows(database, CONSTRAINTS, within):
        _add_constraint(by_oid[oid], *constraint)
    for oid, name, unique, method, columns, condition in _rows(database, INDEXES, within):
        index = {"name": name, "columns": columns, "unique": unique, "method": method}
        by_oid[oid].constraints.indexes.append(index | ({"where": condition} if condition else {}))
    return found, rows, warnings


def magnitude(rows: int) -> int | None:
    """About how many rows: the power of ten below, so that it seldom changes. None where nobody has counted."""
    return None if rows < 0 else 10 ** (len(str(rows)) - 1) if rows else 0


def _rows(database: Database, statement: str, asked: Json) -> Iterator[tuple[Any, ...]]:
    database.cursor.execute(statement, asked)
    while rows := database.cursor.fetchmany(ROWS_AT_ONCE):
        yield from rows


def _name(text: str) -> Name:
    return Name(text, text)


def _add_column(
    table: Table,
    name: str,
    kind: str,
    required: bool,
    expression: str | None,
    identity: bool,
    generated: bool,
    comment: str | None,
    labels: list[str] | None,
) -> None:
    table.columns[name] = Column(
        _name(name),
        kind,
        nullable=not required,
        default=None if generated else expression,
        comment=comment,
        identity=identity,
        generated=expression if generated else None,
        values=labels,
    )


def _add_constraint(
    table: Table,
    name: str,
    kind: str,
    to_schema: str | None,
    to_table: str | None,
    on_delete: str,
    on_update: str,
    columns: list[str] | None,
    to_columns: list[str] | None,
    expression: str | None,
) -> None:
    keys, names = table.constraints, [_name(column) for column in columns or []]
    if kind == "p":
        keys.primary_key = Key(name, names)
    elif kind == "u":
        keys.unique.append(Key(name, names))
    elif kind == "c":
        keys.checks.append({"name": name, "expression": expression})
    elif to_schema is not None and to_table is not None:
        to = [_name(column) for column in to_columns or []]
        path = [_name(to_schema), _name(to_table)]
        actions = _ACTIONS.get(on_delete), _ACTIONS.get(on_update)
        keys.foreign_keys.append(ForeignKey(name, names, path, to, *actions))
