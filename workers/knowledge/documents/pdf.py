"""PDF: PDFium's text, page by page, set back into headings, paragraphs, lists, code and ruled tables."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from infra.errors import DocumentEncrypted, DocumentUnreadable, DocumentUnsupported
from workers.knowledge.documents.base import PAGE_BREAK, Document, Json, clean, require_length
from workers.knowledge.documents.pdf_headings import Headings
from workers.knowledge.documents.pdf_layout import Layout, page_text
from workers.knowledge.documents.pdf_lines import Line, lines_of
from workers.knowledge.documents.pdf_tables import Tables

_MOST_BOOKMARKS = 5000
MOST_PAGES = 20_000
_SHOWN_PAGES = 10
# A running head is on that many pages, set off from the text, and never among the only lines of its page.
_PAGES_WITH_HEAD, _LINES_TO_KEEP, _SET_OFF = 3, 3, 1.7
_CATALOG = re.compile(rb"(\d{1,7}) (\d{1,5}) obj\s*<<(?:(?!endobj).){0,1000}?/Type\s*/Catalog\b", re.DOTALL)
_PASSWORD, _SECURITY = "Incorrect password", "security"
_METADATA = {
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "CreationDate": "created",
    "ModDate": "modified",
}
_DATE = re.compile(r"^D:(\d{4})(\d\d)?(\d\d)?")


def read(path: Path, _: Json) -> Document:
    """The PDF's text. Raises DocumentEncrypted if an empty password does not open it, and DocumentUnreadable."""
    document = Document("pdf", "")
    pdf = _opened(path, document)
    try:
        said = pdf.get_metadata_dict(skip_empty=True)
        bookmarks = _bookmarks(pdf)
        pages = _lines(pdf, document)
        document.pages = len(pages)
        document.title = clean(said.pop("Title", "")) or None
        document.metadata = {ours: _value(said[theirs]) for theirs, ours in _METADATA.items() if theirs in said}
        tables = Tables(path, document)
        ruled = [number for number, lines in enumerate(pages) if lines and tables.likely(pdf, number)]
        tables.read(ruled)
    finally:
        pdf.close()
    _without_running_lines(pages)
    headings, layout = Headings(pages, bookmarks), Layout.of(pages)
    texts = [page_text(number, lines, headings, layout, tables.on(number)) for number, lines in enumerate(pages)]
    document.text = f"\n\n{PAGE_BREAK}\n\n".join(texts)
    return document


def _opened(path: Path, document: Document) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if _PASSWORD in str(error):
            raise DocumentEncrypted() from None
        if _SECURITY in str(error).lower():
            raise DocumentUnsupported("The PDF is encrypted in a way that cannot be read.") from None
    try:
        pdf = pypdfium2.PdfDocument(_with_trailer(path.read_bytes()))
    except pypdfium2.PdfiumError:
        raise DocumentUnreadable("The PDF is damaged or cut off, and nothing of it can be read.") from None
    document.warn("damaged", "The PDF is damaged or cut off; only a part of it may have been read.")
    return pdf


def _with_trailer(content: bytes) -> bytes:
    """What was cut off lacks the end that names the catalog; with it, PDFium finds the pages that are left."""
    catalog = _CATALOG.search(content)
    if catalog is None:
        raise DocumentUnreadable("The PDF is damaged or cut off, and nothing of it can be read.")
    return content + b"\nendstream\nendobj\ntrailer\n<< /Root %b %b R >>\nstartxref\n0\n%%%%EOF\n" % catalog.groups()


def _bookmarks(pdf: Any) -> dict[int, list[tuple[str, int]]]:
    """Of each page the titles that the outline has for it, with their depth from 0."""
    found: dict[int, list[tuple[str, int]]] = {}
    for one in islice(pdf.get_toc(), _MOST_BOOKMARKS):
        place = one.get_dest()
        page = place.get_index() if place else None
        if page is not None:
            found.setdefault(page, []).append((clean(one.get_title()), one.level))
    return found


def _lines(pdf: Any, document: Document) -> list[list[Line]]:
    """The lines of every page; a page that cannot be read is empty, and said to be."""
    import pypdfium2

    pages: list[list[Line]] = []
    broken, empty, length = [], [], 0
    if len(pdf) > MOST_PAGES:
        document.warn("pages_left_out", f"Of {len(pdf):,} pages the first {MOST_PAGES:,} are read.")
    for number in range(min(len(pdf), MOST_PAGES)):
        try:
            page = pdf[number]
            lines = lines_of(page)
            page.close()
        except pypdfium2.PdfiumError:
            lines = []
            broken.append(number + 1)
        else:
            if not lines:
                empty.append(number + 1)
        length += sum(len(line.text) + 1 for line in lines)
        require_length(length)
        pages.append(lines)
    if broken:
        document.warn("page_unreadable", f"{_named(broken)} cannot be read.")
    if empty:
        document.warn("no_text", f"{_named(empty)} without text; a scan is read after text recognition only.")
    return pages


def _named(pages: list[int]) -> str:
    shown = ", ".join(map(str, pages[:_SHOWN_PAGES]))
    return f"{'Page' if len(pages) == 1 else 'Pages'} {shown}{', …' if len(pages) > _SHOWN_PAGES else ''}"


def _without_running_lines(pages: list[list[Line]]) -> None:
    """Takes away the first and last lines that are the same on several pages but for numbers."""
    for end, inner in ((0, 1), (-1, -2)):
        heads = {
            number: (re.sub(r"\d+|\b[ivxlc]+\b", "#", lines[end].text), round(lines[end].bottom / 4))
            for number, lines in enumerate(pages)
            if len(lines) > _LINES_TO_KEEP
            and abs(lines[end].bottom - lines[inner].bottom) > _SET_OFF * (lines[end].size or 10)
        }
        seen = Counter(heads.values())
        for number, head in heads.items():
            if seen[head] >= _PAGES_WITH_HEAD:
                pages[number].pop(end)


def _value(text: str) -> str:
    """A date as 2024-03-11, anything else as it is."""
    date = _DATE.match(text)
    return "-".join(part for part in date.groups() if part) if date else clean(text)
