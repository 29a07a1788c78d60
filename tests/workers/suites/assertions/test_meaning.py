"""Meaning by the nearness of embeddings, offline."""

import asyncio

import numpy as np
import pytest

from tests.workers.suites.assertions.answers import http, judged, said, world
from tests.workers.suites.assertions.pairs import CONTRADICTING, OTHER, SAME
from workers.providers import minilm
from workers.suites.assertions.meaning import LONGEST, THRESHOLD, cosine

EXPECTED = {"type": "same_meaning", "expected": "Please restart the router and try again."}

needs_the_model = pytest.mark.skipif(not minilm.installed(), reason="the offline model is not installed")


@needs_the_model
def test_the_default_threshold_is_what_was_measured():
    """None of the wrong subjects, most of the paraphrases; and contradictions, which the docstring warns of."""
    texts = [text for pair in (*SAME, *OTHER, *CONTRADICTING) for text in pair]
    vectors, _ = asyncio.run(minilm.embed(texts))
    scores = np.array([cosine(one, other) for one, other in zip(vectors[::2], vectors[1::2], strict=True)])
    passed = (scores >= THRESHOLD).reshape(3, 20).sum(axis=1).tolist()
    assert passed[0] >= 14
    assert passed[1] == 0
    assert passed[2] >= 15


@needs_the_model
def test_an_answer_in_other_words_passes_and_another_one_fails():
    done = judged(EXPECTED, said("Try again after you have switched the router off and on."))
    assert done.verdict == "passed"
    assert done.message == f"The similarity of the text to the expected one is {done.details[0]['score']:.2f}."
    wrong = judged(EXPECTED, said("We sell apples."))
    assert wrong.verdict == "failed"
    assert wrong.message.endswith("less than 0.65.")
    assert wrong.details[0] == {
        "by": "embedding",
        "model": "sandbox",
        "score": wrong.details[0]["score"],
        "threshold": 0.65,
    }
    assert judged({**EXPECTED, "threshold": 0.0}, http("We sell apples.")).verdict == "passed"


@needs_the_model
def test_what_was_expected_is_embedded_once_and_counted():
    within = world()
    for text in ("One answer.", "Another answer."):
        judged(EXPECTED, said(text), within)
    assert len(within.ctx.usages) == 3
    assert {one.provider for one in within.ctx.usages} == {"sandbox"}


def test_an_empty_text_means_nothing():
    assert judged(EXPECTED, said(" \n")).message == "The text is empty."


def test_a_text_that_is_too_long_is_an_error_with_what_to_do():
    done = judged(EXPECTED, said("word " * LONGEST))
    assert done.verdict == "errored"
    assert "have a model judge" in done.message


def test_a_model_that_cannot_be_called_is_an_error(fake, run):
    done = judged({**EXPECTED, "by": "embedding", "model": "openai/fail-401"}, said("Hello."), run=run)
    assert done.verdict == "errored"
    assert "API key" in done.message


def test_secrets_do_not_leave_for_a_provider(fake, run):
    within = world(secrets={"token": "hunter2-hunter2"})
    assertion = {**EXPECTED, "by": "embedding", "model": "openai/text-embedding-3-small"}
    done = judged(assertion, said("Your token is hunter2-hunter2."), within, run=run)
    assert done.verdict in ("passed", "failed")
    sent = [text for call in fake.calls for text in call.body["input"]]
    assert "Your token is (secret:token)." in sent
    assert all("hunter2" not in one for one in sent)


def test_the_nearness_of_nothing_is_none():
    assert cosine([0.0, 0.0], [1.0, 0.0]) == 0.0
    assert cosine([2.0, 0.0], [1.0, 0.0]) == 1.0
