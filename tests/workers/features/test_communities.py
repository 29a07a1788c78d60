"""Groups that meet."""

import numpy as np

from workers.features.communities import together

RANDOM = np.random.default_rng(1)


def test_wishes_that_get_the_same_answers_are_one_in_whatever_words() -> None:
    feature = np.repeat([0, 1, 2], 60)
    wishes = feature * 4 + RANDOM.integers(0, 4, 180)
    answers = feature * 3 + RANDOM.integers(0, 3, 180)
    labels = together([wishes, answers])
    assert labels is not None
    assert [len({*labels[feature == one].tolist()}) for one in range(3)] == [1, 1, 1]
    assert len({*labels.tolist()}) == 3


def test_what_is_said_everywhere_joins_nothing() -> None:
    feature = np.repeat([0, 1, 2], 80)
    wishes = np.where(RANDOM.random(240) < 0.15, 12, feature * 4 + RANDOM.integers(0, 4, 240))
    answers = np.where(RANDOM.random(240) < 0.15, 9, feature * 3 + RANDOM.integers(0, 3, 240))
    labels = together([wishes, answers])
    assert labels is not None
    sure = labels >= 0
    assert len({*labels[sure].tolist()}) == 3
    assert sure.mean() > 0.8


def test_where_any_wish_gets_any_answer_all_is_one() -> None:
    assert together([RANDOM.integers(0, 8, 300), RANDOM.integers(0, 6, 300)]) is None


def test_nothing_and_no_groups_are_one() -> None:
    assert together([np.full(5, -1), np.full(5, -1)]) is None
    assert together([np.zeros(0, np.int64), np.zeros(0, np.int64)]) is None
