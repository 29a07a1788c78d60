"""Verdicts: of executions, rows, cases and runs, and that chance is told from faults."""

import random
from collections import Counter

import pytest

from models import Verdict
from workers.suites.running.verdicts import Came, Row, Tally, decisive, of_run, worst

P, F, E = (Came(one) for one in (Verdict.PASSED, Verdict.FAILED, Verdict.ERRORED))
U = Came(Verdict.ERRORED, passing=True)


def of(*came: Came) -> Verdict:
    """Of a row that came out so."""
    row = Row()
    for one in came:
        row.add(one)
    return row.verdict()


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        ((P, P), "passed"),
        ((F, F), "failed"),
        ((P, F), "flaky"),
        ((E, E), "errored"),
        ((U, U), "errored"),
        ((P, U), "flaky"),
        ((P, E), "errored"),
        ((F, E), "failed"),
        ((F, U), "failed"),
        ((P, F, E), "flaky"),
        ((), "skipped"),
    ],
)
def test_a_row_is_flaky_only_where_the_same_thing_came_out_both_ways(came, verdict):
    assert of(*came) == verdict


def test_a_case_that_fails_with_some_of_its_rows_each_time_is_failed():
    tally = Tally()
    for row, came in ((0, P), (1, F), (0, P), (1, F)):
        tally.add(row, came)
    assert tally.verdict() == Verdict.FAILED
    for row in (0, 1):
        tally.close(row)
    assert (tally.verdict(), tally.open) == (Verdict.FAILED, {})
    assert tally.counts == Counter(passed=2, failed=2)


def test_the_worst_decides_and_what_does_not_count_is_not_there():
    assert worst(["passed", "flaky", "errored"]) == Verdict.ERRORED
    assert worst(["flaky", "failed", "errored"]) == Verdict.FAILED
    assert worst([]) == Verdict.SKIPPED
    assert of_run(Counter(passed=3, flaky=1)) == Verdict.FLAKY
    assert of_run(Counter(passed=3, skipped=1)) == Verdict.PASSED
    assert of_run(Counter(failed=0)) == Verdict.PASSED
    assert of_run(Counter(cancelled=1, passed=1)) == Verdict.CANCELLED


@pytest.mark.parametrize(
    ("steps", "decides"),
    [
        ([("a", "steps", "passed")], None),
        ([("a", "steps", "failed"), ("b", "steps", "errored")], "b"),
        ([("a", "steps", "failed"), ("z", "teardown", "errored")], "a"),
        ([("a", "steps", "passed"), ("z", "teardown", "failed")], "z"),
        ([("a", "setup", "failed"), ("b", "steps", "skipped")], "a"),
    ],
)
def test_a_teardown_decides_only_where_everything_before_it_passed(steps, decides):
    found = decisive([{"id": one, "phase": phase, "verdict": verdict} for one, phase, verdict in steps])
    assert (found and found["id"]) == decides


def simulated(share: float, seed: int) -> Verdict:
    """A row that fails with that share, thirty times."""
    chance = random.Random(seed)
    return of(*(F if chance.random() < share else P for _ in range(30)))


def test_what_fails_one_time_in_ten_is_called_flaky_at_thirty_times():
    called = Counter(simulated(0.1, seed) for seed in range(1000))
    assert called[Verdict.FLAKY] >= 950 and not called[Verdict.FAILED]


def test_what_always_fails_is_never_called_flaky():
    assert {simulated(1.0, seed) for seed in range(1000)} == {Verdict.FAILED}
