"""Archives are read some documents at a time, and one that kills its reader is found among the others."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from infra.errors import ParsingTimeout
from tests.workers.kinds.test_completion import Recorder
from tests.workers.knowledge.documents.makers import packed, written
from workers.knowledge.documents import parsing
from workers.knowledge.documents.fetching import Fetched
from workers.knowledge.documents.parsing import Limits, Reading

BOMB = "<table>" + "<tr><td rowspan=50 colspan=50>a<td>b" * 2000


def read(folder: Path, content: bytes, name: str = "a.zip", **limits: Any) -> dict[str, Reading]:
    fetched = Fetched(written(folder, name, content), name, name)
    found, _ = asyncio.run(parsing.read(Recorder(), fetched, None, Limits(**limits)))
    return {one.key: one for one in found}


def test_a_document_that_kills_its_reader_hinders_no_other(tmp_path: Path) -> None:
    content = packed({"a.md": "# A", "b.html": BOMB, "c.md": "# C"})

    found = read(tmp_path, content, memory_bytes=64 * parsing.MEGABYTE)

    assert [key for key, one in found.items() if one.document] == ["a.md", "c.md"]
    assert found["b.html"].error is not None
    assert found["b.html"].error["code"] in ("parsing_too_large", "parser_crashed")


def test_one_document_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ParsingTimeout):
        read(tmp_path, BOMB.encode(), "a.html", seconds=0.01)


def test_paths_become_keys_that_lead_nowhere_else(tmp_path: Path) -> None:
    names = ("./a.md", "/b.md", "c\\d.md", "../e.md", "a.md", f"{'f' * 600}.md")

    found = read(tmp_path, packed(dict.fromkeys(names, "text")))

    assert {key for key, one in found.items() if one.document} == {"a.md", "b.md", "c/d.md"}
    said = {one.error["message"] for one in found.values() if one.error}
    assert len(said) == len([one for one in found.values() if one.error]) == 3


def test_archives_in_archives_and_encrypted_members_are_not_read(tmp_path: Path) -> None:
    found = read(tmp_path, packed({"a.md": "text", "b.zip": packed({"c.md": "text"})}))

    assert found["b.zip"].error is not None
    assert found["b.zip"].error["code"] == "document_unsupported"


def test_many_documents_are_read_by_few_children(tmp_path: Path) -> None:
    found = read(tmp_path, packed({f"{number:03}.md": f"# {number}" for number in range(120)}))

    assert all(one.document for one in found.values())
    assert len(found) == 120
