"""Filling chunks with units: as many as fit, never out of two sections unless both are tiny.

Tiny sections (less than an eighth of a chunk) are packed together with the tiny ones after them, as long as none of
those is above the first; a heading with nothing under it goes with what comes next below it.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from workers.knowledge.chunking.structure import Section
from workers.knowledge.chunking.tokens import count
from workers.knowledge.chunking.units import Unit, units_of

TINY = 8
# Texts joined are, if seldom, a token more than the sum of both: such a part of a chunk is left free for that.
RESERVE = 64
OVERLAP_CHARACTERS_PER_TOKEN = 12
# Where an overlap may begin: behind a sentence or a line.
_SENTENCE = re.compile(r"[.!?…。！？؟]+[\"')\]»”]*\s+|(?:\r\n?|\n)+")


@dataclass(slots=True)
class Passage:
    """Units that may be in one chunk together, and the headings above all of them. `level` is that of its first
    section, or of the one that its bare headings lead to; `bare` says that there are headings only."""

    path: tuple[str, ...]
    level: int
    bare: bool
    units: list[Unit] = field(default_factory=list)
    tokens: int = 0

    def add(self, units: Iterable[Unit]) -> None:
        """More at the end."""
        for unit in units:
            self.units.append(unit)
            self.tokens += unit.tokens


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk to be: characters `starts` to before `ends`, and the table header that must stand above them."""

    starts: int
    ends: int
    header: str


def passages_of(text: str, sections: Sequence[Section], most: int) -> Iterator[Passage]:
    """The units of all sections, those of tiny sections together."""
    waiting: Passage | None = None
    for section in sections:
        passage = Passage(section.path, section.level, section.bare)
        for block in section.blocks:
            passage.add(units_of(text, block, most))
        if waiting is not None and _leads_to(waiting, passage):
            waiting.path, waiting.level, waiting.bare = passage.path, passage.level, passage.bare
        elif waiting is not None and _both_tiny(waiting, passage, most):
            waiting.path, waiting.bare = _common(waiting.path, passage.path), False
        else:
            if waiting is not None:
                yield waiting
            waiting = passage
            continue
        waiting.add(passage.units)
    if waiting is not None:
        yield waiting


def groups_of(units: Iterable[Unit], most: int) -> Iterator[list[Unit]]:
    """Units by the chunk, without overlaps."""
    group, tokens = list[Unit](), 0
    for unit in units:
        if group and tokens + unit.tokens > _joined(most):
            yield group
            group, tokens = [], 0
        if not group:
            tokens = _header_tokens(unit)
        group.append(unit)
        tokens += unit.tokens
    if group:
        yield group


def spans_of(text: str, units: Sequence[Unit], most: int, overlap: int) -> Iterator[Span]:
    """Chunks of at most `most` tokens, of at least one unit. Each begins with up to `overlap` tokens of whole sentences
    from the one before, where prose goes on."""
    first, starts, tokens = 0, units[0].starts, _header_tokens(units[0])
    for index, unit in enumerate(units):
        if index > first and tokens + unit.tokens > _joined(most):
            yield Span(starts, unit.starts, units[first].header)
            before, first, starts, tokens = starts, index, unit.starts, _header_tokens(unit)
            if units[index - 1].prose and unit.prose:
                starts = _overlap(text, before, unit.starts, min(overlap, _joined(most) - unit.tokens))
                tokens = count(text[starts : unit.starts])
        tokens += unit.tokens
    yield Span(starts, units[-1].ends, units[first].header)


def _joined(most: int) -> int:
    return most - 1 - most // RESERVE


def _header_tokens(unit: Unit) -> int:
    return count(unit.header) if unit.header else 0


def _overlap(text: str, before: int, starts: int, most: int) -> int:
    """Where a chunk begins whose own text begins at `starts`: the first sentence behind `before` from which on there
    are at most `most` tokens; `starts` if there is none."""
    if most <= 0:
        return starts
    earliest = max(before + 1, starts - most * OVERLAP_CHARACTERS_PER_TOKEN)
    found = [one.end() for one in _SENTENCE.finditer(text, earliest, starts) if one.end() < starts]
    at = bisect_left(found, True, key=lambda begin: count(text[begin:starts]) <= most)
    return found[at] if at < len(found) else starts


def _leads_to(waiting: Passage, passage: Passage) -> bool:
    return waiting.bare and passage.level > waiting.level


def _both_tiny(waiting: Passage, passage: Passage, most: int) -> bool:
    return max(waiting.tokens, passage.tokens) * TINY < most and passage.level >= waiting.level


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]
