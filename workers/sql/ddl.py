"""What a script of SQL defines: its tables and views, statement by statement.

A statement that cannot be read, or a part of one, is a warning with its line, and the rest is used. Rows, routines,
grants and the like are passed over. What is read runs in a jail (infra/jail.py), for the scripts come from outside.
"""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from sqlglot.errors import SqlglotError

from infra.errors import BadInput
from workers.sql import altering, views
from workers.sql.columns import option_comment, read_column, read_constraint, read_index
from workers.sql.dialects import KEY_IS_INDEX, USE_IS_SCHEMA, guess, known
from workers.sql.encodings import as_utf8
from workers.sql.keywords import INDEX_KINDS, INDEX_METHODS, PASSED, TABLE_KINDS
from workers.sql.names import Name
from workers.sql.statements import LONGEST, Script, Statement
from workers.sql.tables import Column, Table, Tables
from workers.sql.words import Words

Json = dict[str, Any]

SAMPLE, SAMPLE_STATEMENTS, SAMPLE_STATEMENT = 1024 * 1024, 12, 4096
MOST_TABLES = 20_000
MOST_WARNINGS = 200
LONGEST_NAME = 300


def parse(argument: Json, inputs: dict[str, Path]) -> Json:
    """For the jail: `{"dialect"?, "ddl"?}` and perhaps the file `ddl` become `{"dialect", "tables", "warnings"}`, the
    tables' records by key. Raises BadInput where there is no table in it."""
    data = as_utf8(inputs["ddl"].read_bytes()) if "ddl" in inputs else argument["ddl"].encode()
    dialect = known(argument["dialect"]) if argument.get("dialect") else _guessed(data)
    reader = Reader(dialect)
    reader.read(data)
    tables = reader.tables.records()
    if not tables:
        raise BadInput(_nothing(reader), errors=[{"pointer": "/input", "detail": one} for one in reader.said()[:20]])
    return {"dialect": dialect, "tables": tables, "warnings": reader.warnings}


def _guessed(data: bytes) -> str:
    sample = data[:SAMPLE]
    texts = (one.text for one in Script(sample, "postgres").statements())
    short = (text for text in texts if len(text) <= SAMPLE_STATEMENT and _first_word(text) == "CREATE")
    return guess(sample.decode(errors="replace"), list(islice(short, SAMPLE_STATEMENTS)))


def _nothing(reader: "Reader") -> str:
    if reader.warnings:
        return (
            f"No table could be read from it as {reader.tables.dialect}; the first of the problems: {reader.said()[0]}"
        )
    return f"There is no CREATE TABLE or CREATE VIEW in it that could be read as {reader.tables.dialect}."


