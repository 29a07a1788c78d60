"""What is due runs once, whoever looks and however often; after an outage as the policy says."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from infra import db
from infra.dev.system import System
from infra.ids import parse
from tests.client import Client
from tests.clock import hurried
from tests.conftest import another_project
from tests.workers.jobs.conftest import Core
from tests.workers.jobs.schedules.conftest import Planner, ago, in_future, key, moment, until
from workers.jobs.schedules import due, manage

TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture(scope="module", autouse=True)
def hurry(system: System) -> Iterator[None]:
    """Nothing here is about how soon after its time a schedule runs."""
    with hurried(system, "sweeps.schedules"):
        yield


@pytest.fixture(scope="module")
def small(system: System) -> Iterator[Planner]:
    """In a project of its own."""
    with Client(system.url, another_project(system)) as client:
        planner = Planner(client, system.database_url)
        yield planner
        planner.close()


def test_a_schedule_submits_its_jobs_at_its_times_and_they_run(planner: Planner) -> None:
    schedule = planner.make("* * * * * *", priority=7, metadata={"report": "daily"}, max_cost="0.5")
    jobs = until(lambda: len(found := planner.jobs(schedule)) >= 2 and found)
    times = [moment(job["run_at"]) for job in jobs]
    assert len(set(times)) == len(times) and not any(time.microsecond for time in times)
    final = planner.client.wait(jobs[0]["id"])
    assert final["status"] == "succeeded" and final["schedule_id"] == schedule["id"]
    assert final["priority"] == 7 and final["metadata"] == {"report": "daily"} and final["max_cost"] == "0.5"
    now = planner.get(schedule)
    assert moment(now["last_run_at"]) >= times[1] and now["last_job_id"].startswith("job_") and not now["last_error"]


def test_all_catches_up_on_every_missed_time_in_order(planner: Planner) -> None:
    schedule = planner.make("*/10 * * * *", catch_up="all")
    begin = ago(hours=4).replace(second=0, microsecond=0)
    begin -= timedelta(minutes=begin.minute % 10)
    planner.move(schedule, begin)
    now = until(lambda: in_future(found := planner.get(schedule)) and found)
    missed = (moment(now["next_run_at"]) - begin) // TEN_MINUTES
    assert missed in (24, 25)
    assert [moment(job["run_at"]) for job in planner.jobs(schedule)] == [begin + n * TEN_MINUTES for n in range(missed)]
    assert moment(now["last_run_at"]) == begin + (missed - 1) * TEN_MINUTES


def test_last_runs_the_newest_missed_time_alone(planner: Planner) -> None:
    schedule = planner.make("*/10 * * * *")
    planner.move(schedule, ago(days=40))
    now = until(lambda: in_future(found := planner.get(schedule)) and found)
    (job,) = planner.jobs(schedule)
    assert moment(job["run_at"]) == moment(now["last_run_at"]) == moment(now["next_run_at"]) - TEN_MINUTES


def test_none_skips_what_is_more_than_a_minute_old_and_runs_what_is_not(planner: Planner) -> None:
    far = (datetime.now(UTC) + timedelta(minutes=30)).minute
    stale, fresh = (planner.make(f"{far} * * * *", catch_up="none") for _ in range(2))
    soon = moment(stale["next_run_at"])
    late = ago(seconds=20)
    planner.move(stale, soon - timedelta(hours=5))
    planner.move(fresh, late)
    until(lambda: in_future(planner.get(stale)) and in_future(planner.get(fresh)))
    assert moment(planner.get(stale)["next_run_at"]) == moment(planner.get(fresh)["next_run_at"]) == soon
    assert planner.jobs(stale) == []
    assert [moment(job["run_at"]) for job in planner.jobs(fresh)] == [late]


def test_a_time_that_has_its_job_already_gets_no_other_and_stops_nobody(planner: Planner) -> None:
    schedule, other = planner.make(), planner.make()
    begin = ago(seconds=30)
    for _ in range(2):
        planner.move(schedule, begin)
        until(lambda: in_future(planner.get(schedule)))
    planner.move(other, begin)
    until(lambda: planner.jobs(other))
    assert len(planner.jobs(schedule)) == 1


def test_a_refused_job_is_told_and_the_next_time_is_tried_while_others_go_on(planner: Planner) -> None:
    spoilt, broken, good = planner.make(), planner.make(), planner.make()
    planner.sql("""UPDATE schedules SET payload = '{"model": 7}' WHERE id = %s""", key(spoilt))
    planner.sql("UPDATE schedules SET timezone = 'Mars/Olympus' WHERE id = %s", key(broken))
    begin = ago(seconds=30)
    for schedule in (spoilt, broken, good):
        planner.move(schedule, begin)
    until(lambda: planner.jobs(good))
    told = until(lambda: planner.get(spoilt)["last_error"])
    assert told["code"] == "invalid_input" and moment(told["run_at"]) == begin and planner.jobs(spoilt) == []
    assert planner.get(spoilt)["next_run_at"] == spoilt["next_run_at"]
    planner.client.http.patch(f"/v1/schedules/{spoilt['id']}", json={"input": spoilt["input"]})
    planner.move(spoilt, ago(seconds=1))
    until(lambda: planner.jobs(spoilt))
    assert planner.get(spoilt)["last_error"] is None
    row = "SELECT last_error->>'code', next_run_at FROM schedules WHERE id = %s"
    assert until(lambda: planner.row(row, key(broken))[0]) == "invalid_input"
    assert planner.row(row, key(broken))[1] == begin
    planner.sql("UPDATE schedules SET timezone = 'UTC', retry_at = NULL WHERE id = %s", key(broken))
    until(lambda: planner.jobs(broken))


def test_a_full_queue_delays_a_run_and_loses_none(small: Planner) -> None:
    waiting = [small.client.submit(run_at="2999-01-01T00:00:00Z") for _ in range(2)]
    small.sql("UPDATE projects SET max_queued = 2 WHERE id = %s", str(parse("proj", waiting[0]["project_id"])))
    until(lambda: small.client.http.post("/v1/jobs", json=small.hello()).status_code == 429)
    schedules = [small.make(catch_up=catch_up) for catch_up in ("last", "all")]
    begin = ago(seconds=30)
    for schedule in schedules:
        small.move(schedule, begin)
    until(lambda: all(small.get(schedule)["last_error"] for schedule in schedules))
    for told in map(small.get, schedules):
        error = told["last_error"]
        assert error["code"] == "queue_full" and error["retryable"]
        assert moment(error["run_at"]) == moment(told["next_runs"][0]) == begin
    for job in waiting:
        small.client.http.post(f"/v1/jobs/{job['id']}/cancel")
    until(lambda: all(small.jobs(schedule) for schedule in schedules))
    for schedule in schedules:
        (job,) = small.jobs(schedule)
        assert moment(job["run_at"]) == begin and small.client.wait(job["id"])["status"] == "succeeded"
        assert small.get(schedule)["last_error"] is None


def core_schedules(core: Core, count: int) -> datetime:
    """So many schedules in a database of their own, due since three hours; returns since when."""
    project = core.project()
    body = {"name": "test", "cron": "*/10 * * * *", "timezone": "UTC", "catch_up": "all", **Planner.hello()}
    for _ in range(count):
        core.do(manage.create_schedule, project_id=project, created_by=project, body=body)
    begin = ago(hours=3)
    core.sql("UPDATE schedules SET next_run_at = :begin", begin=begin)
    return begin


def test_a_sweep_leaves_out_what_another_has_locked_and_finds_nothing_when_that_is_done(core: Core) -> None:
    core_schedules(core, 3)
    with db.transaction() as one, db.transaction() as other:
        submitted = due.submit_due(one)
        assert submitted in (57, 60)
        assert due.submit_due(other) == 0
    assert core.do(due.submit_due) == 0
    assert core.sql("SELECT count(*) FROM jobs")[0][0] == core.sql("SELECT count(*) FROM outbox")[0][0] == submitted


def test_many_sweeps_at_the_same_time_submit_each_time_once(core: Core) -> None:
    begin = core_schedules(core, 40)
    with ThreadPoolExecutor(4) as pool:
        submitted = list(pool.map(lambda _: core.do(due.submit_due), range(16)))
    runs = core.sql("SELECT array_agg(run_at ORDER BY run_at) FROM jobs GROUP BY schedule_id")
    assert len(runs) == 40 and sum(len(times) for (times,) in runs) == sum(submitted)
    for (times,) in runs:
        assert times[0] == begin and len(times) in (19, 20)
        assert {later - time for time, later in pairwise(times[1:])} == {TEN_MINUTES}


def test_who_has_much_to_catch_up_on_holds_up_nobody(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "LOOKS_A_SWEEP", due.PORTION * due.READ_AT_ONCE)
    core_schedules(core, due.READ_AT_ONCE + 1)
    core.sql("UPDATE schedules SET next_run_at = now() - interval '9 hours'")
    (late,) = core.sql(
        "UPDATE schedules SET next_run_at = now() - interval '1 second', catch_up = 'last'"
        " WHERE id = (SELECT max(id::text)::uuid FROM schedules) RETURNING id"
    )
    for _ in range(2):
        core.do(due.submit_due)
    assert core.sql("SELECT count(*) FROM jobs WHERE schedule_id = :id", id=late.id)[0][0] == 1
    assert core.sql("SELECT count(*) FROM schedules WHERE next_run_at < now() - interval '1 hour'")[0][0] > 0
