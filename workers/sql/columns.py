"""Columns and constraints as CREATE TABLE and ALTER TABLE have them, in the words of all dialects at once.

They are read from sqlglot's words and not by its parser, which gives up a whole table for one option that it does not
know, and so for most scripts of SQL Server and Oracle, and which does not keep types and defaults as they are written.
"""

import re
from collections.abc import Callable
from typing import Any

from workers.sql.keywords import (
    CONSTRAINTS,
    FLAGS,
    GROUPED,
    REFERENCE_FLAGS,
    SEQUENCE,
    SERIAL,
    STOPS,
    TYPE_SIGNS,
    VALUED,
)
from workers.sql.names import Name
from workers.sql.tables import Column, Constraints, ForeignKey, Key
from workers.sql.words import Words

Json = dict[str, Any]
Warn = Callable[[str, Words], None]

_BRACKETS = re.compile(r"\[(\w+)\]")
_ACTIONS = ("CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION")


def read_column(words: Words, into: Constraints, warn: Warn) -> Column | None:
    """The column that the words define, its own constraints going `into` those of the table; None: it has no name."""
    name = words.name()
    if name is None:
        return None
    begin = words.at
    _pass_until_stop(words, of_type=True)
    column = Column(name, _type(words.written(begin, words.at), words.dialect))
    if any(word.kind == "sign" and word.text not in TYPE_SIGNS for word in words.words[begin : words.at]):
        warn(f"Column {name.text}: {column.type[:60]!r} is no type.", words)
    column.identity = column.type.lower() in SERIAL
    column.nullable = not column.identity
    column.values = _enumerated(words, begin)
    while words:
        _read_clause(words, column, into, warn)
    return column


def read_constraint(words: Words, into: Constraints) -> bool:
    """Reads a constraint of a table, if the words are one; says whether they were."""
    begin = words.at
    name = None
    if words.take("CONSTRAINT"):
        name = None if words.next_upper() in CONSTRAINTS else words.name()
    if words.take("PRIMARY", "KEY"):
        into.primary_key = Key(_text(name), _column_names(words))
    elif words.take("UNIQUE"):
        _ = words.take_one("KEY", "INDEX")
        own = words.name() if not _is_list(words) else None
        into.unique.append(Key(_text(name or own), _column_names(words)))
    elif words.take("FOREIGN", "KEY"):
        columns = _column_names(words)
        if words.take("REFERENCES"):
            into.foreign_keys.append(_reference(words, name, columns))
    elif words.take("CHECK"):
        _check(words, name, into)
    elif words.sees("EXCLUDE") and name is not None:
        into.checks.append({"name": name.text, "expression": words.rest()})
    else:
        words.at = begin
        return False
    return True


def read_index(words: Words, *, unique: bool, kind: str = "") -> Json | None:
    """An index as it stands after its INDEX or KEY: name, method, columns, condition."""
    name = None if words.next_upper() in ("(", "USING", "ON") else words.name()
    method = kind.lower() or None
    while words and not words.sees("("):
        if words.take("USING"):
            method = words.next_upper().lower() or method
        words.at += 1
    columns = words.group()
    if columns is None:
        return None
    found: Json = {"name": _text(name), "columns": [_indexed(part) for part in columns.parts() if part]}
    where = None
    while words:
        if words.take("USING"):
            method = words.next_upper().lower() or method
        elif words.take("WHERE"):
            begin = words.at
            while words and not words.sees("WITH"):
                words.skip()
            where = words.written(begin, words.at)
            continue
        words.skip()
    return found | {"unique": unique, **({"method": method} if method else {}), **({"where": where} if where else {})}


def _indexed(words: Words) -> str:
    """A column or expression of an index; a column without its quotes."""
    word = words.peek()
    order = words.next_upper(1)
    if word is None or word.kind not in ("word", "name") or not (order in ("ASC", "DESC") or words.peek(1) is None):
        return words.rest()
    return f"{word.text} DESC" if order == "DESC" else word.text


def read_default(words: Words) -> str:
    """The expression of a DEFAULT."""
    _ = words.take("ON", "NULL")
    begin = words.at
    words.skip()
    _pass_until_stop(words)
    return words.written(begin, words.at)


def option_comment(words: Words) -> str | None:
    """What COMMENT [=] '…' or OPTIONS(description='…') says, if that is here."""
    if words.take("COMMENT"):
        _ = words.take("=")
        return words.string()
    if words.take("OPTIONS"):
        options = words.group()
        for part in options.parts() if options is not None else []:
            if part.take("DESCRIPTION", "="):
                return part.string()
    return None


def _pass_until_stop(words: Words, *, of_type: bool = False) -> None:
    """To the end of a type, or of an expression after its first word."""
    angles = 0
    while words:
        upper = words.next_upper()
        if not angles and upper in STOPS and not _goes_on(words, of_type=of_type):
            return
        if of_type:
            angles += upper.count("<") - upper.count(">")
        words.skip()


def _goes_on(words: Words, *, of_type: bool) -> bool:
    """`WITH TIME ZONE` and `CHARACTER VARYING` are of a type, and it may be called `character` or `key`."""
    follows = words.next_upper(1)
    if words.sees("WITH"):
        return of_type and follows in ("TIME", "LOCAL", "TIMEZONE")
    if words.sees("CHARACTER"):
        return follows != "SET"
    return words.sees("AS") and not of_type