class Reader:
    """Reads statements into `tables`; `warnings` say what was left out: `[{"line", "detail"}]`."""

    def __init__(self, dialect: str) -> None:
        self.tables = Tables(dialect)
        self.warnings: list[Json] = []
        self._dialect, self._line = dialect, 1
        self._left_out = 0
        self._readers: dict[str, Callable[[Words], None]] = {
            "CREATE": self._create,
            "ALTER": lambda words: altering.alter(words, self.tables, self._warn),
            "COMMENT": lambda words: altering.comment(words, self.tables, self._warn),
            "RENAME": lambda words: altering.rename(words, self.tables),
            "EXEC": lambda words: altering.describe(words, self.tables),
            "EXECUTE": lambda words: altering.describe(words, self.tables),
            "DROP": self._drop,
            "USE": self._use,
            "SET": self._set,
        }

    def read(self, data: bytes) -> None:
        """Reads a whole script."""
        script = Script(data, self._dialect)
        for statement in script.statements():
            self._line = statement.line
            read = self._readers.get(_first_word(statement.text))
            if read is not None:
                self._read(statement, read)
            elif _first_word(statement.text) not in PASSED:
                self._say(
                    statement.line, f"{_first_word(statement.text)[:30]!r} begins no statement that is known here."
                )
        for line in script.unclosed:
            self._say(line, "A quote or comment begins here that does not end.")
        self.warnings.sort(key=lambda one: one["line"] or 0)
        if self._left_out:
            self.warnings.append({"line": None, "detail": f"{self._left_out} more warnings were left out."})

    def said(self) -> list[str]:
        """The warnings as sentences."""
        return [f"Line {one['line']}: {one['detail']}" if one["line"] else one["detail"] for one in self.warnings]

    def _read(self, statement: Statement, read: Callable[[Words], None]) -> None:
        if len(statement.text) > LONGEST:
            self._say(statement.line, f"A statement of more than {LONGEST} bytes is not read.")
            return
        source = _unwrapped(statement.text)
        # The tokenizer takes what follows some first words as one text; after SELECT it does not.
        first = _first_word(source)
        plain = first in ("EXEC", "EXECUTE", "RENAME", "USE", "SET", "DROP")
        source = "SELECT" + source[len(first) :] if plain else source
        try:
            words = Words.of(source, self._dialect)
            words.at += 1
            read(words)
        except SqlglotError as error:
            detail = str(error).partition("\n")[0].partition(". Line")[0][:200]
            self._say(statement.line, f"This statement cannot be read: {detail}.")
        except RecursionError:
            self._say(statement.line, "This statement is nested too deeply.")

    def _warn(self, detail: str, words: Words) -> None:
        self._say(self._line + words.lines_before, detail)

    def _say(self, line: int, detail: str) -> None:
        if len(self.warnings) < MOST_WARNINGS:
            self.warnings.append({"line": line, "detail": detail})
        else:
            self._left_out += 1

    def _create(self, words: Words) -> None:
        if words.sees("TEMP") or words.sees("TEMPORARY") or words.sees("GLOBAL", "TEMPORARY"):
            return
        begin = words.at
        if not altering.pass_to(words, "VIEW", before=("AS", "TABLE", "INDEX", "(", "FUNCTION", "TYPE", "STRING")):
            words.at = begin
            while words.take_one(*TABLE_KINDS):
                pass
            if words.take("TEMPORARY") or words.take("TEMP"):
                return
            if words.take("TABLE"):
                self._create_table(words)
            elif words.take("TYPE"):
                self._create_type(words)
            else:
                self._create_index(words)
            return
        altering.pass_if_exists(words)
        table = self._new_table(words, "view")
        if table is not None:
            views.read(words, table, self.tables, self._warn)
            self.tables.put(table)

    def _create_table(self, words: Words) -> None:
        only_if_new = altering.pass_if_exists(words)
        if words.sees("#"):  # SQL Server's temporary ones
            return
        table = self._new_table(words, "table")
        if table is None:
            return
        if table.key in self.tables.by_key:
            self._warn(
                f"Table {table.key} is defined again; the {'first' if only_if_new else 'last'} one counts.", words
            )
            if only_if_new:
                return
        if words.sees("PARTITION", "OF") or words.sees("CLONE"):
            return
        if words.take("LIKE"):
            self._like(words, table)
        body = words.group()
        if body is not None and body.sees("SELECT"):
            views.read_query(body, table, self.tables)
        elif body is not None:
            self._elements(body, table)
        if words.is_open:
            self._warn(f"Table {table.key}: a parenthesis is not closed.", words)
        self._options(words, table)
        if table.columns:
            self.tables.put(table)
        else:
            self._warn(f"Table {table.key} has no column that can be read.", words)

    def _new_table(self, words: Words, kind: str) -> Table | None:
        path = words.path()
        if not path or len(self.tables.by_key) >= MOST_TABLES or any(len(one.text) > LONGEST_NAME for one in path):
            self._warn(
                f"This has no name, a name longer than {LONGEST_NAME}, or comes after {MOST_TABLES} tables.", words
            )
            return None
        return Table(self.tables.place(path), kind)

    def _elements(self, body: Words, table: Table) -> None:
        """Reads columns and constraints; what is wrong with one is wrong with no other."""
        for part in body.parts():
            if part and not self._element(part, table):
                self._warn(f"Table {table.key}: {part.rest()[:80]!r} is neither a column nor a constraint.", part)

    def _element(self, part: Words, table: Table) -> bool:
        if read_constraint(part, table.constraints) or self._is_passed(part, table):
            return True
        index = _index_of(part)
        if index:
            found = read_index(part, unique=False, kind=index if index in ("FULLTEXT", "SPATIAL") else "")
            if found is not None:
                table.constraints.indexes.append(found)
            return True
        column = read_column(part, table.constraints, self._warn)
        if column is not None:
            if column.name.folded in table.columns:
                self._warn(f"Table {table.key}: column {column.name.text} comes twice; the last one counts.", part)
            table.columns[column.name.folded] = column
        return column is not None

    def _is_passed(self, part: Words, table: Table) -> bool:
        """Reads LIKE, and passes what is no column."""
        if part.take("LIKE"):
            self._like(part, table)
            return True
        is_clause = part.sees("PERIOD", "FOR") or part.sees("PROJECTION") or part.sees("SUPPLEMENTAL", "LOG")
        return is_clause or (part.sees("FAMILY") and part.next_upper(2) == "(")

    def _like(self, words: Words, table: Table) -> None:
        other = self.tables.find(words.path(), table)
        for name, column in (other.columns if other else {}).items():
            table.columns[name] = _copy(column)

    def _options(self, words: Words, table: Table) -> None:
        """What follows the body: parents, a comment, a query."""
        while words:
            if words.take("INHERITS"):
                parents = words.group()
                for part in parents.parts() if parents is not None else []:
                    own, table.columns = table.columns, {}
                    self._like(part, table)
                    table.columns |= own
            elif words.sees("COMMENT") or words.sees("OPTIONS"):
                table.comment = option_comment(words) or table.comment
            elif words.sees("SELECT") or words.take("AS"):
                views.read_query(words, table, self.tables)
                return
            else:
                words.skip()

    def _create_type(self, words: Words) -> None:
        path = words.path()
        if path and words.take("AS", "ENUM"):
            inner = words.group()
            values = [part.string() for part in inner.parts()] if inner is not None else []
            self.tables.enums[path[-1].folded] = [value for value in values if value is not None]

    def _create_index(self, words: Words) -> None:
        kinds = []
        while kind := words.take_one(*INDEX_KINDS):
            kinds.append(kind)
        if not words.take("INDEX"):
            return
        _ = words.take_one("CONCURRENTLY", "ASYNC")
        altering.pass_if_exists(words)
        named = [] if words.sees("ON") else words.path()
        _ = words.take("USING") and words.name()
        if not words.take("ON"):
            self._warn("This index says of no table that it is on it.", words)
            return
        _ = words.take("ONLY")
        table = self.tables.find(words.path())
        special = [kind for kind in kinds if kind in INDEX_METHODS]
        found = read_index(words, unique="UNIQUE" in kinds, kind=special[0] if special else "")
        if table is None:
            self._warn("This index is on a table that is not defined before it.", words)
        elif found is not None:
            table.constraints.indexes.append(found | {"name": named[-1].text if named else None})

    def _drop(self, words: Words) -> None:
        _ = words.take_one("FOREIGN", "EXTERNAL", "MATERIALIZED", "TEMPORARY")
        if words.take_one("TABLE", "VIEW"):
            altering.pass_if_exists(words)
            for part in words.parts():
                self.tables.drop(part.path())

    def _use(self, words: Words) -> None:
        """The schema of what follows, where the dialect calls a schema a database, or it is said that it is one."""
        if words.take("SCHEMA") or self._dialect in USE_IS_SCHEMA:
            path = words.path()
            self.tables.schema = path[-1] if path else None

    def _set(self, words: Words) -> None:
        if words.take("SEARCH_PATH") and words.take_one("=", "TO"):
            name = words.name() or (Name(text, text.lower()) if (text := words.string()) else None)
            is_own = name is not None and name.folded not in ("pg_catalog", "default", "$user")
            self.tables.schema = name if is_own else None


def _first_word(text: str) -> str:
    if text.startswith("/*!"):
        text = _unwrapped(text[:1000])
    return text[:40].split(None, 1)[0].partition("(")[0].upper() if text.strip() else ""


def _unwrapped(text: str) -> str:
    """Without the marks of MySQL's comments that it runs."""
    if "/*!" not in text:
        return text
    pieces: list[str] = []
    for piece in text.split("/*!"):
        pieces.append(piece.lstrip("0123456789") if pieces else piece)
    return "".join(pieces).replace("*/", " ").strip()


def _index_of(part: Words) -> str:
    """The word that makes a part of a body an index; elsewhere it is a column's name."""
    words = ("KEY", "INDEX", "FULLTEXT", "SPATIAL") if part.dialect in KEY_IS_INDEX else ("INDEX",)
    if part.dialect not in KEY_IS_INDEX and part.dialect not in ("tsql", "clickhouse"):
        return ""
    found = part.take_one(*words)
    if found in ("FULLTEXT", "SPATIAL"):
        _ = part.take_one("KEY", "INDEX")
    return found


def _copy(column: Column) -> Column:
    return Column(column.name, column.type, column.nullable, column.default, column.comment, column.identity,
                  column.generated, column.values)  # fmt: skip
