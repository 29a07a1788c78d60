"""Features in what has none."""

from datetime import timedelta

import numpy as np

from tests.workers.features.seen import near, summary
from workers.features.assigning import Assigner
from workers.features.base import Summary
from workers.features.discovering import Candidate, discover, due_at
from workers.features.prototypes import condense

NOBODY = Assigner([], lambda one, other: float(one == other))
RANDOM = np.random.default_rng(3)


def asked(kind: int, at: int, **more: object) -> Summary:
    """A wish of that kind, in one of four wordings, with one of three answers of that kind."""
    said, told = kind * 20 + int(RANDOM.integers(4)), 200 + kind * 20 + int(RANDOM.integers(3))
    return summary(f"kind {kind}", vector=near(said, 0.4, seed=at), reply=near(told, 0.4, seed=at), kind=kind, **more)  # type: ignore[arg-type]


def kinds(found: list[Candidate]) -> list[set[int]]:
    return [{one.details["kind"] for one in candidate.members} for candidate in found]


def test_wishes_behind_one_prompt_are_features_by_what_is_asked_and_answered() -> None:
    found = discover([asked(at % 3, at) for at in range(402)], NOBODY)
    assert sorted(map(tuple, kinds(found))) == [(0,), (1,), (2,)]
    assert not any(one.wide for one in found)


def test_few_scattered_wishes_wait() -> None:
    assert discover([asked(at % 3, at) for at in range(90)], NOBODY) == []
    assert discover([], NOBODY) == []


def test_where_any_wish_gets_any_answer_there_is_one_feature_after_some_days() -> None:
    traces = [
        summary("any", vector=near(at % 12, 0.5, seed=at), reply=near(50 + int(RANDOM.integers(9)), 0.5, seed=at),
                at=timedelta(hours=at))
        for at in range(120)
    ]  # fmt: skip
    (found,) = discover(traces, NOBODY)
    assert found.wide and len(found.members) == 120


def test_data_for_one_task_is_one_feature_at_once() -> None:
    traces = [summary("an invoice", vector=near(at, 0.5), structured=True) for at in range(8)]
    assert [(one.wide, len(one.members)) for one in discover(traces, NOBODY)] == [(True, 8)]


def test_tools_that_nobody_else_uses_tell_features_apart() -> None:
    traces = [summary("any", vector=near(at), tools=(f"tool {'ab'[at % 2]}",)) for at in range(12)]
    found = discover(traces, NOBODY)
    assert [{one.details["tools"][0] for one in each.members} for each in found] == [{"tool a"}, {"tool b"}]


def test_an_edited_prompt_is_no_feature_of_its_own_and_another_one_is() -> None:
    same = [
        summary("any", vector=near(at // 2 % 6, 0.1, seed=at), prompt="ab"[at % 2], structured=True) for at in range(24)
    ]
    assert len(discover(same, NOBODY)) == 1
    other = [
        summary("any", vector=near(at % 2, 0.1, seed=at), prompt="ab"[at % 2], structured=True) for at in range(24)
    ]
    assert len(discover(other, NOBODY)) == 2


def test_noise_makes_no_feature() -> None:
    assert discover([summary(entry="GET /health", noise=True) for _ in range(50)], NOBODY) == []


def test_what_waits_at_a_known_place_is_looked_at_sooner() -> None:
    known = Assigner(condense(asked(2, 0).trace_id, [asked(2, at) for at in range(50)]).prototypes, lambda a, b: 1.0)
    found = discover([asked(at % 2, at) for at in range(110)], known)
    assert sorted(map(tuple, kinds(found))) == [(0,), (1,)]


def test_what_nothing_tells_apart_beside_known_features_is_one_by_what_is_most_alike_in_it() -> None:
    known = Assigner(condense(asked(2, 0).trace_id, [asked(2, at) for at in range(50)]).prototypes, lambda a, b: 1.0)
    common = [vague("advice", 7, at) for at in range(700)]
    scattered = [vague("other", 20 + at, at) for at in range(150)]
    assert discover(common[:300], known) == []
    (found,) = discover([*common, *scattered], known)
    assert not found.wide and len(found.members) == 425
    assert {one.details["kind"] for one in found.members} == {"advice"}


def vague(kind: str, about: int, at: int) -> Summary:
    """A wish, and an answer, that have little in common with others but what they are about."""
    return summary(kind, vector=near(about, 2.0, seed=at), reply=near(about + 180, 2.0, seed=at), kind=kind)


def test_a_look_is_worth_while_once_enough_has_come() -> None:
    assert (due_at(0), due_at(100), due_at(3_000)) == (5, 10, 300)
