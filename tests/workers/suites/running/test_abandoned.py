"""Runs whose job has ended before them are ended, and go on where somebody has the job tried again."""

import pytest

from tests.workers.suites.running.conftest import Bench
from workers.suites.running import abandoned


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [("cancelled", "cancelled", "The run's job was cancelled."), ("failed", "errored", "It broke.")],
)
def test_a_run_without_a_job_that_goes_on_is_ended(bench: Bench, status: str, verdict: str, reason: str) -> None:
    job, live = bench.submit(bench.case("a")), bench.submit(bench.case("b"))
    sql = 'UPDATE jobs SET status = :status, error = \'{"message": "It broke."}\' WHERE id = :id'
    bench.core.sql(sql, id=job, status=status)
    bench.core.sql("DELETE FROM outbox WHERE job_id = :id", id=job)
    abandoned.sweep()
    run = bench.row(job)
    assert (run.verdict, run.reason, bench.row(live).verdict) == (verdict, reason, None)
    assert run.finished_at is not None and run.counts["passed"] == 0
    bench.core.sql("DELETE FROM outbox")
    bench.give_back(job)
    result = bench.finish(bench.claim())
    assert (result["verdict"], result["passed"]) == ("passed", 1)
    assert abandoned.sweep() == 0


def test_a_run_whose_job_is_gone_is_errored(bench: Bench) -> None:
    job = bench.submit(bench.case("a"))
    bench.core.sql("DELETE FROM jobs WHERE id = :id", id=job)
    assert abandoned.sweep() >= 1
    assert bench.row(job).verdict == "errored"
