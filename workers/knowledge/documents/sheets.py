"""XLSX, CSV and TSV: tables, as far as they are read."""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from infra.errors import DocumentUnreadable
from workers.knowledge.documents import zips
from workers.knowledge.documents.base import Document, Json, heading, table
from workers.knowledge.documents.markup import read_text
from workers.knowledge.documents.office import DAMAGED

MOST_CELLS = 500_000
MOST_COLUMNS = 500
_SAMPLE_LINES = 50
_DELIMITERS = ",;\t|"


def read_workbook(path: Path, _: Json) -> Document:
    """Each sheet a heading and a table with the values that were computed last."""
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    with zips.opened(path) as found:
        zips.require_no_declarations(found)
    document = Document("xlsx", "")
    try:
        # As a file, since openpyxl judges a path by its ending.
        with path.open("rb") as content:
            book = openpyxl.load_workbook(content, read_only=True, data_only=True, keep_links=False)
            document.text = "\n\n".join(_sheets(book, document))
            said = book.properties
    except (*DAMAGED, InvalidFileException) as error:
        raise DocumentUnreadable(f"The workbook is damaged: {error}.") from None
    document.title = said.title or None
    document.metadata = {"author": said.creator, "subject": said.subject, "keywords": said.keywords}
    document.metadata = {name: str(value) for name, value in document.metadata.items() if value}
    return document


def read_separated(path: Path, said: Json) -> Document:
    """The rows of a CSV or TSV file, by whichever separator fits."""
    text = read_text(path, said)
    document = Document("csv", "")
    # It is one limit of the whole process.
    limit = csv.field_size_limit(len(text) + 1)
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        kept = _bounded(rows, MOST_CELLS, document, "The file")
    except csv.Error as error:
        raise DocumentUnreadable(f"The file is no table of separated values: {error}.") from None
    finally:
        csv.field_size_limit(limit)
    document.text = table(kept)
    return document


def _sheets(book: Any, document: Document) -> Iterator[str]:
    left = MOST_CELLS
    for sheet in book.worksheets:
        # Some programs write a size that is wrong.
        sheet.reset_dimensions()
        values = (row[: MOST_COLUMNS + 1] for row in sheet.iter_rows(values_only=True))
        shown_rows = ([] if row.count(None) == len(row) else [_shown(value) for value in row] for row in values)
        rows = _bounded(shown_rows, left, document, f"Sheet {sheet.title!r}")
        left -= sum(len(row) for row in rows)
        if shown := table(rows):
            yield f"{heading(2, sheet.title)}\n\n{shown}"


def _bounded(rows: Iterator[list[str]], cells: int, document: Document, name: str) -> list[list[str]]:
    """The first rows that have something, up to that many cells."""
    kept: list[list[str]] = []
    too_wide = False
    for row in rows:
        while row and not row[-1].strip():
            row.pop()
        if len(row) > MOST_COLUMNS:
            too_wide = True
            del row[MOST_COLUMNS:]
        cells -= len(row) + 1
        if cells < 0:
            document.warn("rows_left_out", f"{name} is cut after {len(kept):,} rows.")
            break
        if row:
            kept.append(row)
    if too_wide:
        document.warn("columns_left_out", f"{name} is cut after {MOST_COLUMNS} columns.")
    return kept


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dt.datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return str(value)


def _delimiter(text: str) -> str:
    """The separator that cuts the first lines into the same number of fields, the most of them."""
    lines = [line for line in islice(io.StringIO(text), _SAMPLE_LINES) if line.strip()]

    def fit(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        usual = max(set(widths), key=widths.count, default=0)
        return (widths.count(usual) / max(len(widths), 1) if usual > 1 else 0.0, usual)

    return max(_DELIMITERS, key=fit)
