"""Who runs next: shares by weight, nobody starves, limits that hold under concurrent claims."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import db
from models import JobStatus
from tests.client import HELLO
from tests.workers.jobs.conftest import Core
from workers.jobs import control, lifecycle, sweep
from workers.jobs.fair import admit, release_due
from workers.jobs.lifecycle import Claimed
from workers.jobs.submit import Wish, submit


def shares(claimed: list[Claimed]) -> Counter[UUID]:
    return Counter(one.project_id for one in claimed)


def test_projects_with_long_jobs_share_the_places_by_their_weights(core: Core) -> None:
    heavy, light = core.project(weight=3), core.project()
    core.submit(heavy, 60)
    core.submit(light, 60)
    running = [one for _ in range(20) for one in core.claim(2)]
    assert len(running) == 40
    assert 26 <= shares(running)[heavy] <= 34


def test_a_job_behind_another_projects_thousand_is_among_the_first_to_run(core: Core) -> None:
    crowd, lone = core.project(), core.project()
    core.submit(crowd, 1000)
    job = core.submit(lone)[0]
    before: list[UUID] = []
    while job not in before:
        claimed = core.claim(4)
        core.end(claimed)
        before += [one.job_id for one in claimed]
    assert len(before) <= 50


def test_inside_a_project_the_best_priority_goes_first_then_the_oldest(core: Core) -> None:
    project = core.project()
    low, first, second, high = (core.submit(project, priority=priority)[0] for priority in (1, 5, 5, 9))
    assert [core.claim(1)[0].job_id for _ in range(4)] == [high, first, second, low]


def test_a_projects_limit_holds_under_two_claimers_and_leaves_the_rest_to_others(core: Core) -> None:
    limited, free = core.project(max_running=3), core.project()
    core.submit(limited, 40)
    core.submit(free, 40)
    with ThreadPoolExecutor(2) as pool:
        claimed = [one for found in pool.map(lambda _: core.claim(5), range(16)) for one in found]
    assert shares(claimed) == {limited: 3, free: 40}
    mine = [one for one in claimed if one.project_id == limited]
    core.end(mine[:2])
    assert len(core.claim(10)) == 2


def test_while_one_worker_claims_from_a_project_with_a_limit_another_takes_from_the_others(core: Core) -> None:
    limited, free = core.project(max_running=3), core.project()
    core.submit(limited, 10)
    with db.transaction() as session:
        assert len(lifecycle.claim(session, queues=["completions"], limit=2, worker="slow", lease_seconds=30)) == 2
        core.submit(free, 2)
        assert shares(core.claim(10)) == {free: 2}
    assert shares(core.claim(10)) == {limited: 1}


def test_the_default_limit_holds_for_projects_without_one_of_their_own(core: Core) -> None:
    plain, own = core.project(), core.project(max_running=5)
    core.submit(plain, 10)
    core.submit(own, 10)
    assert shares(core.claim(20, max_running=2)) == {plain: 2, own: 5}


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_jobs_of_a_key_run_than_its_limit_however_many_claim(core: Core, limit: int) -> None:
    project = core.project()
    wanted = set(core.submit(project, 12, concurrency_key="k", concurrency_limit=limit))
    done: set[UUID] = set()
    with ThreadPoolExecutor(3) as pool:
        while len(done) < 12:
            claimed = [one for found in pool.map(lambda _: core.claim(4), range(3)) for one in found]
            assert 1 <= len(claimed) <= limit
            list(pool.map(lambda one: core.end([one]), claimed))
            done |= {one.job_id for one in claimed}
    assert done == wanted


def test_jobs_of_a_key_that_are_submitted_at_the_same_moment_get_no_place_too_many(core: Core) -> None:
    project, payload = core.project(), {"model": "sandbox/instant", "messages": HELLO}
    with ThreadPoolExecutor(1) as pool:
        with db.transaction() as session:
            submit(session, kind="completion", payload=payload, project_id=project, wish=Wish(concurrency_key="k"))
            other = pool.submit(core.submit, project, concurrency_key="k")
            while not other.done() and not core.sql("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                wait([other], timeout=0.05)
        other.result()
    assert len(core.claim(10)) == 1


def test_however_the_database_goes_about_it_a_key_gets_no_place_too_many(core: Core) -> None:
    project = core.project()
    core.submit(project, 5, concurrency_key="k")
    with db.transaction() as session:
        # What the planner does by itself when the table looks empty: it joins row by row.
        for way in ("hashjoin", "mergejoin", "hashagg", "material", "sort"):
            session.execute(text(f"SET LOCAL enable_{way} = off"))
        session.execute(text("UPDATE outbox SET ready = false WHERE project_id = :id"), {"id": project})
        assert len(admit(session, [(project, "k")])) == 1


def test_the_same_key_in_another_project_is_another_key(core: Core) -> None:
    projects = [core.project(), core.project()]
    for project in projects:
        core.submit(project, 3, concurrency_key="k")
    assert shares(core.claim(10)) == dict.fromkeys(projects, 1)


@pytest.mark.parametrize("ending", [JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED])
def test_every_end_frees_the_place_of_the_key(core: Core, ending: JobStatus) -> None:
    first, second = core.submit(core.project(), 2, concurrency_key="k")
    claimed = core.claim(10)
    assert [one.job_id for one in claimed] == [first]
    core.end(claimed, ending)
    assert [one.job_id for one in core.claim(10)] == [second]


def test_a_cancelled_queued_job_gives_its_place_to_the_next(core: Core) -> None:
    project = core.project()
    first, second = core.submit(project, 2, concurrency_key="k")
    core.do(control.cancel, project, first)
    assert [one.job_id for one in core.claim(10)] == [second]


def test_a_job_that_waits_for_its_retry_leaves_its_place_to_the_next_and_comes_back(core: Core) -> None:
    first, second = core.submit(core.project(), 2, concurrency_key="k")
    core.end(core.claim(10), JobStatus.QUEUED, delay_seconds=60)
    running = core.claim(10)
    assert [one.job_id for one in running] == [second]
    core.sql("UPDATE outbox SET available_at = now() WHERE job_id = :id", id=first)
    core.do(release_due, 10)
    assert core.claim(10) == []
    core.end(running)
    assert [one.job_id for one in core.claim(10)] == [first]


def test_a_lost_lease_frees_the_place_of_the_key(core: Core) -> None:
    first, second = core.submit(core.project(), 2, concurrency_key="k")
    assert [one.job_id for one in core.claim(10)] == [first]
    core.sql("UPDATE jobs SET lease_expires_at = now() - interval '1 second' WHERE id = :id", id=first)
    assert core.do(sweep.requeue_lost) == 1
    assert [one.job_id for one in core.claim(10)] == [second]


def test_a_closed_lane_is_left_out_and_the_jobs_behind_it_run(core: Core) -> None:
    project = core.project()
    core.submit(project, 5, model="local/busy", priority=9)
    free = core.submit(project, 2)
    assert [one.job_id for one in core.claim(10, closed_lanes=["local/busy"])] == free
    assert len(core.claim(10)) == 5
