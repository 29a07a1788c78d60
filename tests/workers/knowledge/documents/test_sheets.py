"""Workbooks and separated values are tables."""

import datetime as dt
from pathlib import Path

import pytest

from infra.errors import DocumentUnreadable
from tests.workers.knowledge.documents.makers import replaced, workbook, written
from workers.knowledge.documents import sheets

SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def test_each_sheet_is_a_heading_and_a_table(tmp_path: Path) -> None:
    day = dt.datetime(2024, 3, 11)  # noqa: DTZ001 - a cell has no zone
    content = workbook({"Prices": [["Name", "Price", "Since"], ["a", 2.0, day], ["b", 0.5, None]], "Empty": []})

    found = sheets.read_workbook(written(tmp_path, "a.xlsx", content), {})

    assert found.text == (
        "## Prices\n\n| Name | Price | Since |\n| --- | --- | --- |\n| a | 2 | 2024-03-11 |\n| b | 0.5 |"
    )


def test_a_workbook_is_cut_where_it_is_too_long_or_too_wide(tmp_path: Path) -> None:
    rows = ",".join(["x"] * (sheets.MOST_COLUMNS + 1)) + "\n" + "y\n" * sheets.MOST_CELLS

    found = sheets.read_separated(written(tmp_path, "a.csv", rows), {})

    assert [one["code"] for one in found.warnings] == ["rows_left_out", "columns_left_out"]


def test_a_row_that_claims_to_be_the_last_of_many_is_not_waited_for(tmp_path: Path) -> None:
    row = f'<worksheet xmlns="{SHEETS}"><sheetData><row r="999999999"><c r="A999999999"><v>1</v></c></row></sheetData>'
    content = replaced(workbook({"a": [["x"]]}), "xl/worksheets/sheet1.xml", f"{row}</worksheet>")

    found = sheets.read_workbook(written(tmp_path, "a.xlsx", content), {})

    assert [one["code"] for one in found.warnings] == ["rows_left_out"]


def test_a_workbook_whose_sheet_is_broken_is_damaged(tmp_path: Path) -> None:
    content = replaced(workbook({"a": [["x"]]}), "xl/worksheets/sheet1.xml", "<worksheet><broken")

    with pytest.raises(DocumentUnreadable):
        sheets.read_workbook(written(tmp_path, "a.xlsx", content), {})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (["name", "size"], ["a b", "1"], ['"x, y"', "2"]))

    found = sheets.read_separated(written(tmp_path, "a.csv", text), {})

    assert "| name | size |" in found.text
    assert "| a b | 1 |" in found.text


def test_a_field_may_have_lines(tmp_path: Path) -> None:
    found = sheets.read_separated(written(tmp_path, "a.csv", 'a,b\n"one\ntwo",3\n'), {})

    assert found.text.endswith("| one two | 3 |")
