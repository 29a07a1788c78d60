"""The offline embedding model: each text by itself, and all of it where that is wanted."""

import asyncio
from typing import Any

import numpy as np
import pytest

from infra.errors import ProviderBadRequest
from workers.providers import minilm


def embed(texts: list[str], **options: Any) -> Any:
    vectors, tokens = asyncio.run(minilm.embed(texts, **options))
    return np.array(vectors), tokens


def test_vectors_have_the_length_one_and_are_near_where_texts_mean_the_same():
    vectors, tokens = embed(["How do I get my money back?", "Refunds within thirty days", "The moon orbits the earth"])
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert tokens == 24


def test_a_text_has_the_same_vector_whatever_is_embedded_with_it():
    texts = ["short", "a longer text with some more words in it", "", "word " * 300, "\u0645\u0631\u062d\u0628\u0627"]
    together, _ = embed(texts * 4)
    for number, text in enumerate(texts):
        alone, _ = embed([text])
        assert np.abs(together[number::5] - alone[0]).max() < 1e-5


def test_what_comes_after_256_tokens_counts_only_if_all_is_wanted():
    begin, end = "apples and pears " * 100, "submarines under water " * 100
    (cut, same), tokens = embed([begin + end, begin])
    assert np.abs(cut - same).max() < 1e-5
    assert tokens == 2 * minilm.MOST_TOKENS
    (whole, short), tokens = embed([begin + end, "short"], whole=True)
    assert np.linalg.norm(whole) == pytest.approx(1.0, abs=1e-5)
    assert tokens > 600
    assert np.abs(short - embed(["short"])[0][0]).max() < 1e-5
    (submarines,), _ = embed(["submarines"])
    assert whole @ submarines > cut @ submarines + 0.1


def test_no_texts_have_no_vectors():
    assert asyncio.run(minilm.embed([], whole=True)) == ([], 0)


def test_it_has_384_dimensions_and_no_others():
    with pytest.raises(ProviderBadRequest):
        asyncio.run(minilm.embed(["a"], 128))
