"""Prompts without what varies by its form alone."""

import pytest

from workers.features.drift.normalising import normalise, shown


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        ("Today is Friday, 7 August 2026.", "Today is <date>."),
        ("Today is Monday.", "Today is <date>."),
        ("It is 2026-08-07T12:30:11Z now", "It is <date> now"),
        ("Now: 12:30 pm", "Now: <time>"),
        ("Write to anna.smith+x@example.com", "Write to <email>"),
        ("See https://docs.example.com/v2/a/991?token=1#top", "See https://docs.example.com/<id>/a/<id>"),
        ("Order ord_8f3a91 of 7b1f0e9c-1111-4222-8333-944445555666", "Order <id> of <id>"),
        ("Ticket INV-2024-0017, number 1234567", "Ticket <id>, number <id>"),
        ("from 10.1.2.3", "from <ip>"),
    ],
)
def test_what_has_a_form_of_its_own_is_masked(said: str, masked: str) -> None:
    assert normalise(said) == masked


@pytest.mark.parametrize(
    "said",
    [
        "Answer in at most 3 sentences.",
        "Refund up to $50 without asking.",
        "Use UTF-8, ISO 8601, gpt-4o and Python 3.11.",
        'Say "we are closed" on Sundays.',
        "Greet {{customer_name}} and <user>.",
    ],
)
def test_instructions_keep_their_numbers_quotes_and_placeholders(said: str) -> None:
    assert normalise(said) == said


def test_spaces_empty_lines_and_the_form_of_unicode_are_no_difference() -> None:
    assert normalise("Be  polite. \r\n\r\n\tUse cafe\u0301\u200b.") == normalise("Be polite.\nUse caf\u00e9.")


def test_a_prompt_without_end_is_told_by_its_beginning_and_its_end() -> None:
    long = "Be kind. " * 5_000
    assert len(normalise(long)) <= 20_001
    assert normalise(long + "Never lie.").endswith("Never lie.")


def test_secrets_and_addresses_are_not_shown() -> None:
    told = shown("Use sk-abcdefghijklmnop1234 and password: hunter22, write to anna@example.com")
    assert told == "Use <secret> and <secret>, write to <email>"
