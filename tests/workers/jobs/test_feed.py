"""A project's events in one order: nothing appears behind a reader, and a job's own order is kept."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from models import JobStatus
from tests.workers.jobs.conftest import Core
from workers.jobs import events, feed, lifecycle
from workers.jobs.feed import BEGINNING, Place, Stretch
from workers.jobs.lifecycle import Move

BEGIN_TO_WRITE = text("SELECT pg_current_xact_id()")
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def read(core: Core, project: UUID, after: Place = BEGINNING, limit: int = 100, *types: str) -> Stretch:
    found: Stretch = core.do(feed.read, project_id=project, after=after, limit=limit, types=types or None)
    return found


def seen(found: Stretch) -> list[tuple[str, int]]:
    return [(one.event["type"], one.event["sequence"]) for one in found.events]


@contextmanager
def writing(core: Core) -> Iterator[Session]:
    """A transaction that has its number already."""
    with db.transaction() as session:
        session.execute(BEGIN_TO_WRITE)
        yield session


def test_what_follows_an_open_transaction_waits_for_its_end(core: Core) -> None:
    project = core.project()
    core.submit(project)
    first = read(core, project)
    assert seen(first) == [("job.queued", 1)] and not first.unsettled
    with writing(core):
        core.submit(project)
        found = read(core, project, first.place)
        assert seen(found) == [] and found.unsettled and found.place == first.place
    assert seen(read(core, project, first.place)) == [("job.queued", 1)]


def test_a_claim_that_began_before_the_job_was_there_stands_behind_its_submit(core: Core) -> None:
    project = core.project()
    with writing(core) as session:
        core.submit(project)
        options: Any = {"queues": ["completions"], "limit": 1, "worker": "w", "lease_seconds": 30}
        assert len(lifecycle.claim(session, **options)) == 1
    assert seen(read(core, project)) == [("job.queued", 1), ("job.started", 2)]


def test_a_change_that_waited_for_another_stands_behind_it(core: Core) -> None:
    """The second one has the lower transaction number, and a snapshot from before the first one's end."""
    project = core.project()
    core.submit(project)
    (job,) = core.claim(1)

    def progress(session: Session) -> None:
        step = Move(job.job_id, JobStatus.RUNNING, JobStatus.RUNNING, "job.progress", attempt=job.attempt)
        assert len(lifecycle.move(session, [step])) == 1

    def late() -> None:
        with writing(core) as session:
            begun.set()
            go.wait(10)
            progress(session)

    begun, go = threading.Event(), threading.Event()
    thread = threading.Thread(target=late)
    thread.start()
    assert begun.wait(10)
    with writing(core) as session:
        progress(session)
        go.set()
        while not core.sql(WAITS)[0][0]:
            assert thread.is_alive()
    thread.join()
    assert seen(read(core, project))[2:] == [("job.progress", 3), ("job.progress", 4)]


def test_a_reader_of_rare_types_moves_on_over_the_others(core: Core) -> None:
    project = core.project()
    core.submit(project, 1_200)
    core.end(core.claim(1))
    found = read(core, project, BEGINNING, 10, "job.succeeded")
    assert found.events == [] and found.more
    rest = read(core, project, found.place, 10, "job.succeeded")
    assert seen(rest) == [("job.succeeded", 3)] and not rest.more
    assert rest.place == read(core, project, BEGINNING, 2_000).place == core.do(feed.newest, project)
    page = core.do(feed.page, project_id=project, after=BEGINNING, limit=1, types={"job.succeeded"})
    assert seen(page) == [("job.succeeded", 3)] and not page.more


def test_a_page_knows_whether_more_follows(core: Core) -> None:
    project = core.project()
    core.submit(project, 4)
    page = core.do(feed.page, project_id=project, after=BEGINNING, limit=3)
    assert len(page.events) == 3 and page.more and page.place == page.events[-1].place
    rest = core.do(feed.page, project_id=project, after=page.place, limit=1)
    assert len(rest.events) == 1 and not rest.more
    everything = read(core, project).events
    assert [one.event["id"] for one in page.events + rest.events] == [one.event["id"] for one in everything]


def test_one_look_finds_the_projects_that_have_moved_on(core: Core) -> None:
    moved, still, empty = core.project(), core.project(), core.project()
    for project in (moved, still):
        core.submit(project)
    places = {project: core.do(feed.newest, project) for project in (moved, still, empty)}
    assert core.do(feed.moved, places) == []
    core.submit(moved)
    assert core.do(feed.moved, places) == [moved]


def test_one_look_finds_the_newest_event_of_many_jobs(core: Core) -> None:
    project = core.project()
    jobs = core.submit(project, 3)
    core.claim(1)
    assert core.do(events.newest, jobs, live=False) == {jobs[0]: 2, jobs[1]: 1, jobs[2]: 1}
    assert core.do(events.newest, jobs, live=True) == {jobs[0]: 2, jobs[1]: 1, jobs[2]: 1}
