"""Cutting texts into chunks: by their structure first, and by their length only where they are too long.

A document is Markdown. Its headings divide it into sections; a chunk never holds parts of two sections, unless both are
tiny. Tables, listings, lists and paragraphs stay whole where they fit. What does not fit is cut between a table's rows
(the header comes again, as context), a list's items, at empty lines of code, between sentences. Chunks of prose overlap
by whole sentences within a section. A table of a database is one chunk if it fits; an operation of an API two: what it
is for, and what it takes and returns.

Sizes are tokens of OpenAI's o200k encoding, of the quoted text; the line of titles above it, which is embedded and
searched with it, adds at most 96. Time and memory are in proportion to the text, whatever is in it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from models import EntryType
from workers.knowledge.chunking.packing import Span, groups_of, passages_of, spans_of
from workers.knowledge.chunking.structure import plain, sections_of
from workers.knowledge.chunking.tokens import count
from workers.knowledge.chunking.units import CHARACTERS_PER_TOKEN

Json = dict[str, Any]

# Changes with every change of what comes out: chunks of another version are made again at the next build.
VERSION = 1
MOST_CONTEXT_TOKENS = 96

_BLANK_LINES = re.compile(r"(?:[^\S\r\n]*(?:\r\n?|\n))+")
_DETAILS = re.compile(r"^## ", re.MULTILINE)
_PAGE_BREAK = re.compile(r"^\f", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk: `text` is `source[starts:ends]`, of `tokens` tokens.

    `context` is the line of titles above it, with a table's header below where the chunk is rows of it; `heading` the
    headings from the top down, `page` counts from 1 where the source has page breaks. Of a parent, the larger chunk
    around others, `searched` is False: it is only quoted. `parent` is the parent's ordinal.
    """

    ordinal: int
    text: str
    starts: int
    ends: int
    heading: list[str]
    page: int | None
    tokens: int
    context: str
    parent: int | None
    searched: bool = True

    @property
    def embedded(self) -> str:
        """What is embedded and searched."""
        return f"{self.context}\n{self.text}" if self.context else self.text


def chunks_of(text: str, type: EntryType, settings: Json, title: str) -> list[Piece]:
    """The chunks of an entry's text in order, parents before their children; none for a blank text.

    `settings` are `max_tokens`, `overlap_tokens` and `parent_tokens` (None: no parents). Every character that is not
    white space is in at least one chunk.
    """
    pieces: list[Piece] = []
    breaks = [found.start() for found in _PAGE_BREAK.finditer(text)]
    parent = None
    for path, span, part in _spans(text, type, settings):
        starts, ends = _trimmed(text, span)
        if starts == ends:
            continue
        piece = Piece(
            ordinal=len(pieces),
            text=text[starts:ends],
            starts=starts,
            ends=ends,
            heading=list(path),
            page=bisect_right(breaks, starts) + 1 if breaks else None,
            tokens=count(text[starts:ends]),
            context=f"{_titles(title, path)}\n{span.header}".strip(),
            parent=parent if part is Part.CHILD else None,
            searched=part is not Part.PARENT,
        )
        pieces.append(piece)
        parent = piece.ordinal if part is Part.PARENT else parent
    return pieces


class Part(Enum):
    """What a span is to be; children come after their parent."""

    ALONE = auto()
    PARENT = auto()
    CHILD = auto()


def _spans(text: str, type: EntryType, settings: Json) -> Iterator[tuple[tuple[str, ...], Span, Part]]:
    """The headings above each chunk, and where it is."""
    most, overlap, parents = settings["max_tokens"], settings["overlap_tokens"], settings["parent_tokens"]
    ends = _purpose_ends(text) if type is EntryType.API else 0
    halves = [Span(0, ends, ""), Span(ends, len(text), "")] if ends else [Span(0, len(text), "")]
    if type is not EntryType.DOCUMENT and all(_fits(text[half.starts : half.ends], most) for half in halves):
        yield from (((), half, Part.ALONE) for half in halves)
        return
    sections = sections_of(text)
    for some in ([one for one in sections if (one.blocks[0].starts < ends) is early] for early in (True, False)):
        for passage in passages_of(text, some, most):
            for group in groups_of(passage.units, parents) if parents else (passage.units,):
                spans = list(spans_of(text, group, most, overlap))
                alone = parents is None or len(spans) == 1
                if not alone:
                    yield passage.path, Span(group[0].starts, group[-1].ends, group[0].header), Part.PARENT
                for span in spans:
                    yield passage.path, span, Part.ALONE if alone else Part.CHILD


def _purpose_ends(text: str) -> int:
    """Where an operation's text comes to parameters and answers. What it is for is a chunk of its own: a vector of all
    of it says less of that (recall@5 of questions to GitHub's operations: 0.87, and 0.92 so)."""
    found = _DETAILS.search(text)
    return found.start() if found is not None and text[: found.start()].strip() else 0


def _fits(text: str, most: int) -> bool:
    return len(text) <= most * CHARACTERS_PER_TOKEN and count(text) <= most


def _trimmed(text: str, span: Span) -> tuple[int, int]:
    """The span without white space around it; the indentation of its first line stays, if that is a whole line."""
    blank = _BLANK_LINES.match(text, span.starts, span.ends)
    starts = blank.end() if blank else span.starts
    if starts and text[starts - 1] not in "\r\n":
        starts += len(text[starts : span.ends]) - len(text[starts : span.ends].lstrip())
    ends = starts + len(text[starts : span.ends].rstrip())
    return starts, ends


def _titles(title: str, path: tuple[str, ...]) -> str:
    """`Title > Heading > Heading`, each said once; the upper ones go where it would get too long."""
    titles: list[str] = []
    for one in (plain(title), *path):
        if one and (not titles or one.casefold() != titles[-1].casefold()):
            titles.append(one)
    while len(titles) > 1 and count(" > ".join(titles)) > MOST_CONTEXT_TOKENS:
        titles.pop(0)
    line = " > ".join(titles)
    return line if count(line) <= MOST_CONTEXT_TOKENS else line[:MOST_CONTEXT_TOKENS]
