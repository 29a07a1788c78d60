"""Whether groups are more than an accident of the things that happened to come.

In the manner of Hennig's cluster-wise assessment: the same grouping is made of some parts of the things, drawn at
random, and a group is steady where most of its things are together there, too, and apart from the others. What is
founded on few things, or is a mixture, falls apart in one way here and in another one there. Draws are the same for the
same number of things, so that an analysis that is repeated finds the same.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Grouping = Callable[[Labels], Labels | None]

DRAWS, SHARE = 6, 0.7
# More things tell no more about a group, and cost time.
MOST = 1_000


def steadiness(labels: Labels, grouping: Grouping) -> npt.NDArray[np.float64]:
    """For each group (its number is in `labels`, -1 is none) how much of it is found again, 0–1. `grouping` groups the
    things with these indexes."""
    count = int(labels.max(initial=-1)) + 1
    found = np.zeros(count)
    random = np.random.default_rng(len(labels))
    size = min(MOST, int(SHARE * len(labels)))
    for _ in range(DRAWS if count else 0):
        drawn = np.sort(random.permutation(len(labels))[:size])
        again = grouping(drawn)
        if again is not None:
            found += _found_again(labels[drawn], again, count)
    return found / DRAWS


def _found_again(labels: Labels, again: Labels, count: int) -> npt.NDArray[np.float64]:
    """For each group the overlap with its best match (Jaccard), among things that are in a group both times."""
    both = (labels >= 0) & (again >= 0)
    if not both.any():
        return np.zeros(count)
    meets = np.zeros((count, int(again.max()) + 1))
    np.add.at(meets, (labels[both], again[both]), 1)
    either = meets.sum(axis=1, keepdims=True) + meets.sum(axis=0, keepdims=True) - meets
    return np.asarray((meets / np.maximum(either, 1)).max(axis=1))
