"""The words of one statement, as the dialect's tokenizer (sqlglot) finds them, and a cursor to read them with."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from sqlglot import TokenType

from workers.sql.dialects import dialect, fold
from workers.sql.keywords import GENERIC
from workers.sql.names import Name

_STRINGS = frozenset(
    (
        TokenType.STRING,
        TokenType.NATIONAL_STRING,
        TokenType.BYTE_STRING,
        TokenType.RAW_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.UNICODE_STRING,
    )
)
_WORD = re.compile(r"[^\W\d][\w$#]*")
_BREAK = re.compile(r"\s*[\r\n]\s*|[ \t]{2,}")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, name, string, number or sign; `text` is without quotes, start and end are places in the statement."""

    text: str
    kind: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """What a keyword is compared by; quoted things are no keywords."""
        return self.text.upper() if self.kind in ("word", "sign") else ""


class Words:
    """A cursor over words of a statement."""

    def __init__(self, source: str, words: Sequence[Word], dialect_name: str) -> None:
        self.source, self.words, self.dialect, self.at = source, words, dialect_name, 0
        # Whether parentheses were read that have no end.
        self.is_open = False

    @classmethod
    def of(cls, source: str, dialect_name: str) -> Self:
        """The words of a statement; raises sqlglot's TokenError."""
        return cls(source, list(_words(source, dialect_name)), dialect_name)

    def __bool__(self) -> bool:
        return self.at < len(self.words)

    def peek(self, ahead: int = 0) -> Word | None:
        """The word there, or None after the end."""
        at = self.at + ahead
        return self.words[at] if at < len(self.words) else None

    def next_upper(self, ahead: int = 0) -> str:
        """The keyword or sign there, in capitals; empty if it is none."""
        word = self.peek(ahead)
        return word.upper if word else ""

    def sees(self, *keywords: str) -> bool:
        """Whether these are next."""
        return all(self.next_upper(ahead) == keyword for ahead, keyword in enumerate(keywords))

    def take(self, *keywords: str) -> bool:
        """Passes these if they are next."""
        found = self.sees(*keywords)
        if found:
            self.at += len(keywords)
        return found

    def take_one(self, *choices: str) -> str:
        """Passes one of these keywords, and says which; empty if none is next."""
        upper = self.next_upper()
        if upper not in choices:
            return ""
        self.at += 1
        return upper

    def skip(self) -> None:
        """Passes one word, or all that is in the parentheses that open here."""
        if self.group() is None:
            self.at += 1

    def string(self) -> str | None:
        """The string here."""
        word = self.peek()
        if word is None or word.kind != "string":
            return None
        self.at += 1
        return word.text

    def number(self) -> bool:
        """Passes a number, if one is here."""
        word = self.peek()
        found = word is not None and word.kind == "number"
        self.at += found
        return found

    def name(self) -> Name | None:
        """The name here, quoted or not."""
        word = self.peek()
        if word is None:
            return None
        quoted = word.kind == "name" or (word.kind == "string" and self.source[word.start] == '"')
        if not quoted and word.kind != "word":
            return None
        self.at += 1
        return Name(word.text, fold(word.text, quoted, self.dialect))

    def path(self) -> list[Name]:
        """A name with what it is in before it: `schema.table`."""
        names: list[Name] = []
        while (found := self.name()) is not None:
            parts = found.text.split(".") if self.dialect == "bigquery" else [found.text]
            names += [found] if len(parts) == 1 else [Name(part, part.lower()) for part in parts]
            if not self.take("."):
                break
        return names

    def group(self) -> Self | None:
        """What is in the parentheses that open here, the cursor now behind them; without an end, all that is left."""
        if self.next_upper() != "(":
            return None
        depth, end = 0, self.at
        while end < len(self.words):
            upper = self.words[end].upper
            depth += (upper == "(") - (upper == ")")
            if depth == 0:
                break
            end += 1
        self.is_open = self.is_open or end == len(self.words)
        inner = self._among(self.at + 1, end)
        self.at = min(end + 1, len(self.words))
        return inner

    def parts(self) -> list[Self]:
        """What commas divide, from the cursor on."""
        found, begun, depth, angles = [], self.at, 0, 0
        for at in range(self.at, len(self.words)):
            upper = self.words[at].upper
            depth += (upper in ("(", "[", "{")) - (upper in (")", "]", "}"))
            if upper == "<" and (angles or (at and self.words[at - 1].upper in GENERIC)):
                angles += 1
            elif angles and upper.startswith(">"):
                angles = max(0, angles - len(upper))
            elif upper == "," and not depth and not angles:
                found.append(self._among(begun, at))
                begun = at + 1
        found.append(self._among(begun, len(self.words)))
        return found

    def written(self, begin: int, end: int) -> str:
        """The statement's own text from one word up to another, on one line."""
        if begin >= end:
            return ""
        return _BREAK.sub(" ", self.source[self.words[begin].start : self.words[end - 1].end])

    def rest(self) -> str:
        """The statement's own text from the cursor on."""
        return self.written(self.at, len(self.words))

    @property
    def lines_before(self) -> int:
        """How many lines of the statement are before the cursor."""
        word = self.peek() or (self.words[-1] if self.words else None)
        return self.source.count("\n", 0, word.start) if word else 0

    def _among(self, begin: int, end: int) -> Self:
        return type(self)(self.source, self.words[begin:end], self.dialect)


def _words(source: str, dialect_name: str) -> Iterator[Word]:
    for token in dialect(dialect_name).tokenize(source):
        written = source[token.start : token.end + 1]
        if token.token_type == TokenType.IDENTIFIER:
            yield Word(token.text, "name", token.start, token.end + 1)
        elif token.token_type in _STRINGS:
            yield Word(token.text, "string", token.start, token.end + 1)
        elif token.token_type == TokenType.NUMBER:
            yield Word(token.text, "number", token.start, token.end + 1)
        elif _WORD.match(written):  # `PRIMARY KEY` is one token
            for one in _WORD.finditer(written):
                yield Word(one[0], "word", token.start + one.start(), token.start + one.end())
        else:
            yield Word(written, "sign", token.start, token.end + 1)