def _read_clause(words: Words, column: Column, into: Constraints, warn: Warn) -> None:
    name = words.name() if words.take("CONSTRAINT") else None
    if words.take("NOT", "NULL"):
        column.nullable = False
    elif words.take("NULL"):
        column.nullable = True
    elif words.take("DEFAULT"):
        column.default = read_default(words)
    elif words.take("PRIMARY", "KEY"):
        into.primary_key, column.nullable = Key(_text(name), [column.name]), False
    elif words.take("UNIQUE"):
        into.unique.append(Key(_text(name), [column.name]))
    elif words.take("REFERENCES"):
        into.foreign_keys.append(_reference(words, name, [column.name]))
    elif words.take("CHECK"):
        _check(words, name, into)
    elif words.sees("COMMENT") or words.sees("OPTIONS"):
        column.comment = option_comment(words) or column.comment
    elif not _generated(words, column):
        _pass_option(words, column, warn)


def _generated(words: Words, column: Column) -> bool:
    """Reads how the value comes about, if that is what follows."""
    if words.take_one("AUTO_INCREMENT", "AUTOINCREMENT", "IDENTITY"):
        column.identity = True
        _pass_sequence(words)
        return True
    if words.take("GENERATED"):
        while words and not words.sees("AS"):
            words.at += 1
    if not words.take_one("AS", "MATERIALIZED", "ALIAS", "EPHEMERAL"):
        return False
    if words.take("IDENTITY"):
        column.identity, column.nullable = True, False
        _pass_sequence(words)
        return True
    begin = words.at
    inner = words.group()
    words.at += inner is None
    after = words.at
    _pass_until_stop(words)
    is_whole = words.at == after
    column.generated = inner.rest() if inner is not None and is_whole else words.written(begin, words.at)
    return True


def _pass_sequence(words: Words) -> None:
    while words.group() is not None or words.number() or words.take_one(*SEQUENCE):
        pass


def _pass_option(words: Words, column: Column, warn: Warn) -> None:
    """Passes what says nothing for a record; what is not known is warned of."""
    _ = words.take("NOT")
    upper = words.next_upper()
    if words.take("FOR", "REPLICATION"):
        return
    if words.take("CHARACTER", "SET") or (upper in VALUED and words.take(upper)):
        _ = words.take("=")
        words.skip()
        _ = words.take(".") and words.name()
    elif words.take("ON", "UPDATE"):
        words.skip()
        _ = words.group()
    elif words.take("ON") or (upper in GROUPED and words.take(upper)):
        while words and words.next_upper() not in STOPS:
            words.skip()
    elif upper in FLAGS:
        words.at += 1
    elif words:
        begin = words.at
        warn(f"Column {column.name.text}: {_quoted(words)} is not understood, and was left out.", words)
        words.at = max(begin + 1, words.at)
        _pass_until_stop(words)


def _quoted(words: Words) -> str:
    word = words.peek()
    return repr(words.source[word.start : word.end][:60]) if word else "the end"


def _reference(words: Words, name: Name | None, columns: list[Name]) -> ForeignKey:
    found = ForeignKey(_text(name), columns, words.path(), _column_names(words) if words.sees("(") else [])
    while words:
        if words.take("ON", "DELETE"):
            found.on_delete = _action(words)
        elif words.take("ON", "UPDATE"):
            found.on_update = _action(words)
        elif words.take("MATCH"):
            words.at += 1
        elif not (words.take("NOT", "FOR", "REPLICATION") or words.take_one(*REFERENCE_FLAGS)):
            break
    return found


def _action(words: Words) -> str | None:
    for action in _ACTIONS:
        if words.take(*action.split()):
            return action
    return None


def _check(words: Words, name: Name | None, into: Constraints) -> None:
    begin = words.at
    inner = words.group()
    if inner is None:  # ClickHouse has no parentheses there
        words.at = len(words.words)
    expression = inner.rest() if inner is not None else words.written(begin, words.at)
    into.checks.append({"name": _text(name), "expression": expression})


def _is_list(words: Words) -> bool:
    return words.next_upper() in ("(", "CLUSTERED", "NONCLUSTERED", "NULLS", "USING")


def _column_names(words: Words) -> list[Name]:
    """The columns in the next parentheses, without order, length or operator class."""
    while words and not words.sees("("):
        words.at += 1
    inner = words.group()
    names = [part.name() for part in inner.parts()] if inner is not None else []
    return [name for name in names if name is not None]


def _enumerated(words: Words, begin: int) -> list[str] | None:
    """The values of a type that is written ENUM('a', 'b') or SET(…)."""
    end, words.at = words.at, begin
    values = None
    if words.take_one("ENUM", "SET", "ENUM8", "ENUM16"):
        inner = words.group()
        values = [one for part in inner.parts() if (one := part.string()) is not None] if inner is not None else None
    words.at = end
    return values or None


def _type(written: str, dialect: str) -> str:
    """A type without the quotes that SQL Server's tools put around it."""
    return _BRACKETS.sub(r"\1", written) if dialect == "tsql" else written


def _text(name: Name | None) -> str | None:
    return name.text if name else None
