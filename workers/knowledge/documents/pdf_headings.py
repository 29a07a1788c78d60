"""Which lines of a PDF are headings: those that its outline names, else those in larger type than the text."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from workers.knowledge.documents.pdf_lines import Line

_LARGER = 1.15
_LONGEST = 160
_MOST_LEVELS = 4
# Larger type for more than this share of the text is no heading, but a poster.
_MOST_SHARE = 0.3
_MOST_LINES = 3
_NUMBER = re.compile(r"^(?:chapter|section|appendix|part)?\s*(?:[0-9]+|[A-Z])(?:[.-][0-9]+)*[.:)]?\s+", re.IGNORECASE)
_NO_LETTERS = re.compile(r"[\W_]+")


class Headings:
    """The headings of a whole document."""

    def __init__(self, pages: Sequence[Sequence[Line]], bookmarks: Mapping[int, list[tuple[str, int]]]) -> None:
        self._bookmarks = {
            page: {_bare(title): level + 1 for title, level in named if _bare(title)}
            for page, named in bookmarks.items()
        }
        self._levels = {} if self._bookmarks else _levels_by_size(pages)

    def at(self, page: int, lines: Sequence[Line], start: int) -> tuple[int, int]:
        """The level of the heading that begins with that line, 0 for none, and how many lines it has."""
        if self._bookmarks:
            return self._named(page, lines, start)
        level = self._levels.get(lines[start].size, 0)
        if not level or not _may_be_heading(lines[start]):
            return 0, 0
        count = 1
        while (
            start + count < len(lines)
            and count < _MOST_LINES
            and lines[start + count].size == lines[start].size
            and 0 < lines[start + count - 1].bottom - lines[start + count].bottom < 1.6 * lines[start].size
        ):
            count += 1
        return level, count

    def _named(self, page: int, lines: Sequence[Line], start: int) -> tuple[int, int]:
        titles = self._bookmarks.get(page)
        if not titles:
            return 0, 0
        text = ""
        for count, line in enumerate(lines[start : start + _MOST_LINES], start=1):
            text = f"{text} {line.text}" if text else line.text
            if len(text) > 2 * _LONGEST:
                break
            if level := titles.get(_bare(text)):
                return level, count
        return 0, 0


def _levels_by_size(pages: Sequence[Sequence[Line]]) -> dict[float, int]:
    """The level for each size of type that headings are set in."""
    sizes: Counter[float] = Counter()
    headings: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[line.size] += len(line.text)
            if _may_be_heading(line):
                headings[line.size] += len(line.text)
    if not sizes:
        return {}
    body = sizes.most_common(1)[0][0]
    larger = sorted((size for size in headings if size >= body * _LARGER), reverse=True)
    if not body or sum(sizes[size] for size in larger) > _MOST_SHARE * sizes.total():
        return {}
    return {size: min(place, _MOST_LEVELS) for place, size in enumerate(larger, start=1)}


def _may_be_heading(line: Line) -> bool:
    return len(line.text) <= _LONGEST and any(one.isalpha() for one in line.text) and not line.mono


def _bare(title: str) -> str:
    """Letters and digits without the number before them, so that `1.1 Scope` is `Scope`."""
    return _NO_LETTERS.sub("", _NUMBER.sub("", title.strip(), count=1) or title).lower()
