"""A DOCX's headings, lists, tables and footnotes."""

import io
from pathlib import Path

import docx
import pytest

from infra.errors import DocumentUnreadable
from tests.workers.knowledge.documents import makers
from workers.knowledge.documents.base import Document
from workers.knowledge.documents.word import read

DELETED = (
    "<w:p><w:r><w:t>kept </w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
    "<w:ins><w:r><w:t>added</w:t></w:r></w:ins><w:hyperlink><w:r><w:t> linked</w:t></w:r></w:hyperlink></w:p>"
)
BOX = (
    "<w:p><w:r><w:t>outside</w:t><w:pict><w:txbxContent><w:p><w:r><w:t>in the box</w:t></w:r></w:p>"
    "</w:txbxContent></w:pict></w:r></w:p>"
)
CONTROL = "<w:sdt><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>"


def opened(folder: Path, content: bytes) -> Document:
    return read(makers.written(folder, "a.docx", content), {})


def test_structure_becomes_markdown(tmp_path: Path) -> None:
    made = docx.Document()
    made.core_properties.title, made.core_properties.author = "Plan", "Ann"
    made.add_heading("Plan", 0)
    made.add_heading("Goals", 1)
    made.add_paragraph("A paragraph.")
    made.add_paragraph("one", style="List Bullet")
    made.add_paragraph("two", style="List Bullet")
    made.add_paragraph("first", style="List Number")
    table = made.add_table(rows=2, cols=2)
    for cell, text in zip([*table.rows[0].cells, *table.rows[1].cells], ["Name", "Size", "a|b", "1"], strict=True):
        cell.text = text
    made.add_heading("More", 2)
    out = io.BytesIO()
    made.save(out)

    found = opened(tmp_path, out.getvalue())

    assert found.text.strip() == (
        "# Plan\n\n# Goals\n\nA paragraph.\n- one\n- two\n1. first\n\n"
        "| Name | Size |\n| --- | --- |\n| a\\|b | 1 |\n\n## More"
    )
    assert (found.title, found.metadata["author"]) == ("Plan", "Ann")


def test_what_was_deleted_is_gone_and_what_was_inserted_is_there(tmp_path: Path) -> None:
    assert opened(tmp_path, makers.docx(DELETED)).text == "kept added linked"


def test_text_boxes_and_content_controls_are_read_once(tmp_path: Path) -> None:
    assert opened(tmp_path, makers.docx(BOX + CONTROL)).text == "outside\n\nin the box\n\ncontrolled"


def test_a_frame_of_one_cell_is_no_table(tmp_path: Path) -> None:
    body = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>framed</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"

    assert opened(tmp_path, makers.docx(body)).text == "framed"


@pytest.mark.parametrize(
    "content",
    [
        makers.docx()[:-60],
        makers.replaced(makers.docx(), "_rels/.rels", "<Relationships/>"),
        makers.replaced(makers.docx(), "word/document.xml", "<broken"),
        makers.docx("<w:tbl><w:tr><w:tc>" * 300 + "</w:tc></w:tr></w:tbl>" * 300),
    ],
    ids=["truncated", "without a document", "no XML", "nested too deeply"],
)
def test_a_damaged_document_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentUnreadable):
        opened(tmp_path, content)
