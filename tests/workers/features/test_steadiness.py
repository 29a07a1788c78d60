"""Groups that are found again."""

import numpy as np

from workers.features.steadiness import Labels, steadiness

KINDS = np.repeat([0, 1, 2], 40)


def test_what_is_there_is_found_again_and_what_is_an_accident_is_not() -> None:
    def grouping(drawn: Labels) -> Labels:
        random = np.random.default_rng(drawn)
        return np.where(KINDS[drawn] == 0, 0, 1 + random.integers(0, 4, len(drawn)))

    steady = steadiness(KINDS, grouping)
    assert steady[0] == 1
    assert (steady[1:] < 0.5).all()


def test_a_mixture_that_falls_apart_elsewhere_is_not_steady() -> None:
    mixed = np.minimum(KINDS, 1)
    steady = steadiness(mixed, lambda drawn: KINDS[drawn])
    assert steady[0] == 1 and steady[1] < 0.75


def test_things_in_no_group_count_neither_way() -> None:
    labels = np.where(np.arange(120) % 3 == 0, -1, KINDS)
    assert (steadiness(labels, lambda drawn: KINDS[drawn]) == 1).all()


def test_where_nothing_is_found_nothing_is_steady() -> None:
    assert steadiness(KINDS, lambda drawn: None).tolist() == [0, 0, 0]
    assert steadiness(KINDS, lambda drawn: np.full(len(drawn), -1)).tolist() == [0, 0, 0]
    assert len(steadiness(np.full(5, -1), lambda drawn: None)) == 0
