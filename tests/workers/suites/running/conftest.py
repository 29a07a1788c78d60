"""Runs in this process: a real job, claimed as a worker claims it, against a server on loopback."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from infra import db, ids, storage
from infra.clock import now
from infra.dev.environment import THIS_MACHINE
from infra.dev.system import System
from infra.settings import settings
from models import Case, CaseResult, CaseState, FilePurpose, Run, StoredFile
from schemas.case import CaseIn
from schemas.environment import EnvironmentIn
from schemas.suite import SuiteIn
from schemas.test_run import RunJobOut
from tests.fakes.target import Request, Talk, Target, answer, serving
from tests.workers.jobs.conftest import Core
from tests.workers.kinds.test_completion import Recorder
from workers.files.copies import write_file
from workers.jobs import lifecycle
from workers.jobs.context import Stopped
from workers.jobs.lifecycle import Claimed
from workers.jobs.submit import Wish
from workers.suites import cases, environments, manage
from workers.suites.running import runner, starting

Json = dict[str, Any]
HERE = "{{base}}"


class Attempt(Recorder):
    """An attempt of a run's job, in this process's hands; `stop` ends it as the job core does."""

    def __init__(self, claimed: Claimed) -> None:
        super().__init__(max_cost=claimed.max_cost)
        self.project_id, self.job_id = claimed.project_id, claimed.job_id
        self.attempt, self.store, self.payload = claimed.attempt, claimed.store, claimed.payload
        self.told: list[Any] = []
        self.reason: str | None = None
        self.task: asyncio.Task[Any] | None = None

    async def progress(self, current, total=None, message=None):
        self.told.append((current, total, message))

    def checkpoint(self):
        if self.reason:
            raise Stopped("The job must stop.", reason=self.reason)

    def stop(self, reason: str = "cancelled") -> None:
        """As `RunningJob.interrupt`."""
        assert self.task is not None
        if self.reason is None:
            self.reason = reason
            self.task.cancel()


class Bench:
    """A project with cases, and runs of them."""

    def __init__(self, core: Core) -> None:
        self.core, self.project = core, core.project()
        self.target = Target()

    def do(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Calls it with a session, in a transaction."""
        with db.transaction() as session:
            return function(session, self.project, *args, **options)

    def case(self, name: str, *steps: Json, state: str = "approved", **content: Any) -> UUID:
        """A new case."""
        body = CaseIn().load({"name": name, "steps": list(steps) or [get("/")], **content})
        made = self.do(cases.create_case, body, created_by=None, state=CaseState(state))
        found: UUID = made.id
        return found

    def suite(self, *case_ids: UUID, **more: Any) -> str:
        """A new suite's id."""
        body = SuiteIn().load({"name": ids.new_id().hex, "case_ids": [shown(one) for one in case_ids], **more})
        made: str = self.do(manage.create_suite, body, created_by=None).public_id
        return made

    def file(self, name: str, body: bytes) -> str:
        """An uploaded file's id."""
        path = settings().data / name
        path.write_bytes(body)
        made = asyncio.run(write_file(self.project, name, "text/csv", path, FilePurpose.UPLOAD))
        return ids.show(StoredFile.prefix, made)

    def environment(self, **more: Any) -> str:
        """A new environment's id."""
        secrets = more.pop("secrets", {})
        body = EnvironmentIn().load({"name": ids.new_id().hex, **more})

        def make(session: Any, project: UUID) -> str:
            made = environments.create_environment(session, project, body, created_by=None)
            for name, value in secrets.items():
                environments.put_secret(session, made, name, value)
            found: str = made.public_id
            return found

        found: str = self.do(make)
        return found

    def submit(self, *case_ids: UUID, store: str | None = None, **wish: Any) -> UUID:
        """A run that waits for its worker."""
        which = {"test_case_ids": [shown(one) for one in case_ids]} if case_ids else {}
        payload = {"reports": [], **which, **wish}
        job: UUID = self.do(starting.start, payload, Wish(store=store)).id
        return job

    def claim(self) -> Attempt:
        """The waiting run, as a worker gets it."""
        with db.transaction() as session:
            (claimed,) = lifecycle.claim(session, queues=["testruns"], limit=1, worker="a-worker", lease_seconds=60)
        return Attempt(claimed)

    @asynccontextmanager
    async def begun(self, ctx: Attempt, talk: Talk, **options: Any) -> Any:
        """The run on its way, against a server that answers so."""
        async with serving(talk) as target:
            self.target = target
            payload = {**ctx.payload, "variables": {"base": target.url(""), **ctx.payload.get("variables", {})}}
            ctx.task = asyncio.create_task(runner.run(ctx, payload, **options))
            try:
                yield ctx.task
            finally:
                if not ctx.task.done():
                    ctx.task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await ctx.task

    def run(self, *case_ids: UUID, talk: Talk | None = None, store: str | None = None, **wish: Any) -> Json:
        """The result of a whole run."""
        self.submit(*case_ids, store=store, **wish)
        return self.finish(self.claim(), talk)

    def finish(self, ctx: Attempt, talk: Talk | None = None) -> Json:
        """The result of that attempt."""

        async def whole() -> Json:
            async with self.begun(ctx, talk or ok) as task:
                result: Json = await asyncio.wait_for(asyncio.shield(task), 30)
                return result

        result = asyncio.run(whole())
        assert RunJobOut().validate(result) == {}
        return result

    def past(self, case_id: UUID, *verdicts: str) -> None:
        """Runs in which the case ended so, the oldest first."""
        with db.transaction() as session:
            for verdict in verdicts:
                ended = {"verdict": verdict, "counts": {}, "milliseconds": 1.0, "finished_at": now()}
                what = {"position": 0, "case_version": 1, "name": "", "fingerprints": [], "new_fingerprints": []}
                where = {"run_id": ids.new_id(), "case_id": case_id, "project_id": self.project}
                session.add(CaseResult(**where, **what, **ended))

    def give_back(self, job_id: UUID) -> None:
        """The lease of a killed worker ends: another one may claim the job."""
        self.core.sql("UPDATE jobs SET status = 'queued' WHERE id = :id", id=job_id)
        self.core.sql(
            "INSERT INTO outbox (job_id, project_id, queue, priority, attempt, ready, available_at, created_at) "
            "SELECT id, project_id, queue, priority, attempt, true, now(), now() FROM jobs WHERE id = :id",
            id=job_id,
        )

    def row(self, run_id: UUID) -> Any:
        """The run's row."""
        return self.core.sql("SELECT * FROM test_runs WHERE id = :id", id=run_id)[0]

    def results(self, result: Json) -> dict[str, Any]:
        """What became of its cases, by name."""
        sql = "SELECT * FROM test_case_results WHERE run_id = :id ORDER BY position"
        return {row.name: row for row in self.core.sql(sql, id=run_of(result))}

    def executions(self, run_id: UUID) -> list[Any]:
        """All that were stored."""
        sql = "SELECT * FROM test_case_runs WHERE run_id = :id ORDER BY case_id, data_row, repetition"
        return self.core.sql(sql, id=run_id)

    def events(self, run_id: UUID, family: str = "testrun") -> list[Any]:
        """The events of its job, of one family."""
        sql = "SELECT sequence, type, data FROM job_events WHERE job_id = :id AND type LIKE :like ORDER BY sequence"
        return self.core.sql(sql, id=run_id, like=f"{family}.%")


