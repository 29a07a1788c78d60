"""The lines of a PDF's page, with where and how large they are set: a few calls into PDFium for each line."""

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workers.knowledge.documents.base import clean

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ft", "ﬆ": "st"})
# How PDFium says that it found a hyphen at the end of a line.
_SOFT_HYPHENS = re.compile("[\x02\xad\ufffe]$")
_FIXED_PITCH = re.compile(r"mono|courier|consol|menlo|typewriter|cmtt|fixed", re.IGNORECASE)
_LONGEST_NAME = 64
SOFT_HYPHEN = "\xad"
HYPHENS = ("-", "‐", SOFT_HYPHEN)


@dataclass(slots=True)
class Line:
    """A line as it is set. Sizes and places are in points, from the page's lower left corner; a size of 0 is unknown.

    A line that ends with SOFT_HYPHEN goes on in the next.
    """

    text: str
    size: float
    left: float
    bottom: float
    mono: bool


def lines_of(page: Any) -> list[Line]:
    """The lines of a PdfPage in reading order, as PDFium has it; empty for a page without text."""
    textpage = page.get_textpage()
    try:
        type = _Type(textpage)
        return [type.line(text, first, last) for text, first, last in _split(textpage.get_text_range())]
    finally:
        textpage.close()


def _split(text: str) -> Iterator[tuple[str, int, int]]:
    """Each line with the index of its first and last visible character, in UTF-16 units."""
    at = 0
    for raw in text.splitlines(keepends=True):
        units = len(raw) if raw.isascii() else len(raw.encode("utf-16-le", "surrogatepass")) // 2
        first = at + len(raw) - len(raw.lstrip())
        last = at + len(raw.rstrip()) - 1
        at += units
        line = _SOFT_HYPHENS.sub(SOFT_HYPHEN, raw.rstrip())
        line = clean(line.translate(_LIGATURES)).strip()
        if line:
            yield line, first, max(first, last)


class _Type:
    """How the characters of one page are set. What PDFium writes into is made once, since there are many lines."""

    def __init__(self, textpage: Any) -> None:
        import pypdfium2.raw as pdfium

        self._pdfium, self._textpage = pdfium, textpage
        self._matrix = pdfium.FS_MATRIX()
        self._x, self._y, self._flags = ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
        self._name = ctypes.create_string_buffer(_LONGEST_NAME)

    def line(self, text: str, first: int, last: int) -> Line:
        index = self._pdfium.FPDFText_GetCharIndexFromTextIndex(self._textpage, first)
        self._pdfium.FPDFText_GetCharOrigin(self._textpage, index, self._x, self._y)
        left, bottom = self._x.value, self._y.value
        mono = self._is_mono(index) and self._is_mono(
            self._pdfium.FPDFText_GetCharIndexFromTextIndex(self._textpage, last)
        )
        return Line(text, self._size(index), left, bottom, mono)

    def _size(self, index: int) -> float:
        """The size of the font times how the text is scaled, to half points."""
        size: float = self._pdfium.FPDFText_GetFontSize(self._textpage, index)
        if self._pdfium.FPDFText_GetMatrix(self._textpage, index, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        return round(2 * abs(size)) / 2

    def _is_mono(self, index: int) -> bool:
        length = self._pdfium.FPDFText_GetFontInfo(self._textpage, index, self._name, _LONGEST_NAME, self._flags)
        # A name that does not fit is not written.
        name = self._name.value.decode("utf-8", "replace") if 0 < length <= _LONGEST_NAME else ""
        return bool(_FIXED_PITCH.search(name))
