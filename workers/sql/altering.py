"""What changes tables after they are made: ALTER TABLE, COMMENT ON, RENAME TABLE, and SQL Server's descriptions."""

from collections.abc import Callable, Iterable

from workers.sql.columns import option_comment, read_column, read_constraint, read_default, read_index
from workers.sql.dialects import KEY_IS_INDEX
from workers.sql.keywords import VERBS
from workers.sql.names import Name
from workers.sql.tables import Column, Table, Tables
from workers.sql.words import Words

Warn = Callable[[str, Words], None]

_LEVELS = {"level0name": "schema", "level1name": "table", "level2name": "column"}


def pass_if_exists(words: Words) -> bool:
    """Passes IF [NOT] EXISTS."""
    return words.take("IF", "NOT", "EXISTS") or words.take("IF", "EXISTS")


def pass_to(words: Words, keyword: str, *, before: Iterable[str]) -> bool:
    """Passes all up to and with that keyword, if it comes before any of the others."""
    ends = frozenset(before)
    for at in range(words.at, len(words.words)):
        upper = words.words[at].upper
        if upper == keyword:
            words.at = at + 1
            return True
        if upper in ends:
            return False
    return False


def alter(words: Words, tables: Tables, warn: Warn) -> None:
    """Reads an ALTER TABLE, action by action."""
    _ = words.take_one("FOREIGN", "EXTERNAL", "IGNORE")
    if not words.take("TABLE"):
        return
    pass_if_exists(words)
    _ = words.take("ONLY")
    path = words.path()
    table = tables.find(path)
    if table is None:
        name = ".".join(one.text for one in path)
        warn(f"Table {name or '?'} is changed, but not defined before.", words)
        return
    if words.take("WITH"):
        _ = words.take_one("CHECK", "NOCHECK")
    verb = ""
    for part in words.parts():
        verb = part.take_one(*VERBS) or verb
        _act(verb, part, table, tables, warn)


def comment(words: Words, tables: Tables, warn: Warn) -> None:
    """Reads a COMMENT ON."""
    pass_if_exists(words)
    if not words.take("ON"):
        return
    _ = words.take_one("MATERIALIZED", "FOREIGN")
    what = words.take_one("TABLE", "VIEW", "COLUMN")
    path = words.path()
    said = words.string() if words.take("IS") else None
    if not what or not path:
        return
    table = tables.find(path[:-1] if what == "COLUMN" else path)
    if table is None:
        warn(f"{'.'.join(one.text for one in path)} has a comment, but is not defined before.", words)
    elif what != "COLUMN":
        table.comment = said
    elif path[-1].folded in table.columns:
        table.columns[path[-1].folded].comment = said


def rename(words: Words, tables: Tables) -> None:
    """Reads MySQL's RENAME TABLE a TO b, c TO d."""
    if words.take("TABLE"):
        for part in words.parts():
            table = tables.find(part.path())
            if table is not None and part.take("TO"):
                _move(table, part.path(), tables)


def describe(words: Words, tables: Tables) -> None:
    """Reads SQL Server's way to comment: EXEC sp_addextendedproperty @name=N'MS_Description', @value=…, …"""
    path = words.path()
    if not path or path[-1].folded != "sp_addextendedproperty":
        return
    said: dict[str, str] = {}
    for order, part in enumerate(words.parts()):
        name = part.name() if part.take("@") else None
        _ = part.take("=")
        _ = part.take("N")
        value = part.string() or ""
        said[name.folded if name else _ORDER[min(order, len(_ORDER) - 1)]] = value
    names = [Name(said[level], said[level].lower()) for level in _LEVELS if said.get(level)]
    table = tables.find(names[:2]) if len(names) > 1 and said.get("name") == "MS_Description" else None
    if table is None or said.get("level1type", "").upper() not in ("TABLE", "VIEW"):
        return
    if len(names) == 2:
        table.comment = said.get("value")
    elif said.get("level2type", "").upper() == "COLUMN" and names[2].folded in table.columns:
        table.columns[names[2].folded].comment = said.get("value")


