"""Cancel and retry in the job core, against what may happen at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from infra import db
from infra.errors import Conflict, JobFinal, JobNotFinal, NotStored, QueueFull
from models import JobStatus
from tests.workers.jobs.conftest import Core
from workers.jobs import bounds, control, lifecycle
from workers.jobs.control import TRIES, cancel, retry

BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def wait_for_somebody_blocked(core: Core) -> None:
    """Until a statement waits for another's lock."""
    deadline = time.monotonic() + 10
    while not core.sql(BLOCKED)[0].count:
        assert time.monotonic() < deadline, "nobody waits for a lock"


def test_a_cancel_that_meets_a_claim_half_done_waits_for_it_and_then_stops_the_job(core: Core) -> None:
    """Each locking first what the other locks last, both would wait until the database ends one of them."""
    project = core.project()
    (job_id,) = core.submit(project)
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as claiming:
            claiming.execute(text("SELECT FROM outbox WHERE job_id = :id FOR UPDATE"), {"id": job_id})
            cancelling = pool.submit(core.do, cancel, project, job_id)
            wait_for_somebody_blocked(core)
            claimed = lifecycle.claim(claiming, queues=["completions"], limit=1, worker="a-worker", lease_seconds=30)
        job = cancelling.result(10)
    assert job.status == "running" and job.cancel_requested_at is not None
    core.end(claimed)
    assert core.sql("SELECT status FROM jobs")[0].status == "cancelled"


def test_a_cancel_that_came_first_leaves_nothing_to_claim(core: Core) -> None:
    project = core.project()
    (job_id,) = core.submit(project)
    with db.transaction() as cancelling:
        assert cancel(cancelling, project, job_id).status == "cancelled"
        assert core.claim(5) == []
    assert core.claim(5) == [] and core.sql("SELECT * FROM outbox") == []
    with pytest.raises(JobFinal):
        core.do(cancel, project, job_id)


def test_a_job_that_changes_hands_between_two_looks_is_looked_at_again(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = core.project()
    (job_id,) = core.submit(project)
    ask, asked = lifecycle.request_cancel, []

    def too_late(session: object, job: object) -> bool:
        """The worker gives the job back just before it is asked to stop, the first time."""
        asked.append(job)
        if len(asked) == 1:
            core.end(claimed, JobStatus.QUEUED)
        return ask(session, job)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(lifecycle, "request_cancel", too_late)
    claimed = core.claim(1)
    assert core.do(cancel, project, job_id).status == "cancelled" and len(asked) == 1


def test_a_cancel_gives_up_on_a_job_that_always_changes_hands(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    project = core.project()
    (job_id,) = core.submit(project)
    tries = []
    monkeypatch.setattr(control, "_cancel_waiting", lambda *_: tries.append(1))
    with pytest.raises(Conflict, match="ask again"):
        core.do(cancel, project, job_id)
    assert len(tries) == TRIES


def test_a_cancelled_jobs_place_under_its_key_goes_to_the_next(core: Core) -> None:
    project = core.project()
    first, second = core.submit(project, 2, concurrency_key="k")
    core.do(cancel, project, first)
    assert [one.job_id for one in core.claim(5)] == [second]


def test_a_retry_needs_an_end_an_input_and_room(core: Core) -> None:
    project = core.project(max_queued=1)
    (private,) = core.submit(project, store="none")
    core.do(cancel, project, private)
    with pytest.raises(NotStored):
        core.do(retry, project, private)
    bounds._counts._made = None
    (job_id,) = core.submit(project)
    with pytest.raises(JobNotFinal):
        core.do(retry, project, job_id)
    core.do(cancel, project, job_id)
    bounds._counts._made = None
    core.submit(project)
    with pytest.raises(QueueFull):
        core.do(retry, project, job_id)
    core.end(core.claim(1))
    bounds._counts._made = None
    again = core.do(retry, project, job_id)
    assert again.status == "queued" and again.finished_at is None and again.cancel_requested_at is None
