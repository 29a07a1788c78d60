"""What full text sees of a text."""

import time

import pytest

from workers.knowledge.search.indexing import searchable, words_and_literals


@pytest.mark.parametrize(
    "written", ["listIssues", "list_issues", "list-issues", "/list/issues", "List.Issues", "{list}/{issues}"]
)
def test_an_identifier_is_its_words_and_itself(written):
    words, literals = words_and_literals(f"call {written} now")
    assert words.lower().split() == ["call", "list", "issues", "now"]
    assert literals == "listissues"


def test_plain_words_and_numbers_are_no_identifiers():
    assert words_and_literals("Open the door, please: 3.5 times. IDs, URLs!")[1] == ""
    assert words_and_literals("3.5 or 1,000.")[0].split() == ["3.5", "or", "1,000"]


@pytest.mark.parametrize(
    ("text", "pairs"), [("退货政策", "退货 货政 政策"), ("東", "東"), ("รหัส", "รห หั ัส"), ("abc 中文 def", "中文")]
)
def test_scripts_without_spaces_count_in_pairs(text, pairs):
    words, literals = words_and_literals(text)
    assert literals == pairs
    assert not set(words) & set(pairs.replace(" ", ""))


def test_how_a_text_is_encoded_makes_no_difference():
    assert words_and_literals("ﬁle co\u00adoperate\u200b") == ("file cooperate", "")
    assert words_and_literals("a\0b") == ("a b", "")


def test_titles_count_apart_and_once():
    made = searchable("Refunds", "Refunds > Cards", "Money goes back to the card.")
    assert made["title_words"].split() == ["Refunds", "Cards"]
    assert made["text_words"].split() == ["Money", "goes", "back", "to", "the", "card"]
    assert made["language"] == "english"


@pytest.mark.parametrize("text", ["a_" * 200_000, "aA" * 200_000, "a" * 400_000 + "_b", "-." * 200_000, "中" * 200_000])
def test_time_is_in_proportion_to_the_text(text):
    began = time.process_time()
    words_and_literals(text)
    assert time.process_time() - began < 1.5
