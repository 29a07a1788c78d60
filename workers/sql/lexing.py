"""PostgreSQL's words as its own scanner finds them, with standard_conforming_strings on.

It is a second opinion beside sqlglot's: what is refused and what is replaced in a query must not depend on one of them.
"""

import re
from dataclasses import dataclass

from infra.errors import QueryRefused

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n\r]*)
    |(?P<comment>/\*)
    |(?P<string>[eE]'(?:[^'\\]|\\.|'')*+'|(?:[uU]&|[bBxXnN])?'(?:[^']|'')*+'
        |\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$.*?\$(?P=tag)\$)
    |(?P<escaped>[uU]&"(?:[^"]|"")*+")
    |(?P<name>"(?:[^"]|"")*+")
    |(?P<parameter>\$[0-9]+)
    |(?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    |(?P<number>[0-9][\w.]*)
    |(?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, name (without its quotes), string, number, parameter or sign, and its place."""

    kind: str
    text: str
    start: int
    end: int


def tokens(sql: str) -> list[Token]:
    """The words of a query, without comments; raises QueryRefused for a quote or comment that does not end."""
    found: list[Token] = []
    at = 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        kind = match.lastgroup if match else None
        if match is None or kind is None or (kind == "sign" and match[0] in "'\""):
            raise refused("Has a quote that is not closed.")
        at = match.end()
        if kind == "comment":
            at = _after_comment(sql, at)
        elif kind == "escaped":
            raise refused('Has a name with escapes (U&"…"); write it plainly.')
        elif kind != "space":
            text = match[0][1:-1].replace('""', '"') if kind == "name" else match[0]
            found.append(Token("string" if kind == "tag" else kind, text, match.start(), match.end()))
    return found


def refused(detail: str) -> QueryRefused:
    """The refusal of a query, with its pointer."""
    return QueryRefused(errors=[{"pointer": "/sql", "detail": detail}])


def _after_comment(sql: str, at: int) -> int:
    """PostgreSQL's comments have comments in them."""
    depth = 1
    while depth:
        found = _COMMENT.search(sql, at)
        if found is None:
            raise refused("Has a comment that is not closed.")
        depth += 1 if found[0] == "/*" else -1
        at = found.end()
    return at
