"""A PDF's text keeps pages, headings, paragraphs, lists, code and tables."""

from pathlib import Path

import pytest

from infra.errors import DocumentEncrypted, DocumentUnreadable
from tests.workers.knowledge.documents.makers import Text, encrypted, pdf, written
from workers.knowledge.documents.base import Document
from workers.knowledge.documents.pdf import read

LOREM = ("The first line of a paragraph that goes on", "in the second line and ends in the third", "one of it.")
RULES = """
100 500 300 20 re S
100 480 300 20 re S
100 460 300 20 re S
200 460 m 200 520 l S
300 460 m 300 520 l S
"""


def opened(folder: Path, content: bytes) -> Document:
    return read(written(folder, "a.pdf", content), {})


def set_out(*lines: str, top: float = 700, size: float = 11, left: float = 72) -> list[Text]:
    return [(size, left, top - 13 * number, line) for number, line in enumerate(lines)]


def test_pages_are_kept_apart_and_metadata_is_read(tmp_path: Path) -> None:
    found = opened(
        tmp_path, pdf(["One", "Two"], info="/Title (Report) /Author (Ann) /CreationDate (D:20240311120000Z)")
    )

    assert found.text == "One\n\n\f\n\nTwo"
    assert (found.pages, found.title) == (2, "Report")
    assert found.metadata == {"author": "Ann", "created": "2024-03-11"}


def test_lines_are_joined_to_paragraphs_and_larger_type_is_a_heading(tmp_path: Path) -> None:
    page = [(18.0, 72.0, 740.0, "A heading"), *set_out(*LOREM), *set_out("Another paragraph.", top=640)]

    found = opened(tmp_path, pdf([page]))

    assert found.text == f"# A heading\n\n{' '.join(LOREM)}\n\nAnother paragraph."


def test_bullets_become_a_list(tmp_path: Path) -> None:
    found = opened(tmp_path, pdf([set_out("* first", "* second that goes", "on", "1. third")]))

    assert found.text == "- first\n\n- second that goes on\n\n1. third"


def test_lines_that_look_like_markdown_are_none(tmp_path: Path) -> None:
    assert opened(tmp_path, pdf(["# comment"])).text == "\\# comment"


def test_a_ruled_table_is_a_table(tmp_path: Path) -> None:
    cells = [
        (9.0, 105.0 + 100 * column, 505.0 - 20 * row, text)
        for row, texts in enumerate([("Name", "Size", "Kind"), ("a", "1", "x"), ("b", "2", "y")])
        for column, text in enumerate(texts)
    ]
    page = [*set_out("Above the table."), *cells, *set_out("Below the table.", top=400)]

    found = opened(tmp_path, pdf([page], drawn=RULES))

    table = "| Name | Size | Kind |\n| --- | --- | --- |\n| a | 1 | x |\n| b | 2 | y |"
    assert found.text == f"Above the table.\n\n{table}\n\nBelow the table."


def test_running_heads_and_page_numbers_are_left_out(tmp_path: Path) -> None:
    pages = [
        [(9.0, 72.0, 770.0, "The Book"), *set_out(*LOREM, f"Sentence {n}."), (9.0, 300.0, 30.0, f"Page {n}")]
        for n in range(4)
    ]

    found = opened(tmp_path, pdf(pages))

    assert "The Book" not in found.text
    assert "Page 2" not in found.text
    assert "Sentence 2." in found.text


def test_an_empty_password_opens_and_any_other_is_asked_for(tmp_path: Path) -> None:
    content = pdf(["Secret text"])

    assert opened(tmp_path, encrypted(content, "")).text == "Secret text"
    with pytest.raises(DocumentEncrypted):
        opened(tmp_path, encrypted(content, "word"))


def test_of_a_truncated_pdf_is_read_what_is_there(tmp_path: Path) -> None:
    content = pdf([f"Text of page {n}" for n in range(20)])

    found = opened(tmp_path, content[: len(content) // 2])

    assert "Text of page 3" in found.text
    assert {one["code"] for one in found.warnings} >= {"damaged", "page_unreadable"}


@pytest.mark.parametrize("content", [b"%PDF-1.4\n", b"%PDF-1.7\n" + bytes(range(256)) * 100])
def test_what_only_begins_like_a_pdf_is_damaged(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentUnreadable):
        opened(tmp_path, content)


def test_pages_without_text_are_named(tmp_path: Path) -> None:
    found = opened(tmp_path, pdf(["One", "", "Three"]))

    assert found.warnings == [
        {"code": "no_text", "detail": "Page 2 without text; a scan is read after text recognition only."}
    ]
