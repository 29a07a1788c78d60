"""Data rows out of CSV, JSON and JSON lines; files are told apart by their name, else by how they begin."""

from pathlib import Path
from typing import Any

import pytest

from infra.errors import BadInput, TooManyRows
from workers.suites import data_rows

ROWS = [{"id": "1", "name": "ada"}, {"id": "2", "name": ""}]


def of_file(folder: Path, body: str | bytes, name: str = "rows") -> Any:
    path = folder / "file"
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return data_rows.of_file(path, name)


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,ada\n2,\n",
        "\ufeffid , name\r\n1,ada\r\n\r\n2,\r\n",
        "id;name\n1;ada\n2;\n",
        "id\tname\n1\tada\n2\t",
        '"id","name"\n"1","ada"\n"2",""\n',
    ],
)
def test_csv_is_read_as_people_write_it(text: str, tmp_path: Path) -> None:
    assert data_rows.of_csv(text) == ROWS
    assert of_file(tmp_path, text, "ROWS.CSV") == of_file(tmp_path, text) == ROWS


def test_a_cell_may_have_separators_quotes_and_lines() -> None:
    assert data_rows.of_csv('a,b\n"1,2","say ""hi""\nto all"\n') == [{"a": "1,2", "b": 'say "hi"\nto all'}]


def test_a_table_without_rows_has_none() -> None:
    assert data_rows.of_csv("id,name\n") == []


@pytest.mark.parametrize(("body", "name"), [("id,name\n", "rows.csv"), ("[]", "rows.json"), ("\n\n", "rows.jsonl")])
def test_a_file_of_rows_has_some(body: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"{name} cannot be used: It has no rows."):
        of_file(tmp_path, body, name)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("a,b\n1\n", "Line 2 has 1 cells, and the first line 2."),
        ("a,b\n1,2,3\n", "Line 2 has 3 cells"),
        ("a, a\n", "twice"),
        ("a,,b\n", "is empty"),
        ("a" * 201 + "\n", "more than 200"),
        (",".join(f"c{number}" for number in range(1001)), "at most 1000"),
        ('a\n"b"c\n', "not valid CSV"),
        ("a\n" + "x" * 200_000 + "\n", "not valid CSV"),
        ("a\nb\0c\n", "U+0000"),
        ("", "no line with the names"),
    ],
)
def test_what_is_no_table_is_refused_by_its_line(text: str, detail: str) -> None:
    with pytest.raises(BadInput) as refusal:
        data_rows.of_csv(text)
    assert detail in refusal.value.detail and refusal.value.errors[0]["pointer"] == "/data_csv"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('[{"id": "1", "name": "ada"}, {"id": "2", "name": ""}]', "rows.json"),
        (' \n[{"id": "1", "name": "ada"}, {"id": "2", "name": ""}]', "rows"),
        ('{"id": "1", "name": "ada"}\n\n{"id": "2", "name": ""}\r\n', "rows.jsonl"),
        ('{"id": "1", "name": "ada"}\n{"id": "2", "name": ""}', "rows.txt"),
    ],
)
def test_json_is_read_as_a_list_or_line_by_line(body: str, name: str, tmp_path: Path) -> None:
    assert of_file(tmp_path, body, name) == ROWS


@pytest.mark.parametrize(
    ("body", "name", "detail"),
    [
        ('[{"id": 1}, 7]', "a.json", "Row 2 is no JSON object"),
        ("[{", "a.json", "It is not valid JSON"),
        ('{"id": 1}\n{"id": \n', "a.jsonl", "Line 2 is not valid JSON"),
        ('{"id": 1}\n[]\n', "a", "Line 2 is no JSON object"),
        ('[{"": 1}]', "a", "Row 1 has an empty name"),
        (b"id\n\xff\n", "a.csv", "is not UTF-8"),
        ("[" * 5000, "a", "It is not valid JSON"),
    ],
)
def test_a_file_of_something_else_is_refused_by_its_name(
    body: str | bytes, name: str, detail: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as refusal:
        of_file(tmp_path, body, name)
    assert detail in refusal.value.detail and f"The data file {name} " in refusal.value.detail


def test_a_file_has_a_hundred_thousand_rows_and_no_more(tmp_path: Path) -> None:
    assert len(of_file(tmp_path, "id\n" + "1\n" * 100_000)) == 100_000
    with pytest.raises(TooManyRows, match="more than 100000 data rows; use fewer"):
        of_file(tmp_path, "id\n" + "1\n" * 100_001)
    with pytest.raises(TooManyRows, match="name it in `data_file_id`"):
        data_rows.of_csv("id\n" + "1\n" * 10_001)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(data_rows.MOST_FILE_BYTES + 1)
    with pytest.raises(BadInput, match="32 MiB"):
        data_rows.of_file(path, "a.csv")
