"""Vectors of texts."""

import numpy as np

from workers.features import vectors
from workers.features.vectors import DIMENSIONS, embed_now


def test_texts_have_vectors_of_length_one_and_what_has_no_word_has_none() -> None:
    made = embed_now(["where is my order", "?!", "", "where is my order"])
    assert made.shape == (4, DIMENSIONS)
    assert np.linalg.norm(made, axis=1).round(3).tolist() == [1, 0, 0, 1]
    assert (made[0] == made[3]).all()
    assert embed_now([]).shape == (0, DIMENSIONS)


def test_only_the_beginning_of_a_text_counts() -> None:
    one, other = embed_now(["a word " * 60, "a word " * 90])
    assert (one == other).all()


def test_what_was_embedded_before_is_the_same_and_memory_stays_bounded() -> None:
    before = embed_now(["a lamp that is kept"])
    assert (embed_now(["something else", "a lamp that is kept"])[1] == before[0]).all()
    vectors._keep({("nobody", str(at)): before[0] for at in range(vectors.MOST_KEPT + 5)})
    assert len(vectors._kept) == vectors.MOST_KEPT
    assert np.allclose(embed_now(["a lamp that is kept"]), before, atol=1e-5)
