"""Cutting texts: by their structure, within a number of tokens, and without losing a character."""

import random
import time
from itertools import pairwise
from typing import Any

import pytest

from models import EntryType
from workers.knowledge.chunking import chunks_of
from workers.knowledge.chunking.structure import plain
from workers.knowledge.chunking.tokens import count

SMALL = {"max_tokens": 64, "overlap_tokens": 0, "parent_tokens": None}
USUAL = {"max_tokens": 512, "overlap_tokens": 64, "parent_tokens": None}


def cut(text, type=EntryType.DOCUMENT, *, title="A guide", **settings: Any):
    """The chunks, after a look at what is true of all of them."""
    wanted = {**SMALL, **settings}
    pieces = chunks_of(text, type, wanted, title)
    seen = bytearray(len(text))
    for piece in pieces:
        assert text[piece.starts : piece.ends] == piece.text
        assert piece.text.strip()
        assert piece.tokens == count(piece.text) <= wanted["max_tokens" if piece.searched else "parent_tokens"]
        seen[piece.starts : piece.ends] = b"\1" * len(piece.text)
    assert [piece.ordinal for piece in pieces] == list(range(len(pieces)))
    assert not "".join(one for one, was in zip(text, seen, strict=True) if not was).strip()
    return pieces


def sentences(number, about="the weather"):
    return " ".join(f"This is sentence number {one} and it is about {about}." for one in range(number))


def test_tokens_are_counted_as_openai_does():
    assert [
        count(text) for text in ("", "hello world", "Hello, 12345!", "\u0645\u0631\u062d\u0628\u0627", "<|endoftext|>")
    ] == [0, 2, 6, 2, 7]


def test_headings_divide_a_text_and_stand_above_its_chunks():
    pieces = cut(
        f"# Guide\n\n{sentences(4)}\n\n## Install `it`\n\n{sentences(4, 'disks')}\n\n# Use\n\n{sentences(4, 'it')}\n"
    )
    assert [(piece.heading, piece.context) for piece in pieces] == [
        (["Guide"], "A guide > Guide"),
        (["Guide", "Install it"], "A guide > Guide > Install it"),
        (["Use"], "A guide > Use"),
    ]
    assert pieces[1].text.startswith("## Install `it`\n\nThis is sentence number 0")
    assert pieces[1].embedded == f"{pieces[1].context}\n{pieces[1].text}"


def test_a_title_that_is_also_the_heading_is_said_once():
    assert cut("# A  Guide\n\nText.")[0].context == "A guide"


def test_what_looks_like_a_heading_in_code_is_none():
    (piece,) = cut("# Real\n\n```sh\n# not a heading\nls\n```\n\n    # neither\n")
    assert piece.heading == ["Real"]


def test_a_heading_without_a_text_goes_with_what_comes_below_it():
    (piece,) = cut(f"# One\n\n## Two\n\n### Three\n\n{sentences(3)}")
    assert (piece.heading, piece.text[:5]) == (["One", "Two", "Three"], "# One")


def test_tiny_sections_are_together_up_to_the_heading_above_them():
    text = "# Words\n\n## A\n\nOne.\n\n## B\n\nTwo.\n\n## C\n\nThree.\n\n# Others\n\n## D\n\nFour.\n"
    pieces = cut(text, max_tokens=512)
    assert [piece.heading for piece in pieces] == [["Words"], ["Others", "D"]]


def test_a_table_that_fits_stays_whole():
    table = "| a | b |\n|---|---|\n" + "| one | two |\n" * 8
    pieces = cut(f"{sentences(4)}\n\n{table}\n{sentences(3)}\n")
    assert any(table.strip() in piece.text for piece in pieces)


def test_rows_of_a_long_table_have_its_header_as_their_context_and_not_in_their_text():
    rows = "".join(f"| key {one} | the value of number {one} |\n" for one in range(30))
    pieces = cut(f"# Keys\n\n| Key | Value |\n|-----|-------|\n{rows}\n\nThat is all.\n")
    assert len(pieces) > 3
    assert pieces[0].context == "A guide > Keys"
    for piece in pieces[1:-1]:
        assert piece.context == "A guide > Keys\n| Key | Value |\n|-----|-------|"
        assert piece.text.startswith("| key ")
        assert piece.text.endswith("|")


def test_code_that_fits_stays_whole_and_longer_code_is_cut_at_empty_lines():
    short = "```python\n" + "x = 1\n\ny = 2\n" * 4 + "```"
    assert any(short in piece.text for piece in cut(f"{sentences(5)}\n\n{short}\n\n{sentences(5)}"))
    functions = [f"def function_{one}(value):\n    first = value + {one}\n\n    return first\n" for one in range(12)]
    pieces = cut("```python\n" + "\n".join(functions) + "```\n")
    assert len(pieces) > 3
    assert all(piece.text.startswith("def ") for piece in pieces[1:])


def test_a_long_list_is_cut_between_its_items():
    pieces = cut("".join(f"- Item {one}: it has some words\n  and a second line.\n" for one in range(20)))
    assert len(pieces) > 3
    assert all(piece.text.startswith("- Item") and piece.text.endswith("line.") for piece in pieces)


