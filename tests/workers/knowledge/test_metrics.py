"""The figures of an order of results, against values worked out by hand."""

from math import log2

import pytest

from workers.knowledge.metrics import ndcg_at, recall_at, unique


@pytest.mark.parametrize(
    ("k", "found", "relevance", "recall"),
    [
        (10, ["a", "b"], {"a": 1, "b": 1}, 1.0),
        (1, ["a", "b"], {"a": 1, "b": 1}, 0.5),
        (10, ["x", "y"], {"a": 1}, 0.0),
        (2, ["x", "y", "a"], {"a": 3}, 0.0),
        (10, [], {"a": 1}, 0.0),
        (10, ["a"], {}, 0.0),
    ],
)
def test_recall_is_the_share_of_what_is_expected(k: int, found: list[str], relevance: dict[str, int], recall: float):
    assert recall_at(k, found, relevance) == recall


def test_ndcg_is_one_for_the_best_order_and_less_for_any_other() -> None:
    relevance = {"a": 3, "b": 2, "c": 1}
    assert ndcg_at(10, ["a", "b", "c"], relevance) == 1.0
    assert ndcg_at(10, ["a", "b", "c", "x"], relevance) == 1.0
    orders: tuple[list[str], ...] = (["b", "a", "c"], ["a", "c", "b"], ["x", "a", "b", "c"], ["a", "b"], [])
    assert all(ndcg_at(10, one, relevance) < 1.0 for one in orders)


def test_ndcg_weighs_grades_and_places_as_the_field_does() -> None:
    best = 7 / log2(2) + 1 / log2(3)
    assert ndcg_at(10, ["b", "a"], {"a": 3, "b": 1}) == pytest.approx((1 / log2(2) + 7 / log2(3)) / best)
    assert ndcg_at(10, ["x", "a"], {"a": 3, "b": 1}) == pytest.approx((7 / log2(3)) / best)


def test_what_comes_after_k_counts_for_nothing_and_the_best_is_that_of_k() -> None:
    assert ndcg_at(1, ["a", "b"], {"a": 1, "b": 1}) == 1.0
    assert ndcg_at(1, ["x", "a"], {"a": 1}) == 0.0
    assert ndcg_at(10, ["a"], {}) == 0.0


def test_chunks_of_one_entry_are_one_entry_at_its_first_place() -> None:
    assert unique(["b", "a", "b", "a", "c"]) == ["b", "a", "c"]
