"""A script cut into its statements, each with its line.

Only quotes, comments and what ends a statement are looked at, by the rules of the dialect's tokenizer. Rows (INSERT,
the data of COPY), the commands of psql and SQL*Plus and the bodies of routines are passed over. It reads bytes, since a
dump is mostly rows that nobody needs as text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from workers.sql.dialects import dialect

LONGEST = 1024 * 1024
# Each costs a look at all that follows.
MOST_UNCLOSED, MOST_DOLLARS = 20, 1000
PEEK = 1000

_FLAGS = re.IGNORECASE | re.DOTALL
_BLANK = re.compile(rb"\s*+")
_ROWS = re.compile(rb"\s*+(?:INSERT|REPLACE|UPSERT)\s", _FLAGS)
_COPY = re.compile(r"COPY\s.*\sFROM\s+STDIN\b", _FLAGS)
_END_OF_COPY = re.compile(rb"^\\\.[ \t\r]*$", re.MULTILINE)
_ROUTINE = re.compile(
    rb"\s*+CREATE\s+(?:OR\s+\w+\s+)?(?:(?:DEFINER\s*=\s*\S+|(?:NON)?EDITIONABLE|AGGREGATE|TEMP\w*)\s+)*"
    rb"(?:FUNCTION|PROC|PROCEDURE|TRIGGER|PACKAGE|EVENT|TYPE\s+BODY|TASK)\b",
    _FLAGS,
)
_BEGINS = re.compile(rb"(?<!END\s)\b(?:BEGIN|CASE)\b", re.IGNORECASE)
_ENDS = re.compile(rb"\bEND\b(?!\s+(?:IF|LOOP|WHILE|REPEAT|FOR)\b)", re.IGNORECASE)
_LINE = re.compile(
    rb"[ \t]*(?:(?P<go>(?:GO(?:[ \t]+\d+)?|/)[ \t\r]*$)|(?P<mark>DELIMITER[ \t]+(?!;[ \t\r]*$)\S+)"
    rb"|(?P<command>\\[^\n]*|(?:DELIMITER|PROMPT|REM|SPOOL|WHENEVER|SET[ \t]+(?:DEFINE|ECHO|FEEDBACK))\b[^\n]*)"
    rb"|(?P<begin>(?:CREATE|ALTER[ \t]+TABLE|COMMENT[ \t]+ON|EXEC(?:UTE)?[ \t]+\S*sp_addextendedproperty)\b))",
    re.IGNORECASE | re.MULTILINE,
)
_OLD_MARK = re.compile(rb"^[ \t]*DELIMITER[ \t]+;[ \t\r]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script, from its first word on, which is in that line (from 1)."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class _Rules:
    """How a dialect writes what may have a semicolon in it, and where rows end."""

    token: re.Pattern[bytes]
    rows: re.Pattern[bytes]
    nested: bool
    dollars: bool


_PLAIN = re.compile(rb"[^'\"`\[$\-#/;\n]*+")
_ESCAPED = rb"'(?:[^'\\]++|''|\\.)*+'"


@cache
def _rules(name: str) -> _Rules:
    speaks = dialect(name).tokenizer_class
    backslash = "\\" in speaks.STRING_ESCAPES
    text = _ESCAPED if backslash else rb"(?<=\b[eE])" + _ESCAPED + rb"|(?<!\b[eE])'(?:[^']++|'')*+'"
    double = rb'"(?:[^"\\]++|""|\\.)*+"' if backslash and '"' in speaks.QUOTES else rb'"[^"]*+"'
    quotes = [text, double, rb"`[^`]*+`"]
    if ("[", "]") in speaks.IDENTIFIERS:
        quotes.append(rb"\[[^\]\n]{0,500}+\]")
    comments = [rb"--[^\n]*+", *([rb"\#[^\n]*+"] if "#" in speaks.COMMENTS else [])]
    tag = rb"\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$"
    token = rb"(?P<quote>%b)|(?P<comment>%b)|(?P<open>/\*)|(?P<dollar>%b)|(?P<end>;)|(?P<line>\n)"
    return _Rules(
        token=re.compile(token % (b"|".join(quotes), b"|".join(comments), tag), re.DOTALL),
        rows=re.compile(
            rb"(?:[^';\n]++|\n(?!" + _LINE.pattern + rb")|" + text + rb")*+(?:;|(?=\n)|\Z)", _LINE.flags | re.DOTALL
        ),
        nested=bool(speaks.NESTED_COMMENTS),
        dollars=bool(speaks.HEREDOC_STRINGS) or name == "snowflake",
    )


class Script:
    """A script being read; `unclosed` are the lines with a quote or comment that never ends."""

    def __init__(self, data: bytes, dialect_name: str) -> None:
        self.unclosed: list[int] = []
        self._data, self._rules = data, _rules(dialect_name)
        self._start = self._at = 0
        self._line, self._counted = 1, 0
        self._depth, self._looked, self._dollars = 0, 0, 0

    def statements(self) -> Iterator[Statement]:
        """The statements that are not rows, in order."""
        yield from self._begin_line()
        while self._at < len(self._data):
            if self._at == self._start and self._pass_rows():
                continue
            self._at = _PLAIN.match(self._data, self._at).end()  # type: ignore[union-attr]
            found = self._rules.token.match(self._data, self._at)
            if found is None:
                self._pass_sign()
                continue
            self._at = found.end()
            if found["line"]:
                yield from self._begin_line()
            elif found["open"] or found["comment"]:
                self._pass_comment(found.start(), nested=bool(found["open"]))
            elif found["dollar"]:
                self._pass_dollars(found["dollar"])
            elif found["end"] and not self._in_routine():
                for statement in self._cut(found.start()):
                    self._pass_copied(statement)
                    yield statement
        yield from self._cut(len(self._data))

    def _cut(self, end: int) -> Iterator[Statement]:
        """What has come since the last cut, unless that is blank."""
        start, self._start, self._depth = self._start, self._at, 0
        head = _BLANK.match(self._data, start, end).end()  # type: ignore[union-attr]
        if head < end:
            self._line += self._data.count(b"\n", self._counted, head)
            self._counted = head
            yield Statement(self._line, self._data[head : min(end, head + LONGEST + 1)].decode(errors="replace"))

    def _begin_line(self) -> Iterator[Statement]:
        """What a line's beginning alone can tell: a batch ends, a command of a tool, a statement without an end."""
        found = _LINE.match(self._data, self._at)
        if found is None:
            return
        here = self._at
        if found["begin"]:
            if not _ROUTINE.match(self._data, self._start):
                yield from self._cut(here)
        elif found["go"] or found["mark"] or not self._data[self._start : here].strip():
            self._at = found.end()
            yield from self._cut(here)
        if found["mark"]:  # routines up to where the semicolon is the delimiter again
            back = _OLD_MARK.search(self._data, self._at)
            self._at = self._start = back.end() if back else len(self._data)

    def _in_routine(self) -> bool:
        """Whether the semicolon before is within a routine's BEGIN … END."""
        if not _ROUTINE.match(self._data, self._start):
            return False
        since = self._data[max(self._start, self._looked) : self._at]
        self._looked = self._at
        self._depth += len(_BEGINS.findall(since)) - len(_ENDS.findall(since))
        return self._depth > 0

    def _pass_rows(self) -> bool:
        rows = _ROWS.match(self._data, self._start) and self._rules.rows.match(self._data, self._start)
        if not rows:
            return False
        self._at = self._start = rows.end()
        return True

    def _pass_copied(self, statement: Statement) -> None:
        if _COPY.match(statement.text):
            found = _END_OF_COPY.search(self._data, self._at)
            self._at = self._start = found.end() if found else len(self._data)

    def _pass_comment(self, begun: int, *, nested: bool) -> None:
        """To the end of a comment; one before a statement does not belong to it, unless MySQL runs it."""
        depth = 1 if nested else 0
        while depth:
            end = self._data.find(b"*/", self._at)
            inner = self._data.find(b"/*", self._at, end) if self._rules.nested else -1
            if end < 0:
                self._unclosed(begun)
                return
            depth += 1 if inner >= 0 else -1
            self._at = (inner if inner >= 0 else end) + 2
        is_run = self._data[begun : begun + 3] == b"/*!"
        if not is_run and begun - self._start < PEEK and not self._data[self._start : begun].strip():
            self._start = self._at

    def _pass_dollars(self, tag: bytes) -> None:
        """To the end of PostgreSQL's $tag$…$tag$."""
        if self._rules.dollars and self._dollars < MOST_DOLLARS:
            end = self._data.find(tag, self._at)
            self._dollars += end < 0
            self._at = end + len(tag) if end >= 0 else self._at

    def _pass_sign(self) -> None:
        """One byte that begins nothing: a division, a minus, or a quote that is not closed."""
        if self._data[self._at : self._at + 1] in (b"'", b'"', b"`"):
            self._unclosed(self._at)
        self._at += 1

    def _unclosed(self, at: int) -> None:
        self.unclosed.append(self._data.count(b"\n", 0, at) + 1)
        if len(self.unclosed) == MOST_UNCLOSED:
            self._at = len(self._data)
