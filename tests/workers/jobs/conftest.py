"""PostgreSQL and Redis of their own, with nothing else running: what the job core does is done by the test alone."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from infra import broker, db, redis
from infra.clock import now
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from infra.settings import settings
from models import JobStatus
from tests.client import HELLO
from tests.conftest import NewFolder
from workers import projects
from workers.jobs import lifecycle, live, presence
from workers.jobs.lifecycle import Claimed, Move
from workers.jobs.submit import Wish, submit
from workers.providers import pace

OF_THIS_PROCESS: tuple[Any, ...] = (db.engine, redis.client, broker._publisher, live.broadcaster, presence._known)


def forget_this_process() -> None:
    """Settings and connections are made anew at their next use."""
    settings.cache_clear()
    pace.forget_everything()
    for one in OF_THIS_PROCESS:
        one._made = None


@pytest.fixture(scope="package")
def servers(new_folder: NewFolder) -> Iterator[System]:
    """The two servers, and this process connected to them."""
    options = Options(data=new_folder("core"), port=free_port(), flower_port=free_port())
    with System(options, only=()) as running, pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"):
            patch.setitem(os.environ, name, running.environment[name])
        forget_this_process()
        yield running
        db.engine().dispose()
    forget_this_process()


class Core:
    """The job core as its callers see it."""

    def project(self, **policy: Any) -> UUID:
        """A new project; `policy` are columns of its row."""
        with db.transaction() as session:
            project, _ = projects.create_project(session, name="test", owner_email="somebody@example.com")
            for name, value in policy.items():
                setattr(project, name, value)
            return project.id

    def submit(self, project: UUID, count: int = 1, *, model: str = "sandbox/instant", **wish: Any) -> list[UUID]:
        """New jobs."""
        payload = {"model": model, "messages": HELLO}
        with db.transaction() as session:
            return [
                submit(session, kind="completion", payload=payload, project_id=project, wish=Wish(**wish)).id
                for _ in range(count)
            ]

    def claim(self, limit: int, *, worker: str = "a-worker", **options: Any) -> list[Claimed]:
        """What a worker takes."""
        with db.transaction() as session:
            return lifecycle.claim(
                session, queues=["completions", "default"], limit=limit, worker=worker, lease_seconds=30, **options
            )

    def end(self, claimed: list[Claimed], target: JobStatus = JobStatus.SUCCEEDED, **changes: Any) -> None:
        """The worker's last word on them."""
        moves = [
            Move(one.job_id, JobStatus.RUNNING, target, f"job.{target}", attempt=one.attempt, **changes)
            for one in claimed
        ]
        with db.transaction() as session:
            assert len(lifecycle.move(session, moves)) == len(moves)

    def listens(self, worker: str = "a-worker", *, ago: float = 0.0) -> None:
        """Has Redis know a worker that showed a sign of life so many seconds ago."""
        redis.client().zadd(redis.workers_key("completions"), {worker: now().timestamp() - ago})
        presence._known._made = None

    def do(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Calls a worker's function in a transaction of its own."""
        with db.transaction() as session:
            return function(session, *args, **options)

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """What the database says."""
        with db.transaction() as session:
            result: Any = session.execute(text(statement), parameters)
            return result.all() if result.returns_rows else []


@pytest.fixture
def core(servers: System) -> Core:
    """The job core over an empty database."""
    made = Core()
    made.sql("TRUNCATE jobs, outbox, job_events, usage, schedules, projects, memberships CASCADE")
    redis.client().flushdb()
    pace.forget_everything()
    presence._known._made = None
    return made