_ORDER = ("name", "value", "level0type", "level0name", "level1type", "level1name", "level2type", "level2name", "more")


def _act(verb: str, words: Words, table: Table, tables: Tables, warn: Warn) -> None:
    if verb == "ADD":
        _add(words, table, warn)
    elif verb == "DROP":
        _drop(words, table)
    elif verb == "ALTER":
        _alter_column(words, table, warn)
    elif verb in ("MODIFY", "CHANGE"):
        _modify(verb, words, table, warn)
    elif verb == "RENAME":
        _rename(words, table, tables)
    elif verb == "SET" and words.take("SCHEMA"):
        _move(table, [*words.path(), table.name], tables)
    elif verb == "COMMENT":
        words.at -= 1
        table.comment = option_comment(words) or table.comment
    elif verb == "SET" and (words.sees("COMMENT") or words.sees("OPTIONS")):
        table.comment = option_comment(words) or table.comment


def _add(words: Words, table: Table, warn: Warn) -> None:
    is_column = words.take_one("COLUMN", "COLUMNS")
    pass_if_exists(words)
    inner = words.group()  # Oracle's ADD (a int, b int)
    for part in inner.parts() if inner is not None else [words]:
        if not is_column and _add_constraint(part, table):
            continue
        column = read_column(part, table.constraints, warn)
        if column is None:
            warn(f"Table {table.key}: what is added here is not understood.", part)
        else:
            table.columns[column.name.folded] = column


def _add_constraint(words: Words, table: Table) -> bool:
    if read_constraint(words, table.constraints):
        return True
    begin = words.at
    if words.take("CONSTRAINT"):
        _ = words.name()
    if words.take("DEFAULT"):  # SQL Server's ADD CONSTRAINT c DEFAULT 0 FOR column
        default = read_default(words)
        name = words.name() if words.take("FOR") else None
        if name is not None and name.folded in table.columns:
            table.columns[name.folded].default = default
        return True
    kinds = ("KEY", "INDEX", "FULLTEXT", "SPATIAL") if words.dialect in KEY_IS_INDEX else ("INDEX",)
    kind = words.take_one(*kinds)
    if kind:
        _ = words.take_one("KEY", "INDEX")
        found = read_index(words, unique=False, kind=kind if kind in ("FULLTEXT", "SPATIAL") else "")
        if found is not None:
            table.constraints.indexes.append(found)
            return True
    words.at = begin
    return words.take("PARTITION") or words.take("GENERATED")


def _drop(words: Words, table: Table) -> None:
    keys = table.constraints
    if words.take("PRIMARY", "KEY"):
        keys.primary_key = None
    elif words.take_one("CONSTRAINT", "INDEX", "KEY") or words.take("FOREIGN", "KEY"):
        pass_if_exists(words)
        name = words.name()
        if name is not None:
            _drop_constraint(table, name.folded)
    else:
        _ = words.take_one("COLUMN", "COLUMNS")
        pass_if_exists(words)
        inner = words.group()
        for part in inner.parts() if inner is not None else [words]:
            name = part.name()
            if name is not None:
                _drop_column(table, name.folded)


def _drop_constraint(table: Table, name: str) -> None:
    keys = table.constraints
    if keys.primary_key is not None and (keys.primary_key.name or "").lower() == name:
        keys.primary_key = None
    keys.unique = [one for one in keys.unique if (one.name or "").lower() != name]
    keys.foreign_keys = [one for one in keys.foreign_keys if (one.name or "").lower() != name]
    keys.checks = [one for one in keys.checks if (one["name"] or "").lower() != name]
    keys.indexes = [one for one in keys.indexes if (one["name"] or "").lower() != name]


def _drop_column(table: Table, name: str) -> None:
    """Without the column, and without the keys that it is part of."""
    table.columns.pop(name, None)
    keys = table.constraints
    if keys.primary_key is not None and _has(keys.primary_key.columns, name):
        keys.primary_key = None
    keys.unique = [one for one in keys.unique if not _has(one.columns, name)]
    keys.foreign_keys = [one for one in keys.foreign_keys if not _has(one.columns, name)]


