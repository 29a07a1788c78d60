"""Cutting blocks into units, none of which is longer than a chunk may be.

A block that fits is one unit, so a table or a listing that fits stays whole. A longer one is cut where it hurts least:
a table between rows, a list between items, code at empty lines and then where a line is not indented, prose between
sentences, words, and at last characters. All of it takes time in proportion to the text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from semantic_text_splitter import TextSplitter

from workers.knowledge.chunking.structure import Block, BlockKind
from workers.knowledge.chunking.tokens import count

# A unit of prose is a fraction of a chunk, so that chunks get full and can overlap by whole sentences.
UNITS_PER_CHUNK = 8
FEWEST_TOKENS = 16
# No more characters than this are a token, whatever they are: longer texts are too long without counting.
CHARACTERS_PER_TOKEN = 128
# The splitter looks at its text several times, so it gets it in parts, which end at the first of these marks that is in
# their second half.
PART = 4_000
PART_ENDS = ("\n\n", "\n", ". ", "。", " ")
TOO_MANY = 1 << 30

_AFTER_BLANK_FLUSH = re.compile(r"(?:\r\n?|\n)[ \t\f]*(?:\r\n?|\n)(?=[^\s])")
_AFTER_BLANK = re.compile(r"(?:\r\n?|\n)[ \t\f]*(?:\r\n?|\n)(?=[^\r\n])")
_BEFORE_FLUSH = re.compile(r"(?:\r\n?|\n)(?=[^\s})\]])")
_LINE = re.compile(r"(?:\r\n?|\n)+")
_LEVELS = {
    BlockKind.CODE: (_AFTER_BLANK_FLUSH, _AFTER_BLANK, _BEFORE_FLUSH, _LINE),
    BlockKind.LIST: (_AFTER_BLANK, _LINE),
    BlockKind.TABLE: (_LINE,),
    BlockKind.PROSE: (),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """Characters `starts` to before `ends`. `header` are the lines that name a table's columns, where the unit is rows
    without them; a chunk may begin a little before a unit of prose, to overlap with the one before."""

    starts: int
    ends: int
    tokens: int
    prose: bool
    header: str = ""


def units_of(text: str, block: Block, most: int) -> Iterator[Unit]:
    """The units of a block in order, each of at most `most` tokens, without a gap."""
    prose = block.kind in (BlockKind.PROSE, BlockKind.LIST)
    whole = _unit(text, block.starts, block.ends, prose, most)
    if whole.tokens <= most:
        yield whole
        return
    header = _header(text, block, most)
    room = most - count(header) if header else most
    for number, (starts, ends) in enumerate(pairwise((block.starts, *block.cuts, block.ends))):
        for unit in _cut(text, _unit(text, starts, ends, prose, room), _LEVELS[block.kind], room):
            yield replace(unit, header=header if number else "")


def _header(text: str, block: Block, most: int) -> str:
    """A table's first lines, unless they would take too much of every chunk."""
    if block.kind is not BlockKind.TABLE or not block.cuts:
        return ""
    header = text[block.starts : block.cuts[0]].strip()
    return header if len(header) <= most * CHARACTERS_PER_TOKEN and count(header) * 3 <= most else ""


def _cut(text: str, unit: Unit, levels: tuple[re.Pattern[str], ...], most: int) -> Iterator[Unit]:
    """The unit, or its parts by the first level, each cut on by the next one if it is too long."""
    if unit.tokens <= most:
        yield unit
    elif levels:
        for starts, ends in pairwise(_cuts(levels[0].finditer(text, unit.starts, unit.ends), unit.starts, unit.ends)):
            yield from _cut(text, _unit(text, starts, ends, unit.prose, most), levels[1:], most)
    else:
        for starts, ends in _prose(text, unit.starts, unit.ends, most):
            yield _unit(text, starts, ends, unit.prose, most)


def _cuts(found: Iterable[re.Match[str]], starts: int, ends: int) -> list[int]:
    return [starts, *(cut for one in found if starts < (cut := one.end()) < ends), ends]


def _unit(text: str, starts: int, ends: int, prose: bool, most: int) -> Unit:
    long = ends - starts > most * CHARACTERS_PER_TOKEN
    return Unit(starts, ends, TOO_MANY if long else count(text[starts:ends]), prose)


def _prose(text: str, starts: int, ends: int, most: int) -> Iterator[tuple[int, int]]:
    """Sentences, several together where they are short, or parts of them."""
    splitter = _splitter(max(most // UNITS_PER_CHUNK, FEWEST_TOKENS))
    while starts < ends:
        end = _part_end(text, starts, ends)
        for offset, part in splitter.chunk_indices(text[starts:end]):
            yield starts + offset, starts + offset + len(part)
        starts = end


def _part_end(text: str, starts: int, ends: int) -> int:
    last = starts + PART
    if last >= ends:
        return ends
    for mark in PART_ENDS:
        found = text.rfind(mark, starts + PART // 2, last)
        if found >= 0:
            return found + len(mark)
    return last


@lru_cache(maxsize=64)
def _splitter(tokens: int) -> TextSplitter:
    """By Unicode's sentences, words and characters, and counted as chunks are."""
    return TextSplitter.from_callback(count, tokens, trim=False)
