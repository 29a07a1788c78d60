"""Hostile files through the door that jobs use: each is a result or a typed error, in bounded time and memory."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.errors import (
    BadInput,
    DocumentEncrypted,
    DocumentHasNoText,
    DocumentUnreadable,
    ParsingTooLarge,
)
from infra.jail import run_jailed
from tests.workers.knowledge.documents.makers import docx, encrypted, packed, pdf, replaced, workbook, written

MEGABYTE = 1024 * 1024
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHING = f'<!DOCTYPE w [<!ENTITY l0 "ha">{LAUGHS}]><worksheet><sheetData><row><c><v>&l9;</v></c></row></sheetData>'
SECRET = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
SHEET = "xl/worksheets/sheet1.xml"


def jailed(folder: Path, content: bytes | str, name: str) -> Any:
    path = written(folder, "x", content)
    wish = run_jailed(
        "workers.knowledge.documents.reading:read",
        {"filename": name},
        inputs={"file": path},
        seconds=30,
        memory_bytes=400 * MEGABYTE,
    )
    return asyncio.run(wish)


@pytest.mark.parametrize(
    ("name", "make", "error"),
    [
        ("encrypted.pdf", lambda: encrypted(pdf(["x"]), "word"), DocumentEncrypted),
        ("garbage.pdf", lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(100_000), DocumentUnreadable),
        ("blank.pdf", lambda: pdf(["", ""]), DocumentHasNoText),
        ("bomb.docx", lambda: docx("<w:p><w:r><w:t>abc</w:t></w:r></w:p>" * 600_000), ParsingTooLarge),
        ("reads.docx", lambda: docx("<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", SECRET), DocumentUnreadable),
        ("laughs.xlsx", lambda: replaced(workbook({"a": [["x"]]}), SHEET, LAUGHING), DocumentUnreadable),
        ("deep.html", lambda: "<div>" * 100_000, ParsingTooLarge),
        ("line.txt", lambda: "a" * 50_000_000, ParsingTooLarge),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_hostile_file_is_a_typed_error(
    tmp_path: Path, name: str, make: Callable[[], bytes | str], error: type[BadInput]
) -> None:
    with pytest.raises(BadInput) as raised:
        jailed(tmp_path, make(), name)

    assert type(raised.value) is error


def test_5000_pages_are_read(tmp_path: Path) -> None:
    found = jailed(tmp_path, pdf([f"Text of page {n}" for n in range(5000)]), "long.pdf")

    assert found["pages"] == 5000
    assert found["text"].count("\f") == 4999
    assert found["text"].endswith("Text of page 4999")


def test_a_text_of_one_very_long_line_is_read(tmp_path: Path) -> None:
    found = jailed(tmp_path, "word " * 2_000_000, "line.md")

    assert len(found["text"]) == 9_999_999


def test_an_archive_is_listed_without_litter(tmp_path: Path) -> None:
    content = packed({"b.md": "x", "a/c.md": "yz", "__MACOSX/b.md": "", ".DS_Store": "", "a/Thumbs.db": ""})

    assert jailed(tmp_path, content, "a.zip") == {
        "members": [{"name": "a/c.md", "bytes": 2}, {"name": "b.md", "bytes": 1}]
    }


def test_a_document_says_what_it_is(tmp_path: Path) -> None:
    found = jailed(tmp_path, "# Title\n\ntext\n", "guide.md")

    assert found == {
        "format": "markdown",
        "title": "Title",
        "text": "# Title\n\ntext",
        "pages": None,
        "language": None,
        "metadata": {},
        "outline": [{"level": 1, "title": "Title", "at": 0}],
        "warnings": [],
    }
