"""Tables of a web page: those of data, not those that lay a page out."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from workers.knowledge.documents.base import table

Steps = Callable[[Any, Callable[[Any], bool]], Iterator[tuple[Any, bool]]]

# What has one of these inside is no table of data.
_NOT_IN_CELLS = frozenset(("table", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "article", "section"))
_MOST_SPANNED = 50
_SPACE = re.compile(r"\s+")


def rows_of(root: Any, steps: Steps, skips: Callable[[Any], bool]) -> str | None:
    """The table as Markdown; None if it is there for the layout."""
    grid = _Grid()
    for node, enters in steps(root, skips):
        if node.is_text_node:
            grid.say(node.text_content or "")
        elif node.tag in _NOT_IN_CELLS:
            return None
        elif enters:
            grid.enter(node)
    rows = grid.finished()
    if max(map(len, rows), default=0) < 2:
        return None
    caption = _SPACE.sub(" ", "".join(grid.caption)).strip()
    return (f"{caption}\n\n" if caption else "") + table(rows)


class _Grid:
    """Cells in their columns, also below a cell that reaches down."""

    def __init__(self) -> None:
        self.caption: list[str] = []
        self._rows: list[list[list[str]]] = []
        self._said: list[str] = self.caption
        # For each column, over how many more rows a cell reaches.
        self._reaching: dict[int, int] = {}

    def say(self, text: str) -> None:
        self._said.append(text)

    def enter(self, node: Any) -> None:
        if node.tag == "tr":
            self._rows.append([])
            self._said = []
        elif node.tag in ("td", "th") and self._rows:
            self._begin_cell(_span(node, "colspan"), _span(node, "rowspan"))
        elif node.tag == "caption":
            self._said = self.caption
        elif node.tag in ("p", "div", "li", "br", "dd", "dt"):
            self._said.append(" ")

    def _begin_cell(self, columns: int, rows: int) -> None:
        row = self._rows[-1]
        self._pad(row)
        self._said = []
        for number in range(columns):
            if rows > 1:
                self._reaching[len(row)] = rows - 1
            row.append([] if number else self._said)

    def _pad(self, row: list[list[str]]) -> None:
        while self._reaching.get(len(row), 0) > 0:
            self._reaching[len(row)] -= 1
            row.append([])

    def finished(self) -> list[list[str]]:
        return [[_SPACE.sub(" ", "".join(cell)).strip() for cell in row] for row in self._rows if row]


def _span(node: Any, name: str) -> int:
    said = node.attributes.get(name) or "1"
    return min(max(int(said), 1), _MOST_SPANNED) if said.isascii() and said.isdigit() else 1
