"""Ruled tables of a PDF. pdfplumber is slow, so it looks only at pages that PDFium finds rules on, and not for ever."""

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from workers.knowledge.documents.base import Document, clean, table
from workers.knowledge.documents.pdf_lines import Line

MOST_PAGES = 300
SECONDS = 20.0
_MOST_SHAPES = 3000
_THIN, _LONG = 4.0, 20.0
_RULES = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table and the place that it takes on its page, in points from the lower left corner."""

    left: float
    bottom: float
    right: float
    top: float
    markdown: str

    def has(self, line: Line) -> bool:
        """Whether the line is in the table."""
        return self.left - 2 <= line.left <= self.right and self.bottom - 1 <= line.bottom <= self.top


class Tables:
    """The tables of one PDF, by page."""

    def __init__(self, path: Path, document: Document) -> None:
        self._path, self._document = path, document
        self._found: dict[int, list[FoundTable]] = {}

    def on(self, page: int) -> Sequence[FoundTable]:
        """The tables of that page, from 0."""
        return self._found.get(page, ())

    def likely(self, pdf: Any, number: int) -> bool:
        """Whether the page has rules at three heights and three sides, as a grid does and a frame does not."""
        import pypdfium2.raw as pdfium

        page = pdf[number]
        heights: set[int] = set()
        sides: set[int] = set()
        try:
            for index in range(min(pdfium.FPDFPage_CountObjects(page), _MOST_SHAPES)):
                shape = pdfium.FPDFPage_GetObject(page, index)
                if pdfium.FPDFPageObj_GetType(shape) == pdfium.FPDF_PAGEOBJ_PATH:
                    left, bottom, right, top = _bounds(pdfium, shape)
                    if right - left > _LONG:
                        heights |= {round(bottom / _THIN), round(top / _THIN)}
                    if top - bottom > 2 * _THIN:
                        sides |= {round(left / _THIN), round(right / _THIN)}
                    if len(heights) >= _RULES and len(sides) >= _RULES:
                        return True
            return False
        finally:
            page.close()

    def read(self, pages: Sequence[int]) -> None:
        """Reads the tables of those pages, as far as pages and time allow; what fails is left as plain lines."""
        if not pages:
            return
        import pdfplumber

        begun, done = time.monotonic(), 0
        try:
            with pdfplumber.open(self._path, pages=[page + 1 for page in pages[:MOST_PAGES]]) as plumber:
                for page in plumber.pages:
                    if time.monotonic() - begun > SECONDS:
                        break
                    self._found[page.page_number - 1] = _tables_of(page)
                    done += 1
                    page.close()
        except Exception as error:
            # pdfminer reads less than PDFium does, and fails in many ways.
            log.info("documents.tables_unreadable", error=type(error).__name__)
        if done < len(pages):
            self._document.warn("tables_not_read", f"The tables of {len(pages) - done} pages are plain lines of text.")


def _bounds(pdfium: Any, shape: Any) -> list[float]:
    """Left, bottom, right, top."""
    sides = [ctypes.c_float() for _ in range(4)]
    pdfium.FPDFPageObj_GetBounds(shape, *map(ctypes.byref, sides))
    return [one.value for one in sides]


def _tables_of(page: Any) -> list[FoundTable]:
    found = []
    if page.rotation:
        return []
    height = page.bbox[3]
    for one in page.find_tables():
        rows = [[clean(cell or "") for cell in row] for row in one.extract()]
        # One row or column is a frame, a box or an underline.
        if len(rows) > 1 and max(map(len, rows)) > 1 and sum(bool(cell) for row in rows for cell in row) > 2:
            left, top, right, bottom = one.bbox
            found.append(FoundTable(left, height - bottom, right, height - top, table(rows)))
    return found
