"""Sketches of texts."""

import numpy as np

from workers.features.drift import sketches


def likeness(one: str, other: str) -> float:
    both = sketches.read([sketches.sketch(text) or b"" for text in (one, other)])
    return float(both[0] @ both[1])


def test_texts_of_the_same_words_are_alike_and_others_are_not() -> None:
    said = "your parcel will arrive on Monday, we are sorry for the delay"
    assert likeness(said, "We are sorry for the delay: your parcel will arrive on Tuesday!") > 0.8
    assert abs(likeness(said, "der Vertrag endet nach zwei Jahren ohne Verlängerung")) < 0.4


def test_numbers_are_no_difference() -> None:
    assert likeness("order 12345 costs 20 euros", "order 99 costs 7 euros") > 0.99


def test_writing_without_spaces_is_read_in_pairs() -> None:
    assert (
        likeness("注文はいつ届きますか", "注文はいつ届くでしょうか")
        > likeness("注文はいつ届きますか", "返品したいです") + 0.2
    )


def test_a_text_without_words_has_none() -> None:
    assert sketches.sketch("") is None
    assert sketches.sketch(" … ") is None


def test_they_are_the_same_for_ever() -> None:
    kept = "cb0ef22add22f2e1"
    assert (sketches.sketch("hello world") or b"").hex().startswith(kept)
    assert np.allclose(np.linalg.norm(sketches.read([sketches.sketch("hello world") or b""])), 1, atol=0.03)
