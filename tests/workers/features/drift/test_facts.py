"""What of a trace is compared with others."""

from typing import Any

import pytest

from tests.workers.features.drift.noticing import BEGIN, call, trace
from workers.features.base import Assignment, Call
from workers.features.drift.facts import fact_of, refuses

SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}
PARCEL = "your parcel is on its way"


def fact(*calls: Call, **columns: Any) -> dict[str, Any]:
    summary = trace(BEGIN, *calls, **columns)
    return fact_of(Assignment(summary, summary.trace_id, "structure", 1.0), BEGIN)


@pytest.mark.parametrize(
    "said",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "As an AI, I am not able to share that.",
        "Unfortunately, I’m unable to change your order.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Je suis désolé, mais je ne peux pas répondre à cela.",
        "Lo siento, pero no puedo ayudar con eso.",
        "申し訳ありませんが、お手伝いできません。",
    ],
)
def test_how_models_decline(said: str) -> None:
    assert refuses(said)


@pytest.mark.parametrize(
    "said",
    [
        "I'm sorry to hear that your lamp is broken. A new one is on its way.",
        "You can't return it after 30 days.",
        "Here is what I found: the policy applies to you.",
        "We cannot help noticing that you like lamps.",
    ],
)
def test_what_is_no_refusal(said: str) -> None:
    assert not refuses(said)


def test_the_last_answer_counts_and_any_refusal() -> None:
    found = fact(call(answer="First, let me look."), call(answer=PARCEL), call(answer=None))
    assert (found["output_chars"], found["refused"]) == (len(PARCEL), False)
    assert fact(call(answer=PARCEL), call(answer="x", refused=True))["refused"] is True


def test_a_trace_without_an_answer_says_nothing_of_answers() -> None:
    found = fact(call(answer=None))
    assert [found[name] for name in ("output_chars", "refused", "valid", "parsed", "said")] == [None] * 5


@pytest.mark.parametrize(
    ("said", "valid", "parsed"),
    [
        ('{"id": 7}', True, True),
        ('```json\n{"id": 7}\n```', True, True),
        ('{"id": "seven"}', False, True),
        ('{"id": 7', False, False),
        ("Sure! It is 7.", False, False),
    ],
)
def test_answers_that_had_to_follow_a_schema(said: str, valid: bool, parsed: bool) -> None:
    found = fact(call(answer=said, schema={"name": "answer", "schema": SCHEMA}))
    assert (found["valid"], found["parsed"]) == (valid, parsed)


def test_a_schema_that_is_none_or_asks_for_another_document_judges_nothing() -> None:
    for schema in ({"type": "nothing"}, {"$ref": "https://example.com/schema.json"}):
        assert fact(call(answer="{}", schema=schema))["valid"] is None


def test_a_clock_that_runs_ahead_is_held_to_now() -> None:
    later = trace(BEGIN.replace(year=2070))
    assert fact_of(Assignment(later, later.trace_id, "structure", 1.0), BEGIN)["at"] == BEGIN
