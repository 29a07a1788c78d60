"""Adding up scores: the best chunks, and more of them."""

import numpy as np

from workers.knowledge.search.fulltext import Matches, _blocks
from workers.knowledge.search.inverted import Index


def test_of_chunks_with_equal_scores_each_is_looked_up_once():
    scores = np.random.default_rng(1).integers(0, 4, 5000).astype(np.float32)
    matches = Matches(Index({0: 0}, 5000, []), scores, 1.0)
    looked_up = [int(number) for block in _blocks(matches, 120) for number in block]
    assert sorted(looked_up) == np.flatnonzero(scores).tolist()
    assert looked_up == sorted(looked_up, key=lambda number: (-scores[number], number))
    assert matches.best(7).tolist() == looked_up[:7]
