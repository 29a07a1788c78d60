"""What a reader makes of a document: Markdown with page breaks, and what the document says of itself.

A page break is a line that consists of U+000C. Readers run in the jail (infra/jail.py) and import what is heavy late.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.errors import DocumentHasNoText, ParsingTooLarge

Json = dict[str, Any]

PAGE_BREAK = "\f"
LONGEST_TEXT = 20_000_000
LONGEST_TITLE = 300
MOST_HEADINGS = 2000
_LONGEST_VALUE = 1000

# Control characters but tab, line feed and page break; PostgreSQL has no U+0000, and U+FFFE and U+FFFF are none.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff\ufffe\uffff]")
_BREAK = re.compile(r"[ \t]*\n?[ \t]*\f[ \t]*\n?")
_MANY_LINES = re.compile(r"\n{4,}")
_HEADING_OR_FENCE = re.compile(r"^(?:(#{1,6})[ \t]+(\S.*)|[ \t]*(```+|~~~+).*)$", re.MULTILINE)
_LOOKS_LIKE_MARKUP = re.compile(r"^(?=#{1,6}[ \t]|```|~~~)", re.MULTILINE)


@dataclass(slots=True)
class Document:
    """What was read. `pages` is None where the format has none; `warnings` are `{"code", "detail"}`."""

    format: str
    text: str
    title: str | None = None
    pages: int | None = None
    language: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    warnings: list[dict[str, str]] = field(default_factory=list)

    def warn(self, code: str, detail: str) -> None:
        """Says what was left out or is doubtful."""
        self.warnings.append({"code": code, "detail": detail})

    def finished(self, fallback: str) -> Json:
        """The document as JSON, cleaned, with its outline; raises DocumentHasNoText or ParsingTooLarge."""
        text = tidy(self.text)
        if not text.strip():
            raise DocumentHasNoText()
        outline = outline_of(text)
        title = one_line(self.title or "") or next((one["title"] for one in outline), "") or fallback
        said = {name: one_line(str(value), _LONGEST_VALUE) for name, value in self.metadata.items()}
        return {
            "format": self.format,
            "title": one_line(title),
            "text": text,
            "pages": self.pages,
            "language": self.language and one_line(self.language, 35),
            "metadata": {name: value for name, value in said.items() if value},
            "outline": outline,
            "warnings": self.warnings,
        }


def require_length(characters: int) -> None:
    """Raises ParsingTooLarge for more text than is kept of one document."""
    if characters > LONGEST_TEXT:
        raise ParsingTooLarge(f"The document has more than {LONGEST_TEXT:,} characters of text; split it.")


def clean(text: str) -> str:
    """The text with line feeds alone, and without what no database and no reader can use."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def tidy(text: str) -> str:
    """Cleaned, page breaks on lines of their own, and at most two empty lines in a row."""
    require_length(len(text))
    text = clean(text)
    if PAGE_BREAK in text:
        text = _BREAK.sub("\n\f\n", text)
    return _MANY_LINES.sub("\n\n\n", text).strip(" \t\n")


def one_line(text: str, at_most: int = LONGEST_TITLE) -> str:
    """The text on one line, cut to its length."""
    return " ".join(clean(text[: 4 * at_most]).split())[:at_most].rstrip()


def outline_of(text: str) -> list[Json]:
    """The headings of a Markdown text, and at which character each begins."""
    found: list[Json] = []
    fence = ""
    for match in _HEADING_OR_FENCE.finditer(text):
        if match[3]:
            if not fence:
                fence = match[3]
            elif match[3].startswith(fence):
                fence = ""
        elif not fence and (title := one_line(match[2].rstrip(" \t#"))):
            found.append({"level": len(match[1]), "title": title, "at": match.start()})
            if len(found) == MOST_HEADINGS:
                break
    return found


def plain(text: str) -> str:
    """Text that is no Markdown, so that no line of it is taken for a heading or a fence."""
    return _LOOKS_LIKE_MARKUP.sub("\\\\", text)


def fenced(code: str, language: str = "") -> str:
    """A code block, in a fence longer than any in it."""
    longest = max((len(one) for one in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code.strip(chr(10))}\n{fence}"


def heading(level: int, title: str) -> str:
    """A Markdown heading of level 1 to 6."""
    return f"{'#' * min(max(level, 1), 6)} {one_line(title)}"


def table(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first row is its header. Empty rows, and empty cells at the end of a row, are left out."""
    cut = [_without_empty_end([_cell(one) for one in row]) for row in rows]
    kept = [row for row in cut if row]
    if not kept:
        return ""
    width = max(len(row) for row in kept)
    kept[0] += [""] * (width - len(kept[0]))
    lines = ["| " + " | ".join(row) + " |" for row in kept]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")


def _without_empty_end(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row