def _has(names: list[Name], folded: str) -> bool:
    return any(name.folded == folded for name in names)


def _alter_column(words: Words, table: Table, warn: Warn) -> None:
    _ = words.take("COLUMN")
    pass_if_exists(words)
    begin = words.at
    name = words.name()
    column = table.columns.get(name.folded) if name else None
    if column is None:
        return
    if words.take("SET", "NOT", "NULL"):
        column.nullable = False
    elif words.take("DROP", "NOT", "NULL"):
        column.nullable = True
    elif words.take("SET", "DEFAULT"):
        column.default = read_default(words)
    elif words.take("DROP", "DEFAULT"):
        column.default = None
    elif words.take("ADD", "GENERATED"):
        column.identity, column.nullable = True, False
    elif words.take("COMMENT"):
        column.comment = words.string()
    elif words.take("SET", "DATA", "TYPE") or words.take("TYPE"):
        rest = words.written(words.at, len(words.words))
        column.type = rest.partition(" USING ")[0].partition(" using ")[0]
    elif not words.take_one("SET", "DROP", "ADD", "RESET"):  # SQL Server's ALTER COLUMN a bigint NOT NULL
        words.at = begin
        _replace(words, table, column, warn)


def _modify(verb: str, words: Words, table: Table, warn: Warn) -> None:
    """MySQL's MODIFY a bigint and CHANGE a b bigint, Oracle's MODIFY (a NOT NULL, b DEFAULT 1)."""
    _ = words.take("COLUMN")
    inner = words.group()
    for part in inner.parts() if inner is not None else [words]:
        old = part.name()
        column = table.columns.get(old.folded) if old else None
        if old is None or column is None:
            continue
        if verb == "CHANGE":
            new = part.peek()
            _rename_column(table, old, part.name() or old)
            part.at -= 1 if new else 0
        else:
            part.at -= 1
        _replace(part, table, column, warn)


def _replace(words: Words, table: Table, column: Column, warn: Warn) -> None:
    """Gives the column what the words say. Without a type they say a part, and the rest stays."""
    begin = words.at
    found = read_column(words, table.constraints, warn)
    if found is None:
        return
    has_null = any(word.upper == "NULL" for word in words.words[begin:])
    only_part = not found.type
    column.type = found.type or column.type
    column.nullable = found.nullable if has_null or not only_part else column.nullable
    column.default = found.default if found.default is not None or not only_part else column.default
    column.comment = found.comment or column.comment
    column.identity = found.identity or (column.identity and only_part)
    column.generated = found.generated or (column.generated if only_part else None)
    column.values = found.values or column.values


def _rename(words: Words, table: Table, tables: Tables) -> None:
    if words.take("CONSTRAINT") or words.take("INDEX") or words.take("KEY"):
        return
    if words.take_one("TO", "AS"):
        _move(table, words.path(), tables)
        return
    _ = words.take("COLUMN")
    old = words.name()
    new = words.name() if words.take("TO") else None
    if old is not None and new is not None:
        _rename_column(table, old, new)


def _rename_column(table: Table, old: Name, new: Name) -> None:
    """In its place among the others, and in the keys."""
    keys = table.constraints
    for index in keys.indexes:
        index["columns"] = [_renamed(one, old, new) for one in index["columns"]]
    for column in table.columns.values():
        if column.name.folded == old.folded:
            column.name = new
    table.columns = {column.name.folded: column for column in table.columns.values()}
    lists = [one.columns for one in keys.unique] + [one.columns for one in keys.foreign_keys]
    for names in [*lists, *([keys.primary_key.columns] if keys.primary_key else [])]:
        names[:] = [new if name.folded == old.folded else name for name in names]


def _renamed(indexed: str, old: Name, new: Name) -> str:
    name, space, order = indexed.partition(" ")
    return new.text + space + order if name.lower() == old.text.lower() else indexed


def _move(table: Table, path: list[Name], tables: Tables) -> None:
    if path:
        tables.move(table, [*table.path[:-1], *path] if len(path) == 1 else path)
