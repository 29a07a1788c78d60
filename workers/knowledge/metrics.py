"""How good an order of results is, against what should have been found: recall@k and nDCG@k with graded relevance.

`found` are ids, best first, each at most once; `relevance` says for each id that should be found how relevant it is
(1 to 3; more is better). All figures are from 0 to 1, and 0 where nothing is expected.
"""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Id = TypeVar("Id", bound=Hashable)


def recall_at(k: int, found: Sequence[Id], relevance: Mapping[Id, int]) -> float:
    """The share of what should be found that is among the first k."""
    return sum(one in relevance for one in found[:k]) / len(relevance) if relevance else 0.0


def ndcg_at(k: int, found: Sequence[Id], relevance: Mapping[Id, int]) -> float:
    """Discounted cumulative gain (2^relevance - 1, divided by log2 of the place) of the first k, as a share of the best
    there could be."""
    best = _gain(sorted(relevance.values(), reverse=True)[:k])
    return _gain(relevance.get(one, 0) for one in found[:k]) / best if best else 0.0


def unique(found: Iterable[Id]) -> list[Id]:
    """The same order with the first of each: several chunks of an entry are one entry."""
    return list(dict.fromkeys(found))


def _gain(grades: Iterable[int]) -> float:
    return math.fsum((2.0**grade - 1.0) / math.log2(place + 2) for place, grade in enumerate(grades))
