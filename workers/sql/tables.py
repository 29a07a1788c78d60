"""Tables as they are known so far, and the records that are made of them.

A record, the content of a knowledge base's entry of type `table`:

    {"name", "schema", "dialect", "kind": "table" | "view", "comment",
     "columns": [{"name", "type", "nullable", "default", "comment", "identity", "generated", "values"}],
     "primary_key": ["id"], "unique": [{"name", "columns"}],
     "foreign_keys": [{"name", "columns", "references": {"table", "columns"}, "on_delete", "on_update"}],
     "indexes": [{"name", "columns", "unique", "method", "where"}], "checks": [{"name", "expression"}],
     "referenced_by": [{"table", "columns", "references"}]}

Types, defaults and expressions are as they are written. `values` are an enumeration's, `generated` is the expression of
a computed column, `identity` says that the database gives the number.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workers.sql.names import Name

Json = dict[str, Any]


@dataclass(slots=True)
class Column:
    """One column."""

    name: Name
    type: str = ""
    nullable: bool = True
    default: str | None = None
    comment: str | None = None
    identity: bool = False
    generated: str | None = None
    values: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A primary or unique key."""

    name: str | None
    columns: list[Name]


@dataclass(slots=True)
class ForeignKey:
    """Columns that name a row of another table; no `to` columns: its primary key."""

    name: str | None
    columns: list[Name]
    table: list[Name]
    to: list[Name]
    on_delete: str | None = None
    on_update: str | None = None


@dataclass(slots=True)
class Constraints:
    """What keeps a table's rows in order."""

    primary_key: Key | None = None
    unique: list[Key] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Json] = field(default_factory=list)
    indexes: list[Json] = field(default_factory=list)

    def add(self, other: "Constraints") -> None:
        """Takes over what the other has."""
        self.primary_key = other.primary_key or self.primary_key
        self.unique += other.unique
        self.foreign_keys += other.foreign_keys
        self.checks += other.checks
        self.indexes += other.indexes


@dataclass(slots=True)
class Table:
    """A table or view; columns by folded name, in order."""

    path: list[Name]
    kind: str = "table"
    columns: dict[str, Column] = field(default_factory=dict)
    constraints: Constraints = field(default_factory=Constraints)
    comment: str | None = None

    @property
    def name(self) -> Name:
        return self.path[-1]

    @property
    def schema(self) -> Name | None:
        return self.path[-2] if len(self.path) > 1 else None

    @property
    def key(self) -> str:
        """`schema.table`, or `table`."""
        return ".".join(name.folded for name in self.path[-2:])


class Tables:
    """All tables of a database, by key. `schema` is where a table without one is made, None: nowhere in particular."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.schema: Name | None = None
        self.by_key: dict[str, Table] = {}
        self._by_name: dict[str, dict[str, Table]] = {}
        self.enums: dict[str, list[str]] = {}

    def place(self, path: list[Name]) -> list[Name]:
        """The path with the schema that is meant, if it has none."""
        return [self.schema, *path] if len(path) == 1 and self.schema else path

    def find(self, path: list[Name], beside: Table | None = None) -> Table | None:
        """The table of that name: in its schema, in the present one, or beside another table; else the only one."""
        if not path:
            return None
        if len(path) > 1:
            return self.by_key.get(".".join(name.folded for name in path[-2:])) or self._only(path, within=True)
        for schema in (beside.schema if beside else None, self.schema):
            found = self.by_key.get(f"{schema.folded}.{path[0].folded}") if schema else None
            if found:
                return found
        return self.by_key.get(path[0].folded) or self._only(path)

    def _only(self, path: list[Name], *, within: bool = False) -> Table | None:
        """The table whose schema is not said on one of the two sides; there must be no other of its name."""
        named = self._by_name.get(path[-1].folded, {}).values()
        fit = [one for one in named if one.schema is None or not within]
        return fit[0] if len(fit) == 1 else None

    def put(self, table: Table) -> None:
        """Has the table, in the place of one of its name."""
        self._forget(table.key)
        self.by_key[table.key] = table
        self._by_name.setdefault(table.name.folded, {})[table.key] = table

    def drop(self, path: list[Name]) -> None:
        """Has the table no more."""
        found = self.find(path)
        if found is not None:
            self._forget(found.key)

    def move(self, table: Table, path: list[Name]) -> None:
        """Has the table under another name, by which the others refer to it."""
        for other in self.by_key.values():
            for key in other.constraints.foreign_keys:
                if self.find(key.table, other) is table:
                    key.table = path
        self._forget(table.key)
        table.path = path
        self.put(table)

    def _forget(self, key: str) -> None:
        found = self.by_key.pop(key, None)
        if found is not None:
            del self._by_name[found.name.folded][key]

    def records(self) -> dict[str, Json]:
        """The record of each table by its key, with the relations of all."""
        related = {key: self._foreign_keys(table) for key, table in self.by_key.items()}
        to: dict[str, list[Json]] = {}
        for key, relations in related.items():
            for one in relations:
                target = one["references"]
                back = {"table": key, "columns": one["columns"], "references": target["columns"]}
                backs = to.setdefault(target["table"], [])
                if back not in backs:
                    backs.append(back)
        for backs in to.values():
            backs.sort(key=lambda one: (one["table"], one["columns"]))
        return {key: self._record(table, related[key], to.get(key, [])) for key, table in self.by_key.items()}

    def _record(self, table: Table, foreign_keys: list[Json], referenced_by: list[Json]) -> Json:
        keys = table.constraints
        primary = keys.primary_key.columns if keys.primary_key else []
        for name in primary:
            if name.folded in table.columns:
                table.columns[name.folded].nullable = False
        return {
            "name": table.name.text,
            "schema": table.schema.text if table.schema else None,
            "dialect": self.dialect,
            "kind": table.kind,
            "comment": table.comment,
            "columns": [self._column(column) for column in table.columns.values()],
            "primary_key": shown(table, primary),
            "unique": [{"name": key.name, "columns": shown(table, key.columns)} for key in keys.unique],
            "foreign_keys": foreign_keys,
            "indexes": keys.indexes,
            "checks": keys.checks,
            "referenced_by": referenced_by,
        }

    def _column(self, column: Column) -> Json:
        values = column.values or self.enums.get(column.type.split(".")[-1].strip('"').lower())
        return {
            "name": column.name.text,
            "type": column.type,
            "nullable": column.nullable,
            "default": column.default,
            "comment": column.comment,
            **({"identity": True} if column.identity else {}),
            **({"generated": column.generated} if column.generated else {}),
            **({"values": values} if values else {}),
        }

    def _foreign_keys(self, table: Table) -> list[Json]:
        found = []
        for key in (one for one in table.constraints.foreign_keys if one.table):
            other = self.find(key.table, table)
            to = key.to
            if not to and other is not None and other.constraints.primary_key:
                to = other.constraints.primary_key.columns
            target = other.key if other else ".".join(name.folded for name in key.table[-2:])
            found.append(
                {
                    "name": key.name,
                    "columns": shown(table, key.columns),
                    "references": {"table": target, "columns": shown(other, to)},
                    "on_delete": key.on_delete,
                    "on_update": key.on_update,
                }
            )
        return found


def shown(table: Table | None, names: Iterable[Name]) -> list[str]:
    """Columns as the table writes their names."""
    columns = table.columns if table else {}
    return [columns[name.folded].name.text if name.folded in columns else name.text for name in names]