def test_long_prose_is_cut_between_sentences_and_overlaps_by_whole_ones_within_its_section():
    pieces = cut(f"# One\n\n{sentences(20)}\n\n# Two\n\n{sentences(20, 'storms')}", overlap_tokens=24)
    assert all(piece.text.endswith(".") for piece in pieces)
    for before, piece in pairwise(pieces):
        shared = before.ends - piece.starts
        if before.heading != piece.heading:
            assert shared <= 0
        else:
            assert 0 < count(piece.text[:shared]) <= 24
            assert piece.text.startswith("This is sentence")


def test_children_are_within_their_parents_which_are_not_searched():
    pieces = cut(f"# One\n\n{sentences(40)}\n\n# Two\n\nShort.", parent_tokens=200)
    parents = {piece.ordinal: piece for piece in pieces if not piece.searched}
    children = [piece for piece in pieces if piece.parent is not None]
    assert len(parents) > 1
    assert len(children) > 2 * len(parents)
    for child in children:
        around = parents[child.parent]
        assert around.starts <= child.starts <= child.ends <= around.ends
    assert (pieces[-1].text, pieces[-1].parent, pieces[-1].searched) == ("# Two\n\nShort.", None, True)


def test_a_table_is_one_chunk_if_it_fits_and_an_operation_two():
    text = "# GET /orders\n\nLists orders.\n\n## Parameters\n\n- limit\n\n## Answers\n\n- 200: a list"
    (piece,) = cut(text, EntryType.TABLE, title="GET /orders")
    assert (piece.text, piece.heading, piece.context) == (text, [], "GET /orders")
    purpose, details = cut(text, EntryType.API, title="GET /orders")
    assert (purpose.text, details.text) == (text[: text.index("\n\n## P")], text[text.index("## P") :])
    assert all(one.context == "GET /orders" and one.heading == [] for one in (purpose, details))
    (piece,) = cut("# GET /orders\n\nLists orders.", EntryType.API, title="GET /orders")
    assert piece.text.endswith("Lists orders.")


@pytest.mark.parametrize("type", [EntryType.API, EntryType.TABLE])
def test_each_chunk_of_a_long_operation_or_table_says_of_what_it_is(type):
    text = f"# GET /orders\n\nLists orders.\n\n## Parameters\n\n{sentences(40)}"
    pieces = cut(text, type, title="GET /orders")
    assert len(pieces) > 2
    assert all(piece.context.startswith("GET /orders") for piece in pieces)


def test_pages_are_counted_by_form_feeds_on_lines_of_their_own():
    pieces = cut(f"{sentences(4)}\n\f\n# Next\n\n{sentences(4)}\n\f\n\f\n# Last\n\n{sentences(4)}\n")
    assert [piece.page for piece in pieces] == [1, 2, 4]
    assert {piece.page for piece in cut("No\fpages.")} == {None}


def test_titles_that_are_too_long_are_cut_from_above():
    long = "word " * 60
    (piece,) = cut(f"# {long}\n\n## {long}\n\n### The last\n\n{sentences(2)}", title=long, max_tokens=512)
    assert piece.context.endswith("> The last")
    assert count(piece.context) <= 96
    assert max(map(len, piece.heading)) <= 200


def test_the_words_of_a_heading_are_plain():
    assert (
        plain("**Bold** `code()` [a link](http://x) and snake_case __init__ #1")
        == "Bold code() a link and snake_case init #1"
    )


@pytest.mark.parametrize("blank", ["", " \n\t\n", "\f\n\f\n"])
def test_a_blank_text_has_no_chunks(blank):
    assert cut(blank) == []


@pytest.mark.parametrize(
    "text",
    [
        "x" * 40_000,
        "ab9Zq" * 4_000,
        "word " * 20_000,
        "# h\n\ntext\n\n" * 1_500,
        "\u4e2d\u6587\u53e5\u5b50\u3002\u6ca1\u6709\u7a7a\u683c\u7684\u6587\u672c\uff0c" * 4_000,
        "| a | b |\n|---|---|\n" + "| row | value |\n" * 1_200,
        "- item\n" * 2_000,
        "> " * 20_000,
        "[a" * 20_000,
        " " * 100_000 + "a",
        "\U0001f468\u200d" * 5_000,
        "line\r\n\r\n# head\r\rtext\n" * 2_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_strange_texts_are_cut_in_time_that_grows_with_their_length(text):
    began = time.process_time()
    cut(text, **USUAL)
    half = time.process_time() - began
    began = time.process_time()
    cut(text * 2, **USUAL)
    assert time.process_time() - began < 4 * half + 5


def test_any_text_is_cut_within_the_limit_and_without_a_loss():
    chance = random.Random(7)
    parts = [
        "foo ",
        "bar. ",
        "\n",
        "\n\n",
        "# ",
        "### H\n",
        "- ",
        "1. ",
        "> ",
        "| a | b |\n",
        "|---|---|\n",
        "```\n",
        "`x` ",
    ]
    parts += [
        "\t",
        "\u00e9",
        "\u6f22\u5b57\u3002",
        "\n\f\n",
        "<div>\n",
        "\r\n",
        "[x]: http://a\n",
        "averyverylongword",
        "===\n",
        "    code\n",
    ]
    for _ in range(300):
        text = "".join(chance.choice(parts) for _ in range(chance.randint(0, 200)))
        cut(text, max_tokens=32, overlap_tokens=16)
        cut(text, max_tokens=40, overlap_tokens=10, parent_tokens=100)
