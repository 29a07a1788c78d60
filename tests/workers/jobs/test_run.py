"""A worker's event loop and the jobs on it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from infra import db
from models import JobStatus
from tests.workers.jobs.conftest import Core
from workers.jobs.context import RunningJob, Stop
from workers.jobs.lifecycle import Move
from workers.jobs.run import Runner
from workers.kinds import BY_NAME


@pytest.mark.parametrize(
    ("reason", "target"), [(Stop.CANCELLED, JobStatus.CANCELLED), (Stop.SHUTDOWN, JobStatus.QUEUED)]
)
def test_a_job_that_is_stopped_before_its_first_step_ends_all_the_same(
    core: Core, monkeypatch: pytest.MonkeyPatch, reason: Stop, target: JobStatus
) -> None:
    """asyncio never begins a task that is cancelled before its first step, and a busy loop makes that likely."""
    core.submit(core.project())
    claimed = core.claim(1)
    runner = Runner(["completions"], 5)
    posted: list[Move] = []
    monkeypatch.setattr(runner._committer, "post", lambda move, *_, **__: posted.append(move))

    async def begin_and_stop() -> None:
        runner._begin(claimed)
        runner._interrupt({claimed[0].job_id}, reason)
        await asyncio.wait([job.task for job in runner._running.values() if job.task is not None])

    runner._loop.run_until_complete(begin_and_stop())
    runner._loop.close()
    assert [move.target for move in posted] == [target] and runner._running == {}


def test_a_job_that_the_database_fails_is_tried_again(core: Core) -> None:
    async def run(*_: Any) -> Any:
        with db.transaction() as session:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    kind = replace(BY_NAME["completion"], run=run)
    core.submit(core.project())
    runner = Runner(["completions"], 5)
    job = RunningJob.of(core.claim(1)[0], runner._committer)
    move = runner._loop.run_until_complete(runner._attempt(kind, job))
    runner._loop.close()
    assert move is not None and move.error is not None
    assert (move.target, move.error["code"]) == (JobStatus.QUEUED, "unavailable")
