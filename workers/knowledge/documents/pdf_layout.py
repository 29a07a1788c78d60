"""A page's lines as Markdown: what belongs together is joined, judged by distance, place and type."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from workers.knowledge.documents.base import fenced, heading, one_line, plain
from workers.knowledge.documents.pdf_headings import Headings
from workers.knowledge.documents.pdf_lines import HYPHENS, SOFT_HYPHEN, Line
from workers.knowledge.documents.pdf_tables import FoundTable

_BULLET = re.compile(r"^(?:[•◦▪‣●○■□▶➢∙·\uf0b7\uf0a7]\s*|[–—*-]\s+)(?=\S)")
_NUMBERED = re.compile(r"^(?:\(?\d{1,3}[.)]|\(?[a-z][.)]|\[\d{1,3}\])\s+\S")
# The dots of a table of contents.
_LEADER = re.compile(r"(?: ?\.){4,} ?")
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "。", "！", "？", "؟")
_USUAL_PITCH = 1.2
_CHARACTER_WIDTH = 0.6


@dataclass(frozen=True, slots=True)
class Layout:
    """How far lines of a paragraph are apart in this document, as a multiple of the size of their type."""

    pitch: float

    @classmethod
    def of(cls, pages: Sequence[Sequence[Line]]) -> Self:
        """The most common distance."""
        seen: Counter[float] = Counter()
        for lines in pages:
            for above, line in pairwise(lines):
                if line.size and 0.9 < (apart := (above.bottom - line.bottom) / line.size) < 3:
                    seen[round(apart, 1)] += 1
        return cls(seen.most_common(1)[0][0] if seen else _USUAL_PITCH)


@dataclass(slots=True)
class _Block:
    """Lines that belong together."""

    lines: list[Line] = field(default_factory=list)

    def takes(self, line: Line, layout: Layout) -> bool:
        if not self.lines:
            return True
        last = self.lines[-1]
        if last.mono != line.mono or abs(last.size - line.size) > 0.1 * max(last.size, line.size):
            return False
        size = line.size or 10.0
        down = (last.bottom - line.bottom) / size
        if line.mono:
            return -0.3 < down < 2.5 * layout.pitch
        if _BULLET.match(line.text) or _NUMBERED.match(line.text):
            return False
        if down < -0.3 or down > 3 * layout.pitch:
            # Another column, or beyond a figure: the same sentence, if it has not ended.
            return line.text[:1].islower() and not last.text.endswith(_SENTENCE_ENDS)
        is_indented = len(self.lines) > 1 and line.left > last.left + 0.8 * size
        return down < 1.3 * layout.pitch and not (is_indented and last.text.endswith(_SENTENCE_ENDS))

    def text(self, layout: Layout) -> str:
        if self.lines[0].mono:
            code = "\n".join(_code(self.lines, layout))
            return f"`{code}`" if len(self.lines) == 1 and "`" not in code else fenced(code)
        joined = self.lines[0].text
        for line in self.lines[1:]:
            joined = _joined(joined, line.text)
        joined = _LEADER.sub(" … ", joined.rstrip(SOFT_HYPHEN))
        return _BULLET.sub("- ", joined) if _BULLET.match(joined) else plain(joined)


def page_text(
    page: int, lines: Sequence[Line], headings: Headings, layout: Layout, tables: Sequence[FoundTable]
) -> str:
    """The page as Markdown; a table stands where its first line stood."""
    blocks: list[str] = []
    block = _Block()
    said: set[int] = set()
    at = 0
    while at < len(lines):
        line = lines[at]
        inside = next((number for number, one in enumerate(tables) if one.has(line)), None)
        level, count = (0, 1) if inside is not None else headings.at(page, lines, at)
        if (level or inside is not None or not block.takes(line, layout)) and block.lines:
            blocks.append(block.text(layout))
            block = _Block()
        if inside is not None:
            if inside not in said:
                blocks.append(tables[inside].markdown)
            said.add(inside)
        elif level:
            blocks.append(heading(level, one_line(" ".join(one.text for one in lines[at : at + count]))))
        else:
            block.lines.append(line)
        at += max(count, 1)
    if block.lines:
        blocks.append(block.text(layout))
    return "\n\n".join(blocks)


def _joined(text: str, following: str) -> str:
    if text.endswith(SOFT_HYPHEN):
        return text[:-1] + following
    if text.endswith(HYPHENS) and text[-2:-1].isalpha() and following[:1].islower():
        return text + following
    return f"{text} {following}"


def _code(lines: Sequence[Line], layout: Layout) -> Iterator[str]:
    left = min(line.left for line in lines)
    above: Line | None = None
    for line in lines:
        size = line.size or 10.0
        if above is not None and above.bottom - line.bottom > 1.5 * layout.pitch * size:
            yield ""
        yield " " * round((line.left - left) / (_CHARACTER_WIDTH * size)) + line.text
        above = line
