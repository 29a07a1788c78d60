"""Data rows of test cases: of CSV, of JSON, and of files of either.

Rows are objects; those of CSV have texts alone, by the names in its first line.
"""

import asyncio
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from infra import ids, json
from infra.errors import BadInput, NotFound, TooManyRows
from models import StoredFile
from schemas.case import LONGEST_COLUMN, MOST_ROWS
from workers.files.copies import local_copy

Json = dict[str, Any]

MOST_FILE_ROWS = 100_000
MOST_FILE_BYTES = 32 * 1024 * 1024
MOST_COLUMNS = 1000
SEPARATORS = (",", ";", "\t")
_BLANK = " \t\r\n"


def of_csv(text: str, at_most: int = MOST_ROWS) -> list[Json]:
    """The rows of a text of CSV; separated by comma, semicolon or tab, as its first line is. Raises BadInput or
    TooManyRows, at `/data_csv`."""
    try:
        return _bounded(_csv_rows(io.StringIO(text.removeprefix("\ufeff"), newline="")), at_most)
    except BadInput as error:
        raise type(error)(error.detail, errors=[{"pointer": "/data_csv", "detail": error.detail}]) from None


async def rows_of(project_id: UUID, content: Json) -> list[Json]:
    """The rows of a case's content: its own, or those of its file; none at all are `[]`. Raises BadInput for a file
    that has none, TooManyRows beyond 100,000, NotFound for one that is gone, Unavailable. Call it with no transaction
    open."""
    if not content.get("data_file_id"):
        own: list[Json] = content.get("data") or []
        return own
    file_id = ids.parse(StoredFile.prefix, content["data_file_id"])
    if file_id is None:
        raise NotFound("The file with the data rows is gone; upload it again.")
    try:
        async with local_copy(project_id, file_id) as (path, stored):
            return await asyncio.to_thread(of_file, path, stored.filename)
    except NotFound:
        raise NotFound("The file with the data rows is gone; upload it again.") from None


def of_file(path: Path, filename: str, at_most: int = MOST_FILE_ROWS) -> list[Json]:
    """The rows of a local file: a JSON list, JSON lines, or CSV, told apart by the name's end, else by the first
    character. Raises BadInput, also where there is no row, or TooManyRows; they name the file."""
    if path.stat().st_size > MOST_FILE_BYTES:
        raise BadInput(f"The data file {filename} has more than {MOST_FILE_BYTES // 1024**2} MiB; use a smaller one.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _bounded(_reader(file, filename.lower())(file), at_most)
        if not rows:
            raise BadInput("It has no rows.")
        return rows
    except UnicodeDecodeError:
        raise BadInput(f"The data file {filename} is not UTF-8 text.") from None
    except BadInput as error:
        raise type(error)(f"The data file {filename} cannot be used: {error.detail}") from None


def _reader(file: TextIO, name: str) -> Callable[[TextIO], Iterator[Json]]:
    for ends, reader in ((".csv", _csv_rows), (".tsv", _csv_rows), (".jsonl", _json_lines), (".ndjson", _json_lines)):
        if name.endswith(ends):
            return reader
    first = file.read(4096).lstrip(_BLANK)[:1]
    file.seek(0)
    return {"[": _json_list, "{": _json_lines}.get(first, _csv_rows)


def _bounded(rows: Iterable[Json], at_most: int) -> list[Json]:
    found: list[Json] = []
    for row in rows:
        if len(found) == at_most:
            more = "upload them as a file (POST /v1/files) and name it in `data_file_id`"
            raise TooManyRows(
                f"There are more than {at_most} data rows; {more if at_most == MOST_ROWS else 'use fewer'}."
            )
        found.append(row)
    return found


def _json_list(file: TextIO) -> Iterator[Json]:
    for number, row in enumerate(_loaded(file.read(), "It"), 1):
        yield _row(row, f"Row {number}")


def _json_lines(file: TextIO) -> Iterator[Json]:
    for number, line in enumerate(file, 1):
        if line.strip(_BLANK):
            yield _row(_loaded(line, f"Line {number}"), f"Line {number}")


def _loaded(text: str, what: str) -> Any:
    try:
        return json.read(text)
    except ValueError as error:
        raise BadInput(f"{what} is not valid JSON: {error}.") from None


def _row(row: Any, what: str) -> Json:
    if not isinstance(row, dict):
        raise BadInput(f"{what} is no JSON object; each row is one, with values by name.")
    if not all(1 <= len(name) <= LONGEST_COLUMN for name in row):
        raise BadInput(f"{what} has an empty name, or one of more than {LONGEST_COLUMN} characters.")
    return row


def _csv_rows(file: TextIO) -> Iterator[Json]:
    first = file.readline()
    file.seek(0)
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(file, delimiter=separator, strict=True)
    names: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if names is None:
                names = _columns(cells)
            elif len(cells) != len(names):
                raise BadInput(f"Line {reader.line_num} has {len(cells)} cells, and the first line {len(names)}.")
            else:
                yield dict(zip(names, cells, strict=True))
            if any("\0" in cell for cell in cells):
                raise BadInput(f"Line {reader.line_num} contains U+0000.")
    except csv.Error as error:
        raise BadInput(f"Line {reader.line_num} is not valid CSV: {error}.") from None
    if names is None:
        raise BadInput("There is no line with the names of the columns.")


def _columns(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > MOST_COLUMNS:
        raise BadInput(f"There are {len(names)} columns; at most {MOST_COLUMNS} are read.")
    for name in names:
        if not 1 <= len(name) <= LONGEST_COLUMN:
            raise BadInput(f"A column's name in the first line is empty, or has more than {LONGEST_COLUMN} characters.")
        if names.count(name) > 1:
            raise BadInput(f"The first line names the column {name!r} twice.")
    return names
