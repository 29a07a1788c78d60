"""One query to a live database: checked, bounded in time, rows and bytes, its values as JSON."""

import json as exact  # orjson makes a float of a number beyond 64 bits
from collections.abc import Sequence
from math import isfinite
from time import monotonic
from typing import Any

import psycopg2
from psycopg2.extensions import QuotedString, new_array_type, new_type, register_type

from infra import json
from infra.errors import AnswerTooLarge, QueryRefused, TargetTimeout
from workers.sql.connecting import Database, connected, place
from workers.sql.lexing import Token, refused

Json = dict[str, Any]

CONNECT_SECONDS = 3.0
MOST_BYTES, MOST_WIRE_BYTES = 4 * 1024 * 1024, 16 * 1024 * 1024
ROWS_AT_ONCE = 200
LARGEST = 2**63
# By their numbers in every PostgreSQL: numeric, bytea, dates and times, and lists of them.
_AS_TEXT = (1700, 17, 1082, 1083, 1114, 1184, 1186, 1266, 114, 3802)
_LISTS_AS_TEXT = (1231, 1001, 1182, 1183, 1115, 1185, 1187, 1270, 199, 3807, 2951)
_JSON = (114, 3802)
TYPES = "SELECT oid, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = ANY (%s::oid[])"


def prepare(sql: str, parameters: Sequence[Any]) -> str:
    """The query with its parameters in place; raises QueryRefused or BadInput at `/sql` or `/parameters/…`."""
    from workers.sql.checking import check  # sqlglot: 40 MB and a second, for those who ask

    return bind(sql, check(sql), parameters)


def run(dsn: str, sql: str, parameters: Sequence[Any], *, limit: int, seconds: float) -> Json:
    """`{"columns": [{"name", "type"}], "rows": [[…]], "truncated", "took_ms"}` of a query.

    At most `limit` rows and 4 MiB. It blocks; raises what `prepare` and connecting do, AnswerTooLarge where one row is
    larger, QueryRefused for a superuser, and RateLimited where this process has enough to do with others.
    """
    sql = prepare(sql, parameters)
    with place(), connected(dsn, seconds=seconds + CONNECT_SECONDS, at_most=MOST_WIRE_BYTES) as database:
        if database.is_superuser:
            raise QueryRefused("Queries are put as a role that is no superuser: store a dsn of one that may only read.")
        begun = monotonic()
        database.cursor.execute("SET LOCAL statement_timeout = %s", [int(seconds * 1000)])
        _open(database, sql)
        answer = _Answer(database, limit, begun + seconds)
        answer.fetch()
        took = round((monotonic() - begun) * 1000, 1)
    return {"columns": answer.columns, "rows": answer.rows, "truncated": answer.truncated, "took_ms": took}


def bind(sql: str, tokens: Sequence[Token], parameters: Sequence[Any]) -> str:
    """The text with `$1`, `$2`, … replaced by the values, and without what follows its last word."""
    pieces, at, used = [], 0, set()
    for token in tokens:
        if token.kind == "parameter":
            number = int(token.text[1:])
            if not 1 <= number <= len(parameters):
                raise refused(f"Has {token.text}, and there are {len(parameters)} parameters.")
            used.add(number)
            pieces += [sql[at : token.start], f" {literal(parameters[number - 1])} "]
            at = token.end
    unused = set(range(1, len(parameters) + 1)) - used
    if unused:
        raise QueryRefused(
            errors=[{"pointer": f"/parameters/{min(unused) - 1}", "detail": "Is not used in the query."}]
        )
    return "".join(pieces) + sql[at : tokens[-1].end]


def literal(value: Any) -> str:
    """A value as PostgreSQL writes it; texts have no type yet, so that they become what they are compared with."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return f"({value!r})" if value < 0 else repr(value)
    if isinstance(value, list):
        return _quoted("{" + ",".join(_item(one) for one in value) + "}")
    return _quoted(str(value))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _open(database: Database, sql: str) -> None:
    """Opens the query as a cursor. EXECUTE takes exactly one statement, and OPEN one that returns rows: that is said by
    PostgreSQL's own parser, whatever we read into the text."""
    body = f"DECLARE c pg_catalog.refcursor := 'answer'; BEGIN OPEN c NO SCROLL FOR EXECUTE {_own(database, sql)}; END"
    database.cursor.execute(f"DO {_own(database, body)}")


def _own(database: Database, text: str) -> str:
    quoted = QuotedString(text)
    quoted.prepare(database.connection)
    return quoted.getquoted().decode()


class _Answer:
    """The rows of the open cursor, and whether there are more of them."""

    def __init__(self, database: Database, limit: int, until: float) -> None:
        self.columns: list[Json] = []
        self.rows: list[list[Any]] = []
        self.truncated = False
        self._database, self._limit, self._until = database, limit, until
        self._size, self._kinds = 0, list[int]()

    def fetch(self) -> None:
        """Ten times as many with each step, so that large ones are seen before there are many."""
        _read_as_text(self._database)
        step = 1
        while not self.truncated:
            wanted = min(step, self._limit + 1 - len(self.rows))
            some = self._some(wanted)
            if not self.columns:
                self._describe()
            for row in some:
                self._take(row)
            if len(some) < wanted:
                break
            if monotonic() > self._until:
                raise TargetTimeout(f"{self._database.dsn.host} did not answer in time.")
            step = min(step * 10, ROWS_AT_ONCE)

    def _some(self, count: int) -> list[Any]:
        try:
            self._database.cursor.execute(f"FETCH FORWARD {count} FROM answer")
            return self._database.cursor.fetchall()
        except psycopg2.Error:
            if not (self._database.relay.cut and self.rows):
                raise
            self.truncated = True
            return []

    def _take(self, row: Sequence[Any]) -> None:
        values = [_shown(value, kind) for value, kind in zip(row, self._kinds, strict=True)]
        self._size += len(json.dump_bytes(values))
        if self._size > MOST_BYTES and not self.rows:
            raise AnswerTooLarge("The first row is larger than 4 MiB; select less of it.")
        if self.truncated or self._size > MOST_BYTES or len(self.rows) == self._limit:
            self.truncated = True
        else:
            self.rows.append(values)

    def _describe(self) -> None:
        described = self._database.cursor.description or ()
        self._kinds = [one.type_code for one in described]
        names = [one.name for one in described]
        self._database.cursor.execute(TYPES, [self._kinds])
        types = dict(self._database.cursor.fetchall())
        self.columns = [
            {"name": name, "type": types.get(kind, "unknown")} for name, kind in zip(names, self._kinds, strict=True)
        ]


def _read_as_text(database: Database) -> None:
    """Python has no 30th of February, no infinite date and not all numbers; a text has."""
    text = new_type(_AS_TEXT, "TEXT", lambda value, _: value)
    register_type(text, database.connection)
    register_type(new_array_type(_LISTS_AS_TEXT, "TEXTS", text), database.connection)


def _shown(value: Any, kind: int) -> Any:
    """A value as JSON has it. Numbers beyond 64 bits and NaN are texts; so is JSON that is too deep to be read."""
    if kind in _JSON and isinstance(value, str):
        try:
            return _safe(exact.loads(value))
        except (ValueError, RecursionError):
            return value
    return _safe(value)


def _safe(value: Any) -> Any:
    if isinstance(value, list):
        return [_safe(one) for one in value]
    if isinstance(value, dict):
        return {name: _safe(one) for name, one in value.items()}
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, int) and not -LARGEST <= value < LARGEST:
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
