"""What varies, told by its form."""

import pytest

from workers.features.structure import templates


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Where is order 4711?", "Where is order <number>?"),
        ("Today is 2026-01-31, 12 March 2026", "Today is <date>, <date>"),
        ("write to ada@example.com about ord_8f3a91", "write to <email> about <id>"),
        ('translate "good morning" into French', "translate <quoted> into French"),
        ("Hello {name}, see https://example.com/a?b=1 now", "Hello <variable>, see <url> now"),
        ("id 550e8400-e29b-41d4-a716-446655440000", "id <id>"),
        ("I don't know what's wrong", "I don't know what's wrong"),
        ("two\n\n  lines\tand more", "two lines and more"),
    ],
)
def test_values_become_places(text: str, masked: str) -> None:
    assert templates.mask(text) == masked


@pytest.mark.parametrize(
    "value",
    ["17", "550e8400-e29b-41d4-a716-446655440000", "C-33,759", "ord_12", "deadbeef12", "2026-01-31", "a@b.co", "{id}",
     ":id", "<int:id>", "[slug]", "report-b09c9057e0c2926c.pdf", "01HZX5K3M8Q7"],
)  # fmt: skip
def test_a_segment_that_is_a_value_is_a_place(value: str) -> None:
    assert templates.segment(value) == "{}"


@pytest.mark.parametrize("word", ["orders", "v1", "v2beta", "me", "oauth2", "s3", "search", "logo.png", "sign-in"])
def test_a_segment_that_is_a_word_stays(word: str) -> None:
    assert templates.segment(word) == word


def test_a_path_has_no_host_and_no_query() -> None:
    assert templates.path("https://example.com/orders/17/?a=b#c") == "/orders/{}"
    assert templates.path("/") == "/"


def test_names_of_spans_lose_what_varies() -> None:
    assert templates.name("GET /orders/17") == "GET /orders/{}"
    assert templates.name("job 8f3a91bc done") == "job {} done"
