"""Whatever parents say, every observation is in the tree once."""

import random
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from workers.traces.base import Stored
from workers.traces.trees import Position, tree

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def observation(id: int, parent: int | None = None, at: float | None = None, digest: int = 0) -> Stored:
    nothing = dict.fromkeys(("status_message", "service", "operation", "provider", "model", "session_id", "user_id",
                             "release", "environment", "input_tokens", "output_tokens", "cached_tokens",
                             "cache_write_tokens", "reasoning_tokens", "cost"))  # fmt: skip
    started_at = BEGAN + timedelta(seconds=id if at is None else at)
    return Stored(trace_id=UUID(int=1), span_id=id, digest=digest, parent_id=parent, started_at=started_at,
                  duration_us=1, received_at=BEGAN, kind="span", span_kind=1, status="ok", name=str(id),
                  mapping_version=1, **nothing)  # type: ignore[arg-type]  # fmt: skip


def shown(*observations: Stored) -> list[tuple[int, int, str]]:
    mixed = random.Random(1).sample(observations, len(observations))
    return [(node.observation.span_id, node.depth, node.position.value) for node in tree(mixed)]


def test_children_come_right_behind_their_parent_in_the_order_of_their_beginning() -> None:
    found = shown(observation(1), observation(2, 1), observation(3, 2), observation(4, 1, at=1.5))
    assert found == [(1, 0, "root"), (4, 1, "child"), (2, 1, "child"), (3, 2, "child")]
    assert [node.children for node in tree([observation(1), observation(2, 1)])] == [1, 0]


def test_several_roots_and_orphans_stand_side_by_side() -> None:
    found = shown(observation(1), observation(2, 99), observation(3, 2), observation(4))
    assert found == [(1, 0, "root"), (2, 0, "orphan"), (3, 1, "child"), (4, 0, "root")]


def test_a_parent_that_comes_late_takes_its_children_in() -> None:
    found = shown(observation(2, 99), observation(99, None, at=0))
    assert found == [(99, 0, "root"), (2, 1, "child")]


def test_a_circle_is_cut_at_its_first_and_what_hangs_below_it_stays_there() -> None:
    found = shown(observation(3, 4), observation(4, 5), observation(5, 3), observation(1, 5), observation(2, 2))
    assert found == [(3, 0, "circle"), (5, 1, "child"), (1, 2, "child"), (4, 2, "child"), (2, 0, "circle")]


def test_two_of_one_id_are_both_there_and_children_are_of_the_first() -> None:
    nodes = tree([observation(1, digest=7, at=5), observation(1, digest=6, at=1), observation(2, 1)])
    found = [(node.observation.digest, node.depth, node.children) for node in nodes]
    assert found == [(6, 0, 1), (0, 1, 0), (7, 0, 0)]


def test_a_chain_of_ten_thousand_is_no_deeper_than_the_stack() -> None:
    chain = [observation(id, id - 1 or None) for id in range(1, 10_001)]
    began = time.monotonic()
    nodes = tree(chain[::-1])
    assert [node.depth for node in nodes] == list(range(10_000))
    assert nodes[0].position is Position.ROOT and time.monotonic() - began < 2


def test_whatever_parents_say_each_is_there_once_and_below_its_parent() -> None:
    chance = random.Random(5)
    for _ in range(200):
        count = chance.randint(1, 30)
        some = [observation(chance.randint(1, 20), chance.choice([None, *range(1, 25)]), digest=n)
                for n in range(count)]  # fmt: skip
        nodes = tree(some)
        assert sorted(node.observation.digest for node in nodes) == list(range(count))
        way: list[Stored] = []
        for node in nodes:
            del way[node.depth :]
            assert len(way) == node.depth
            assert not way or way[-1].span_id == node.observation.parent_id
            way.append(node.observation)
