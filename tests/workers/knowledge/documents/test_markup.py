"""What is text already."""

from pathlib import Path

from tests.workers.knowledge.documents.makers import written
from workers.knowledge.documents import markup

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


def test_markdown_is_kept_and_its_front_matter_is_metadata(tmp_path: Path) -> None:
    text = f"---\ntitle: Guide\nlang: de\ntags: [a, b]\n{BOMB}---\n# Heading\n\ntext\n"

    found = markup.read_markdown(written(tmp_path, "a.md", text), {})

    assert found.text == "# Heading\n\ntext\n"
    assert (found.title, found.language) == ("Guide", "de")
    assert found.metadata == {"title": "Guide", "tags": "a, b", "a": "x, x"}


def test_toml_front_matter_and_a_rule_that_is_none(tmp_path: Path) -> None:
    assert markup.read_markdown(written(tmp_path, "a.md", '+++\ntitle = "T"\n+++\nx'), {}).title == "T"
    assert markup.read_markdown(written(tmp_path, "b.md", "---\nno: [yaml\n---\nx"), {}).text.startswith("---")


def test_rst_has_headings_by_order_of_their_lines_and_code_in_fences(tmp_path: Path) -> None:
    text = (
        "=====\nTitle\n=====\n\nPart\n----\n\nLook::\n\n    code  here\n\n.. code-block:: python\n   :linenos:\n\n"
        "   x = 1\n\nSub\n~~~\n\nNext\n----\n"
    )

    found = markup.read_rst(written(tmp_path, "a.rst", text), {})

    assert [line for line in found.text.split("\n") if line] == (
        ["# Title", "## Part", "Look:", "```", "code  here", "```", "```python", "x = 1", "```", "### Sub", "## Next"]
    )


def test_a_text_keeps_its_pages(tmp_path: Path) -> None:
    found = markup.read_plain(written(tmp_path, "a.txt", "one\n\ftwo\n\f"), {})

    assert found.pages == 2


def test_a_line_of_a_table_is_no_heading(tmp_path: Path) -> None:
    text = "a paragraph\nof two lines\n----\n\n====  ====\na     b\n====  ====\n"

    assert "#" not in markup.read_rst(written(tmp_path, "a.rst", text), {}).text


def test_code_is_one_block_in_its_language(tmp_path: Path) -> None:
    found = markup.read_code(written(tmp_path, "a.py", "def f(): ...\n"), {"filename": "a.py", "language": "python"})

    assert found.text == "```python\ndef f(): ...\n```"
    assert found.title == "a.py"
