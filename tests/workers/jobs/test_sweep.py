"""The sweeps beside claims that are under way."""

from sqlalchemy import text

from infra import db
from infra.clock import now
from models import JobStatus
from tests.workers.jobs.conftest import Core
from workers.jobs import lifecycle
from workers.jobs.sweep import expire_overdue


def statuses(core: Core) -> list[str]:
    return [row.status for row in core.sql("SELECT status FROM jobs ORDER BY id")]


def test_jobs_past_their_deadline_expire_wherever_they_wait(core: Core) -> None:
    project = core.project()
    core.submit(project, 2, deadline_s=60)
    core.submit(project, 2, deadline_s=60, run_at=now().replace(year=2999))
    core.submit(project, deadline_s=3600)
    core.sql("UPDATE jobs SET deadline_at = now() WHERE deadline_at < now() + interval '5 min' OR run_at IS NOT NULL")
    assert core.do(expire_overdue) == 4
    assert statuses(core) == ["expired"] * 4 + ["queued"]
    assert core.sql("SELECT count(*) FROM outbox")[0].count == 1
    assert core.do(expire_overdue) == 0


def test_a_job_that_is_just_being_claimed_is_left_alone(core: Core) -> None:
    (job_id,) = core.submit(core.project(), deadline_s=60)
    core.sql("UPDATE jobs SET deadline_at = now()")
    with db.transaction() as claiming:
        claiming.execute(text("SELECT FROM outbox WHERE job_id = :id FOR UPDATE"), {"id": job_id})
        assert core.do(expire_overdue) == 0
        claimed = lifecycle.claim(claiming, queues=["completions"], limit=1, worker="a-worker", lease_seconds=30)
    assert [one.job_id for one in claimed] == [job_id] and statuses(core) == [JobStatus.RUNNING]
