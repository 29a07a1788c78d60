"""Why a job is not done yet: each reason, made real."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from infra import db, redis
from infra.clock import now, rfc3339
from infra.errors import ProviderUnavailable
from models import Job, JobStatus
from schemas.stats import Reason
from tests.workers.jobs.conftest import Core
from workers.jobs import lifecycle, presence, waiting
from workers.jobs.waiting import Waiting
from workers.providers import pace

FAILED = ProviderUnavailable("down").as_json()


def why(project: UUID, *jobs: UUID) -> list[Waiting]:
    with db.transaction() as session:
        rows = list(session.scalars(Job.in_project(project).where(Job.id.in_(jobs))))
        found = waiting.explain(session, rows)
    return [found[job] for job in jobs]


@pytest.fixture
def statements(core: Core) -> Iterator[list[str]]:
    """What the database is asked."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    yield asked
    event.remove(db.engine(), "before_cursor_execute", note)


def test_a_job_for_later_says_when(core: Core) -> None:
    project, run_at = core.project(), now() + timedelta(hours=1)
    found = why(project, *core.submit(project, run_at=run_at))
    assert found[0].reason == f"schedule until {rfc3339(run_at)}"


def test_a_queue_without_a_worker_says_so_and_since_when(core: Core) -> None:
    project = core.project()
    jobs = core.submit(project)
    assert why(project, *jobs)[0].reason == Reason.NO_WORKER
    core.listens(ago=30)
    found = why(project, *jobs)[0]
    assert found.reason == "no_worker_on_queue" and "30 s" in found.detail


def test_with_redis_away_nobody_claims_to_know_the_workers(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(queues: Any) -> Any:
        raise redis.RedisError("away")

    monkeypatch.setattr(presence, "ask", away)
    project = core.project()
    found = why(project, *core.submit(project))[0]
    assert found.reason == "workers_unknown" and "Redis does not answer" in found.detail


def test_a_job_behind_others_says_how_many_go_first(core: Core) -> None:
    core.listens()
    project = core.project()
    jobs = core.submit(project, 3)
    core.submit(project, 2, priority=9)
    core.submit(project, 3, priority=1)
    core.submit(core.project(), 5, priority=9)
    first, last = why(project, jobs[0], jobs[2])
    assert first.reason == last.reason == Reason.WORKERS_BUSY
    assert "2 jobs of the project wait before it" in first.detail and "4 jobs" in last.detail


def test_a_project_at_its_limit_says_which(core: Core) -> None:
    core.listens()
    project = core.project(max_running=2)
    core.submit(project, 2)
    assert len(core.claim(10)) == 2
    found = why(project, *core.submit(project))[0]
    assert found.reason == Reason.PROJECT_CONCURRENCY and "max_running is 2" in found.detail


def test_a_job_that_waits_for_its_key_says_how_many_have_it(core: Core) -> None:
    core.listens()
    project = core.project()
    jobs = core.submit(project, 4, concurrency_key="user 7", concurrency_limit=2)
    core.claim(1)
    found = why(project, *jobs[2:])
    assert [one.reason for one in found] == [Reason.CONCURRENCY_KEY] * 2
    assert "2 jobs with the concurrency_key 'user 7'" in found[0].detail and "0 jobs with that key" in found[0].detail
    assert "1 job with that key" in found[1].detail


def test_a_job_that_failed_says_when_it_is_tried_again(core: Core) -> None:
    project = core.project()
    jobs = core.submit(project)
    core.end(core.claim(1), JobStatus.QUEUED, delay_seconds=60, error=FAILED)
    found = why(project, *jobs)[0]
    assert found.reason.startswith("retry_backoff until 20") and found.reason.endswith("Z")
    assert "Attempt 1 of 3 failed with provider_unavailable" in found.detail


def test_a_closed_lane_and_a_call_held_back_say_until_when(core: Core) -> None:
    core.listens()
    project = core.project()
    held, behind = core.submit(project, 2, model="local/busy")
    core.end(core.claim(1), JobStatus.QUEUED, delay_seconds=60)
    assert why(project, held)[0].reason.startswith("provider_rate_limit until 20")
    assert why(project, behind)[0].reason == Reason.WORKERS_BUSY

    async def refuse() -> None:
        pace.refused("local", "busy", {"retry-after": "50"})

    asyncio.run(refuse())
    found = why(project, behind)[0]
    assert found.reason.startswith("provider_rate_limit until 20") and "local/busy" in found.detail


def test_a_running_job_says_whom_it_waits_for(core: Core) -> None:
    core.listens()
    project = core.project()
    jobs = [*core.submit(project), *core.submit(project, model="local/model")]
    core.claim(2)
    assert [one.reason for one in why(project, *jobs)] == ["worker", "provider"]
    core.do(lifecycle.request_cancel, jobs[1])
    assert why(project, jobs[1])[0].reason == "cancelling"
    core.listens(ago=20)
    assert why(project, jobs[0])[0].reason.startswith("lost_worker until 20")


def test_a_page_costs_one_statement_and_a_page_of_final_jobs_none(core: Core, statements: list[str]) -> None:
    core.listens()
    project = core.project(max_running=30)
    core.submit(project, 20)
    core.end(core.claim(20))
    core.submit(project, 10)
    core.claim(5)
    core.submit(project, 5, concurrency_key="k")
    with db.transaction() as session:
        jobs = list(session.scalars(Job.in_project(project)))
        final = [job for job in jobs if job.status == JobStatus.SUCCEEDED]
        statements.clear()
        assert waiting.explain(session, final) == {} and statements == []
        assert len(waiting.explain(session, jobs)) == 15 and len(statements) == 1
