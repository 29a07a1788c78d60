"""The dialects of SQL: which there are, which one a text is in, and how each folds the names of things."""

import logging
import re
from functools import cache
from typing import Any

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

ALIASES = {
    "postgresql": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    "sqlserver": "tsql",
    "plsql": "oracle",
    "sqlite3": "sqlite",
}

QUOTED_KEEP_CASE = frozenset(("postgres", "redshift", "materialize", "risingwave"))
UPPER = frozenset(("oracle", "snowflake", "exasol", "teradata"))
# What these call a database is where the tables of a statement without a schema are.
USE_IS_SCHEMA = frozenset(("mysql", "doris", "starrocks", "hive", "spark", "spark2", "databricks", "clickhouse"))
KEY_IS_INDEX = frozenset(("mysql", "doris", "starrocks"))

_FLAGS = re.IGNORECASE | re.MULTILINE


def _signs(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, _FLAGS) for pattern in patterns)


# What is seldom seen elsewhere; the first dialect with the most wins.
SIGNS = {
    "postgres": _signs(
        r"::\s*[a-z]", r"\b(?:big|small)?serial\b", r"\bpg_catalog\b", r"\bcopy\s.{0,400}\bfrom\s+stdin", r"\bjsonb\b",
        r"\b(?:timestamptz|timestamp with(?:out)? time zone)\b", r"\bnextval\s*\(", r"\bcharacter varying\b", r"^\\",
        r"\bowner to\b", r"\balter table only\b", r"\busing (?:btree|gin|gist|brin|hnsw)\b", r"\bbytea\b",
        r"\bcreate (?:extension|domain)\b", r"\bas enum\b", r"\bcreate type\b", r"\btext\[\]",
    ),
    "mysql": _signs(
        r"\bengine\s*=\s*(?:innodb|myisam|aria)", r"\bauto_increment\b", r"\bunsigned\b", r"/\*!\d", r"^\s*`\w+`",
        r"\bcreate table (?:if not exists )?`", r"\b(?:tiny|medium|long)(?:text|blob|int)\b", r"\bdefault charset\b",
        r"\bon update current_timestamp\b", r"^\s*(?:unique )?key `", r"\bcomment\s*=?\s*'", r"^delimiter\b",
        r"\benum\s*\(",
    ),
    "tsql": _signs(
        r"^\s*go\s*$", r"\[dbo\]", r"\bdbo\.", r"\bidentity\s*\(", r"\bnvarchar\b", r"\bsp_addextendedproperty\b",
        r"\b(?:non)?clustered\b", r"\b(?:uniqueidentifier|datetime2|datetimeoffset|smalldatetime)\b", r"\bgetdate\s*\(",
        r"\[\w+\]\s+\[\w+\]", r"\bnewid\s*\(",
    ),
    "oracle": _signs(
        r"\bn?varchar2\b", r"\bnumber\s*\(", r"\bnumber\b", r"\busing index\b", r"\bsysdate\b|\bsystimestamp\b",
        r"\bn?clob\b", r"\benable\s*(?:,|$|\))", r"^/\s*$", r"\bsegment creation\b", r"\.nextval\b",
    ),
    "sqlite": _signs(r"\bautoincrement\b", r"\bwithout rowid\b", r"\bpragma\b", r"\bsqlite_", r"\bstrict\s*;"),
    "bigquery": _signs(
        r"`[\w-]+\.[\w-]+(?:\.[\w-]+)?`", r"\bint64\b", r"\bfloat64\b|\bbignumeric\b", r"\bstruct\s*<", r"\barray\s*<",
        r"\boptions\s*\(", r"\bnot enforced\b",
    ),
    "snowflake": _signs(
        r"\bvariant\b", r"\btimestamp_(?:ntz|ltz|tz)\b", r"\bcreate or replace (?:transient )?table\b",
        r"\bcluster by\b", r"\bnumber\s*\(\s*38", r"\bautoincrement start\b", r"\bmasking policy\b", r"\bwarehouse\b",
        r"\bcomment\s*=\s*'",
    ),
    "redshift": _signs(r"\bdistkey\b", r"\bsortkey\b", r"\bdiststyle\b", r"\bencode (?:az64|lzo|zstd|raw)\b"),
    "duckdb": _signs(
        r"\bhugeint\b", r"\bstruct\s*\(", r"\bmap\s*\(", r"\bunion\s*\(\s*\w+ \w", r"\bread_(?:csv|parquet)"
    ),
    "clickhouse": _signs(
        r"\bengine\s*=\s*\w*mergetree", r"\bnullable\s*\(", r"\blowcardinality\s*\(", r"\buint(?:8|16|32|64)\b"
    ),
    "databricks": _signs(r"\busing delta\b", r"\btblproperties\b", r"\bmap\s*<", r"\bliquid\b"),
    "hive": _signs(r"\bstored as\b", r"\brow format\b", r"\bexternal table\b", r"\btblproperties\b"),
}  # fmt: skip


def known(name: str) -> str:
    """The dialect that is meant by a name or one of its other names."""
    lowered = name.lower()
    return ALIASES.get(lowered, lowered)


@cache
def dialect(name: str) -> Dialect:
    """sqlglot's own, quiet: what it does not understand is said in our warnings."""
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    return Dialect.get_or_raise(name)


def fold(name: str, quoted: bool, dialect_name: str) -> str:
    """The name as the dialect compares it, in lower case wherever case does not count."""
    if not quoted:
        return name.lower()
    if dialect_name in QUOTED_KEEP_CASE:
        return name
    if dialect_name in UPPER:
        return name.lower() if name == name.upper() else name
    return name.lower()


def guess(sample: str, statements: list[str]) -> str:
    """The dialect that a text seems to be in: by its signs, and among equals by whose parser takes most of the
    `statements`; PostgreSQL where nothing tells."""
    counts = {name: sum(bool(sign.search(sample)) for sign in signs) for name, signs in SIGNS.items()}
    most = max(counts.values())
    best = [name for name, count in counts.items() if count == most]
    return max(best, key=lambda name: _taken(name, statements)) if len(best) > 1 else best[0]


def _taken(name: str, statements: list[str]) -> int:
    return sum(_parses(name, statement) for statement in statements)


def _parses(name: str, statement: str) -> bool:
    try:
        parsed: list[Any] = dialect(name).parse(statement)
    except (SqlglotError, RecursionError):
        return False
    return all(one is not None and one.key != "command" for one in parsed)
