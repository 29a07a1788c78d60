"""What every reader's text goes through."""

import pytest

from infra.errors import DocumentHasNoText, ParsingTooLarge
from workers.knowledge.documents.base import LONGEST_TEXT, Document, clean, fenced, outline_of, plain, table, tidy


def test_text_that_no_database_takes_is_cleaned() -> None:
    assert clean("a\0b\r\nc\rd\x07e \ud800f") == "ab\nc\nde \ufffdf"


def test_page_breaks_stand_on_lines_of_their_own() -> None:
    assert tidy("one\ftwo\n\n\f\n\nthree") == "one\n\f\ntwo\n\n\f\n\nthree"


def test_the_outline_has_places_of_headings_but_not_of_code() -> None:
    text = "# One #\n\ntext\n\n```\n# no heading\n```\n\n### Two\n"

    found = outline_of(text)

    assert [(one["level"], one["title"]) for one in found] == [(1, "One"), (3, "Two")]
    assert text[found[1]["at"] :].startswith("### Two")


def test_text_that_looks_like_markdown_is_not_taken_for_it() -> None:
    assert outline_of(plain("# no heading\nmore")) == []


def test_a_fence_is_longer_than_any_in_the_code() -> None:
    assert fenced("```\ncode\n```", "md").startswith("````md\n")


def test_a_table_has_a_header_and_no_cell_breaks_it() -> None:
    assert table([["a", "b"], ["1|2", "3\n4"], ["", ""], ["5"]]) == ("| a | b |\n| --- | --- |\n| 1\\|2 | 3 4 |\n| 5 |")


def test_a_title_is_the_documents_own_else_its_first_heading_else_its_file() -> None:
    assert Document("text", "# H\n\nx", title="Own").finished("file")["title"] == "Own"
    assert Document("text", "# H\n\nx").finished("file")["title"] == "H"
    assert Document("text", "x").finished("file")["title"] == "file"


def test_a_document_without_text_and_one_with_too_much_are_refused() -> None:
    with pytest.raises(DocumentHasNoText):
        Document("pdf", " \n\f\n ").finished("file")
    with pytest.raises(ParsingTooLarge):
        Document("text", "x" * (LONGEST_TEXT + 1)).finished("file")
