"""Views: their columns as far as they can be known, which takes a parser of queries (sqlglot's)."""

from collections.abc import Callable

from sqlglot import exp
from sqlglot.errors import SqlglotError

from workers.sql.columns import option_comment
from workers.sql.dialects import dialect, fold
from workers.sql.names import Name
from workers.sql.tables import Column, Table, Tables
from workers.sql.words import Words

LONGEST_QUERY = 200_000


def read(words: Words, table: Table, tables: Tables, warn: Callable[[str, Words], None]) -> None:
    """Reads a view from behind its name on."""
    body = words.group()
    names = [(part.name(), part) for part in body.parts()] if body is not None else []
    while words and not words.sees("AS"):
        if words.sees("COMMENT") or words.sees("OPTIONS"):
            table.comment = option_comment(words) or table.comment
        else:
            words.skip()
    if not words.take("AS"):
        warn(f"View {table.key} has no query.", words)
    else:
        read_query(words, table, tables)
    _rename(table, [(name, option_comment(part)) for name, part in names if name is not None])
    if not table.columns:
        warn(f"View {table.key}: its columns cannot be told from its query.", words)


def read_query(words: Words, table: Table, tables: Tables) -> None:
    """Adds the columns that the query names, with a type where it casts to one or a known table has it."""
    source = words.rest() if not words else words.source[words.words[words.at].start : words.words[-1].end]
    if len(source) > LONGEST_QUERY:
        return
    try:
        query = dialect(words.dialect).parse(source)[0]
        sources = _sources(query, tables, words.dialect)
        for select in query.selects if isinstance(query, exp.Query) else []:
            _add(select, table, sources, words.dialect)
    except (SqlglotError, RecursionError, IndexError):
        return


def _sources(query: exp.Expr | None, tables: Tables, dialect_name: str) -> dict[str, Table]:
    """The known tables that the query reads from, by the names they have in it."""
    found = {}
    if isinstance(query, exp.Select):
        joined = [query.args.get("from_"), *(query.args.get("joins") or [])]
        for source in (table for one in joined if one is not None for table in one.find_all(exp.Table)):
            names = [_name(part, dialect_name) for part in source.parts if isinstance(part, exp.Identifier)]
            known = tables.find(names) if names else None
            if known is not None:
                found[source.alias_or_name.lower()] = known
    return found


def _add(select: exp.Expr, table: Table, sources: dict[str, Table], dialect_name: str) -> None:
    inner = select.unalias()
    of = sources.get(inner.table.lower()) if isinstance(inner, exp.Column) and inner.table else None
    if select.is_star and isinstance(inner, exp.Star | exp.Column):
        for source in [of] if of else sources.values():
            for column in source.columns.values():
                table.columns[column.name.folded] = Column(column.name, column.type)
        return
    if not select.output_name:
        return
    kind = ""
    if isinstance(inner, exp.Cast):
        kind = inner.to.sql(dialect=dialect_name).lower()
    elif isinstance(inner, exp.Column):
        name = _name(inner.this, dialect_name).folded
        types = [one.columns[name].type for one in ([of] if of else sources.values()) if name in one.columns]
        kind = types[0] if len(types) == 1 else ""
    named = select.args.get("alias") if isinstance(select, exp.Alias) else inner.this
    column = Column(
        _name(named, dialect_name) if isinstance(named, exp.Identifier) else _plain(select.output_name), kind
    )
    table.columns[column.name.folded] = column


def _name(identifier: exp.Expr, dialect_name: str) -> Name:
    return Name(identifier.name, fold(identifier.name, bool(identifier.args.get("quoted")), dialect_name))


def _plain(name: str) -> Name:
    return Name(name, name.lower())


def _rename(table: Table, names: list[tuple[Name, str | None]]) -> None:
    """The view's own names for its columns, in order."""
    if not names:
        return
    types = [column.type for column in table.columns.values()]
    if len(types) != len(names):
        types = [""] * len(names)
    columns = [Column(name, kind, comment=comment) for (name, comment), kind in zip(names, types, strict=True)]
    table.columns = {column.name.folded: column for column in columns}
