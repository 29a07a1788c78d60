"""How often a case is flaky, by its last runs; and that broken is not flaky."""

import random
from math import gamma
from typing import Any

import pytest

from models import Verdict
from tests.workers.suites.running.conftest import Bench, by_path, get
from workers.suites import case_review, cases
from workers.suites.running.flakes import above, just_now, score

P, F, Y = Verdict.PASSED, Verdict.FAILED, Verdict.FLAKY


@pytest.mark.parametrize(("flaky", "runs"), [(0, 0), (0, 10), (1, 10), (2, 10), (0, 50), (5, 50), (50, 50)])
def test_the_probability_is_that_of_the_beta_distribution(flaky, runs):
    steps = 20_000
    middles = [0.05 + 0.95 * (step + 0.5) / steps for step in range(steps)]
    density = sum(share**flaky * (1 - share) ** (runs - flaky) for share in middles) * 0.95 / steps
    whole = gamma(runs + 2) / gamma(flaky + 1) / gamma(runs - flaky + 1)
    assert above(0.05, flaky, runs) == pytest.approx(density * whole, abs=1e-5)


def test_a_case_that_breaks_and_is_repaired_was_never_flaky():
    for seed in range(1000):
        chance = random.Random(seed)
        history = [one for one in (P, F) * 4 for _ in range(chance.randint(2, 12))]
        assert score(history).flaky == 0
    assert score([F] * 50).flaky == 0


def test_a_failing_run_alone_is_no_flake_and_one_of_both_kinds_is():
    assert score([P, F, P, P, F, P]).flaky == 0  # somebody broke it, and repaired it
    assert score([P, Y, "errored", Y, "skipped"]).flaky == 2


def test_ten_runs_are_the_fewest_that_say_anything():
    assert not score([Y] * 9).is_flaky
    assert score([Y] * 10).is_flaky
    assert not score([Y] + [P] * 9).is_flaky
    assert score([Y, Y] + [P] * 8).is_flaky


def test_what_was_flaky_long_ago_does_not_count_again_by_itself():
    assert just_now([Y, P]) and just_now(["errored", Y])
    assert not just_now([P, P, Y]) and not just_now([P, F, P]) and not just_now([])


def test_a_flaky_case_is_quarantined_does_not_count_and_is_released_when_it_is_clean(bench: Bench) -> None:
    case = bench.case("flips", get("/flip"))

    def state() -> Any:
        return bench.core.sql("SELECT quarantined_at, quarantine FROM test_cases WHERE id = :id", id=case)[0]

    bench.past(case, P, P, P, P, P, P, P, Y, P)
    flips = by_path(flip=[500, 200])
    assert bench.run(case, talk=flips, times=2)["quarantined"] == 0
    assert "flaky in 2 of its last 10 runs" in state().quarantine["reason"]
    result = bench.run(case, talk=by_path(flip=500))
    assert (result["verdict"], result["failed"], result["quarantined"], result["new_failures"]) == ("passed", 0, 1, 0)
    bench.past(case, *([P] * 19))
    assert state().quarantined_at is not None
    bench.run(case)
    assert state().quarantined_at is None
    sql = "SELECT type FROM job_events WHERE job_id = :id ORDER BY sequence"
    assert [row.type for row in bench.core.sql(sql, id=case)] == ["test_case.quarantined", "test_case.released"]


def test_who_was_quarantined_by_a_person_is_released_by_one(bench: Bench) -> None:
    case = bench.case("flips", get("/flip"))
    locked = bench.do(lambda session, project: case_review.quarantine(
        session, cases.get_case(session, project, case, lock=True), "It is being rebuilt."
    ))  # fmt: skip
    bench.past(case, *([P] * 30))
    assert bench.run(case)["quarantined"] == 1
    assert bench.do(lambda session, project: cases.get_case(session, project, case)).quarantined_at is not None
    assert locked.quarantine["run_id"] is None