def shown(case_id: UUID) -> str:
    """A case's id outside."""
    return ids.show(Case.prefix, case_id)


def run_of(result: Json) -> UUID:
    """The run's id inside."""
    found = ids.parse(Run.prefix, result["run_id"])
    assert found is not None
    return found


def get(path: str, status: int = 200, *asserts: Json, **step: Any) -> Json:
    """A step that gets a page and wants that status."""
    wanted = {"type": "status", "expected": status}
    return {"method": "GET", "url": HERE + path, "assert": [wanted, *asserts], **step}


async def ok(_: Request, writer: asyncio.StreamWriter) -> None:
    """Answers everything."""
    writer.write(answer(b'{"ok": true}', content_type="application/json"))


def by_path(**statuses: Any) -> Talk:
    """Answers `/name` with that status, or with the next of a list of them, the last for ever."""

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        wanted = statuses.get(request.path.strip("/").partition("/")[0].partition("?")[0], 200)
        if isinstance(wanted, list):
            wanted = wanted.pop(0) if len(wanted) > 1 else wanted[0]
        writer.write(answer(b'{"ok": true}', status=f"{wanted} Said", content_type="application/json"))

    return talk


@pytest.fixture
def bench(core: Core, servers: System, tmp_path: Path) -> Iterator[Bench]:
    """A project of its own; steps may call this machine, and files are written to a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SWITCHYARD_DATA", str(tmp_path))
        patch.setitem(os.environ, "ALLOW_PRIVATE_TARGETS", THIS_MACHINE)
        patch.setitem(os.environ, "ENCRYPTION_KEYS", servers.environment["ENCRYPTION_KEYS"])
        for cached in (settings, storage.store):
            cached.cache_clear()
        yield Bench(core)
    for cached in (settings, storage.store):
        cached.cache_clear()
