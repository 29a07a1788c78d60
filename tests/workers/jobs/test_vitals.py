"""What an operator must know of all projects' jobs, each made real."""

from infra.ids import new_id
from models import JobStatus
from tests.workers.jobs.conftest import Core
from workers.jobs import vitals

QUEUES = ("completions", "images")


def test_a_queues_depth_counts_all_and_its_age_what_could_run(core: Core) -> None:
    project = core.project()
    core.submit(project, 3, concurrency_key="k")
    core.sql("UPDATE outbox SET created_at = now() - interval '90 seconds' WHERE ready")
    found = core.do(vitals.depths, QUEUES)
    assert (found["completions"].queued, found["completions"].more) == (3, False)
    assert 90 <= found["completions"].oldest_seconds < 100
    assert (found["images"].queued, found["images"].oldest_seconds) == (0, None)
    assert core.do(vitals.waiting) == 3


def test_an_expired_lease_that_nobody_noticed_is_counted(core: Core) -> None:
    core.submit(core.project(), 2)
    core.claim(2)
    assert core.do(vitals.expired_leases) == (0, None)
    core.sql("UPDATE jobs SET lease_expires_at = now() - interval '60 seconds'")
    jobs, seconds = core.do(vitals.expired_leases)
    assert jobs == 2 and 60 <= seconds < 70


def test_projects_that_use_all_that_they_may_are_named(core: Core) -> None:
    running, queued, free = core.project(max_running=1), core.project(max_queued=2), core.project(max_running=5)
    for project in (running, queued, free):
        core.submit(project, 2)
    core.claim(1)
    core.sql("UPDATE jobs SET project_id = :id WHERE status = 'running'", id=running)
    core.sql("INSERT INTO projects (id, name, created_at) VALUES (:id, 'idle', now())", id=new_id())
    found = {one.project_id: one for one in core.do(vitals.at_limits, QUEUES)}
    assert running in found and free not in found
    assert (found[running].running, found[running].max_running) == (1, 1)


def test_a_full_queue_is_named_too(core: Core) -> None:
    project = core.project(max_queued=2)
    core.submit(project, 2)
    found = core.do(vitals.at_limits, QUEUES)
    assert [(one.project_id, one.queued, one.max_queued) for one in found] == [(project, 2, 2)]


def test_dead_letters_are_counted_by_their_error(core: Core) -> None:
    core.submit(core.project(), 3)
    core.end(core.claim(3), JobStatus.FAILED, error={"code": "provider_timeout"}, dead_letter=True)
    assert core.do(vitals.dead_letters) == {"provider_timeout": 3}


def test_schedules_that_failed_or_are_late_are_named(core: Core) -> None:
    row = """INSERT INTO schedules (id, created_at, project_id, name, cron, timezone, catch_up, kind, payload, options,
      next_run_at, last_error) VALUES (:id, now(), :project, :name, '* * * * *', 'UTC', 'last', 'completion', '{}',
      '{}', now() + CAST(:next AS interval), CAST(:error AS jsonb))"""
    project = core.project()
    for name, due, error in (
        ("well", "1 minute", "null"),
        ("late", "-10 minutes", None),
        ("failed", "1 minute", '{"message": "It is full."}'),
    ):
        core.sql(row, id=new_id(), project=project, name=name, next=due, error=error)
    found = {one.name: one.error for one in core.do(vitals.failing_schedules)}
    assert found == {"late": None, "failed": "It is full."}
