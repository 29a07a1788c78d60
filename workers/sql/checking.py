"""Which queries may be put to a database: one SELECT (or UNION, VALUES, WITH … SELECT) that only reads.

Three look at it: sqlglot's parser allows by the kind of statement and of every part, the scanner of lexing.py looks for
functions that do more than compute, and PostgreSQL itself opens it as one cursor in a READ ONLY transaction.
"""

import re
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from workers.sql.dialects import dialect
from workers.sql.lexing import Token, refused, tokens

LONGEST = 100_000
# What changes something, locks something, or is a statement of its own within a query.
_FORBIDDEN = (
    exp.DML, exp.DDL, exp.Alter, exp.Command, exp.Into, exp.Lock, exp.Set, exp.Drop, exp.TruncateTable, exp.Copy,
    exp.Transaction, exp.Commit, exp.Rollback, exp.Use, exp.Comment, exp.Grant, exp.Merge,
)  # fmt: skip
# Of the system's own functions these; all others that begin so read files, wait, lock, signal, or change settings.
_SYSTEM = frozenset(
    """
    pg_typeof pg_size_pretty pg_size_bytes pg_column_size pg_table_size pg_relation_size pg_total_relation_size
    pg_indexes_size pg_database_size pg_tablespace_size pg_get_expr pg_get_viewdef pg_get_constraintdef pg_get_indexdef
    pg_get_functiondef pg_get_triggerdef pg_get_userbyid pg_get_serial_sequence pg_get_keywords pg_get_partkeydef
    pg_table_is_visible pg_type_is_visible pg_function_is_visible pg_encoding_to_char pg_char_to_encoding
    pg_is_in_recovery pg_postmaster_start_time pg_backend_pid pg_client_encoding pg_collation_for pg_my_temp_schema
    pg_sequence_last_value pg_partition_tree pg_partition_root pg_partition_ancestors pg_input_is_valid
    """.split()  # noqa: SIM905
)
# Files, other servers, sequences and settings, waiting, and queries in texts, which nobody would have looked at.
_DENIED = re.compile(
    r"lo_\w+|loread|lowrite|dblink\w*|http\w*|aws_\w+|lambda\w*|postgres_fdw_\w+|nextval|setval|set_config"
    r"|txid_current|currtid\d*|binary_upgrade\w*|brin_\w+|gin_clean_pending_list"
    r"|(?:query|cursor|table|schema|database)_to_xml\w*|ts_stat|ts_rewrite|crosstab\w*|connectby|plpy\w*",
    re.IGNORECASE,
)


def check(sql: str) -> list[Token]:
    """The words of the query, its last semicolon left out; raises QueryRefused at `/sql`."""
    found = tokens(sql)
    if found and found[-1].text == ";" and found[-1].kind == "sign":
        found.pop()
    if not found:
        raise refused("Is empty.")
    if any(token.kind == "sign" and token.text == ";" for token in found):
        raise refused("Must be one statement.")
    _check_functions(found)
    _check_tree(sql[: found[-1].end])
    return found


def _check_functions(found: list[Token]) -> None:
    for token, after in pairwise(found):
        if after.text != "(" or after.kind != "sign" or token.kind not in ("word", "name"):
            continue
        name = token.text.lower()
        if _DENIED.fullmatch(name) or (name.startswith("pg_") and name not in _SYSTEM):
            raise refused(f"The function {token.text} is not allowed: it may do more than compute from what it reads.")


def _check_tree(sql: str) -> None:
    try:
        parsed: list[Any] = dialect("postgres").parse(sql)
    except (SqlglotError, RecursionError) as error:
        said = str(error).partition("\n")[0][:200] or "it is nested too deeply"
        raise refused(f"Cannot be read as a query: {said}") from None
    if len(parsed) != 1 or parsed[0] is None:
        raise refused("Must be one statement.")
    root = parsed[0]
    if not isinstance(root, exp.Query | exp.Values):
        raise refused(f"Must be a SELECT, VALUES or WITH … SELECT; this is {_kind(root)}.")
    for node in root.walk():
        if isinstance(node, _FORBIDDEN) and not isinstance(node, exp.Query):
            raise refused(f"May only read; {_kind(node)} is not allowed.")


def _kind(node: exp.Expr) -> str:
    return str(node.this).upper() if isinstance(node, exp.Command) else node.key.upper()
