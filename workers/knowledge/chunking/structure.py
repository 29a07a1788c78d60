"""The structure of a Markdown text: sections under their headings, and the blocks in them.

Lines are Markdown's (\\n, \\r\\n, \\r). A line of U+000C, between two pages, ends a block as an empty line does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

LONGEST_HEADING = 200

_LINE_END = re.compile(r"\r\n?|\n")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")
_MARKS = re.compile(r"[*`]+|(?<!\w)_+|_+(?!\w)")


class BlockKind(StrEnum):
    """What decides where a block may be cut."""

    PROSE = "prose"
    TABLE = "table"
    CODE = "code"
    LIST = "list"


_KINDS = {
    "table_open": BlockKind.TABLE,
    "fence": BlockKind.CODE,
    "code_block": BlockKind.CODE,
    "html_block": BlockKind.CODE,
    "bullet_list_open": BlockKind.LIST,
    "ordered_list_open": BlockKind.LIST,
}
# Where these may be cut: before each of these tokens, which are so deep in them.
_PARTS = {BlockKind.TABLE: ("tr_open", 2), BlockKind.LIST: ("list_item_open", 1)}


@dataclass(frozen=True, slots=True)
class Block:
    """Characters `starts` to before `ends`, the blank lines after it included. `cuts` are where a list's items or a
    table's rows begin, but for the first: a table's header ends at its first cut."""

    kind: BlockKind
    starts: int
    ends: int
    cuts: tuple[int, ...] = ()


@dataclass(slots=True)
class Section:
    """A heading, as the first of its blocks, and what follows up to the next one. `level` is 0 before the first one,
    `path` the headings from the top down to its own."""

    level: int
    path: tuple[str, ...]
    blocks: list[Block] = field(default_factory=list)

    @property
    def bare(self) -> bool:
        """Whether it is a heading and nothing else."""
        return self.level > 0 and len(self.blocks) == 1


def sections_of(text: str) -> list[Section]:
    """The sections of a text in order; their blocks cover it without a gap."""
    lines = [0, *(end.end() for end in _LINE_END.finditer(text)), len(text)]
    # The parser takes a line of a space for an empty one, and not one of a form feed.
    tokens = _parser().parse(text.replace("\f", " "))
    tops = [index for index, token in enumerate(tokens) if token.level == 0 and token.map is not None]
    # What comes before the first block belongs to it; at most empty lines do.
    firsts = [0, *(_line(tokens[index]) for index in tops[1:]), len(lines) - 1]
    sections, above = [Section(0, ())], list[tuple[int, str]]()
    for index, (first, after) in zip(tops, pairwise(firsts), strict=False):
        token = tokens[index]
        if token.type == "heading_open":
            level = int(token.tag.removeprefix("h"))
            above = [one for one in above if one[0] < level]
            above.append((level, plain(tokens[index + 1].content)))
            sections.append(Section(level, tuple(words for _, words in above if words)))
        kind = _KINDS.get(token.type, BlockKind.PROSE)
        cuts = tuple(lines[line] for line in _cuts(kind, tokens, index) if line > _line(token))
        sections[-1].blocks.append(Block(kind, lines[first], lines[after], cuts))
    return [section for section in sections if section.blocks]


def plain(heading: str) -> str:
    """A heading's words without links, emphasis and code marks, at most 200 characters."""
    words = _MARKS.sub("", _LINK.sub(r"\1", heading[: 4 * LONGEST_HEADING]))
    return " ".join(words.split())[:LONGEST_HEADING].rstrip()


def _line(token: Token) -> int:
    """The line on which a block begins."""
    return token.map[0] if token.map else 0


def _cuts(kind: BlockKind, tokens: Sequence[Token], index: int) -> Iterator[int]:
    """The lines on which the rows or items of the block at `index` begin."""
    if kind not in _PARTS:
        return
    part = _PARTS[kind]
    while tokens[index := index + 1].level:
        if (tokens[index].type, tokens[index].level) == part:
            yield _line(tokens[index])


@cache
def _parser() -> MarkdownIt:
    """Blocks alone, by CommonMark and with tables; the definition of a link is text like any other."""
    parser = MarkdownIt("commonmark").enable("table").disable("reference")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser
