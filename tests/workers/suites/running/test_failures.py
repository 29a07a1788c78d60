"""Fingerprints: one for one fault, whatever changes around it; and their memory."""

from uuid import UUID, uuid4

import pytest

from tests.workers.suites.running.conftest import Bench, by_path, get, run_of
from workers.suites.running.failures import MOST_VALUES, fingerprint, normalised, values_of

CASE = uuid4()


def step(message="The status is 500, not 200.", *, error=None, **more):
    assertion = {"type": "status", "verdict": "failed", "message": message, "expected": 200, "actual": 500, **more}
    verdict = "failed" if error is None else "errored"
    shown = {"id": "create", "phase": "steps", "verdict": verdict, "reason": message}
    return {**shown, "assertions": [] if error else [assertion], "error": error and {"code": error}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Expected \"ada\" at $.name, got \"bob 2\".", "Expected \"eve\" at $.name, got \"joe 17\"."),
        ("It took 812.5 ms, more than 500.", "It took 1,203 ms, more than 500."),
        ("01980a4e-1f7a-7c3e-9d3b-5f6a7c8d9e0f is not there", "11980a4e-1f7a-7c3e-9d3b-5f6a7c8d9e0e is not there"),
        ("at 2026-01-31T12:00:00.5Z it was open", "at 2027-02-01 10:11:12+01:00 it was open"),
        ("job_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f ended", "job_11980a4e1f7a7c3e9d3b5f6a7c8d9e0a ended"),
        ("'it''s one", "'it''s one"),
        ("$.items is [{\"id\":7,\"at\":\"202…: it has more.", "$.items is [{\"name\":\"ada\"}]: it has more."),
    ],
)  # fmt: skip
def test_what_changes_from_run_to_run_is_not_in_it(one, other):
    assert normalised(one) == normalised(other)
    assert fingerprint(CASE, step(one)) == fingerprint(CASE, step(other))


def test_values_that_were_put_in_are_not_in_it():
    first = fingerprint(CASE, step("Nothing was found for ada@shop."), ["ada@shop"])
    assert first == fingerprint(CASE, step("Nothing was found for joe@mill."), ["joe@mill"])
    assert first != fingerprint(CASE, step("Something was found for joe@mill."), ["joe@mill"])


def test_another_fault_has_another():
    seen = {
        fingerprint(CASE, step()),
        fingerprint(uuid4(), step()),
        fingerprint(CASE, step(actual=404)),
        fingerprint(CASE, step(type="header", name="ETag")),
        fingerprint(CASE, step(type="body", path="$.id")),
        fingerprint(CASE, step(type="body", path="$.name")),
        fingerprint(CASE, step(error="target_timeout")),
        fingerprint(CASE, step(error="target_unreachable")),
        fingerprint(CASE, {**step(), "id": "read"}),
        fingerprint(CASE, {**step(), "phase": "teardown"}),
    }
    assert len(seen) == 10


def test_a_failure_is_remembered_and_new_only_after_a_green_run(bench: Bench) -> None:
    case = bench.case("flips", get("/flip/{{row.n}}"), data=[{"n": 1}, {"n": 2}, {"n": 3}])

    def run(status: int) -> int:
        result = bench.run(case, talk=by_path(flip=status))
        found: int = result["new_failures"]
        seen.append(run_of(result))
        return found

    seen: list[UUID] = []
    assert [run(500), run(500)] == [1, 0]
    sql = "SELECT * FROM test_failures WHERE case_id = :id ORDER BY id"
    (known,) = bench.core.sql(sql, id=case)
    assert (known.occurrences, known.step, known.resolved_at) == (6, "step_1", None)
    assert (known.first_run_id, known.last_run_id) == (seen[0], seen[1])
    assert run(200) == 0
    assert bench.core.sql(sql, id=case)[0].resolved_at is not None
    assert [run(500), run(500)] == [1, 0]
    (known,) = bench.core.sql(sql, id=case)
    assert (known.occurrences, known.resolved_at, known.first_run_id) == (12, None, seen[0])
    assert run(404) == 1
    green = bench.row(seen[-1]).green_run_id
    assert green == seen[2] and bench.row(seen[0]).green_run_id is None


def test_the_values_of_an_execution_are_its_plain_ones_and_not_all_of_very_many() -> None:
    assert sorted(map(str, values_of({"a": 1, "b": ["x", {"c": 2.5}], "d": True}, None, {"e": "f"}))) == [
        "1", "2.5", "f", "x"
    ]  # fmt: skip
    assert values_of({"many": [[[]] * 1000] * 1000}) == []
    assert len(values_of({"many": ["text"] * 100_000})) == MOST_VALUES
