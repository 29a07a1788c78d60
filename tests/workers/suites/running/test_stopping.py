"""Runs that are stopped: by a cancel, a shutdown, a worker that dies, a database that is away. Teardowns run."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from infra.errors import Unavailable
from tests.fakes.target import Request, Talk, answer
from tests.workers.suites.running.conftest import Attempt, Bench, get, run_of
from workers.suites.running import runner

Json = dict[str, Any]


def hanging(*names: str) -> Talk:
    """Answers nothing on these paths, and everything else."""

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path.strip("/").partition("/")[0] in names:
            await asyncio.sleep(60)
        writer.write(answer())

    return talk


async def until(condition: Callable[[], bool]) -> None:
    """Waits for it."""

    def wait() -> None:
        limit = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < limit
            time.sleep(0.01)

    await asyncio.to_thread(wait)


def asked(bench: Bench, path: str) -> Callable[[], bool]:
    """Whether the server was asked for a path."""
    return lambda: any(one.path == path for one in bench.target.requests)


def stopped(bench: Bench, ctx: Attempt, talk: Talk, *, after: str, reason: str = "cancelled", **options: Any) -> None:
    """Stops an attempt when the server was asked for a path."""

    async def whole() -> None:
        async with bench.begun(ctx, talk, **options) as task:
            await until(asked(bench, after))
            ctx.stop(reason)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 20)

    asyncio.run(whole())


def a_slow_suite(bench: Bench, rows: int = 4) -> str:
    """The first rows hang, and the third."""
    case = bench.case(
        "slow",
        get("/{{row.path}}"),
        setup=[get("/made")],
        teardown=[get("/unmade/{{row.n}}")],
        data=[{"n": n, "path": "good" if n == 0 else "hangs"} for n in range(rows)],
    )
    return bench.suite(case, bench.case("later"), setup=[get("/login")], teardown=[get("/logout")])


def test_a_cancel_runs_the_teardowns_and_keeps_what_is_there(bench: Bench) -> None:
    job = bench.submit(suite=a_slow_suite(bench), concurrency=1)
    ctx = bench.claim()
    stopped(bench, ctx, hanging("hangs"), after="/hangs")
    paths = [one.path for one in bench.target.requests]
    assert paths == ["/login", "/made", "/good", "/unmade/0", "/made", "/hangs", "/unmade/1", "/logout"]
    run = bench.row(job)
    assert (run.verdict, run.reason, run.counts["cancelled"], run.counts["skipped"]) == (
        "cancelled", "The run was cancelled.", 1, 1
    )  # fmt: skip
    assert [row.verdict for row in bench.executions(job)] == ["passed", "cancelled"]
    steps = [one["verdict"] for one in bench.executions(job)[1].steps]
    assert steps == ["passed", "cancelled", "passed"]
    assert [one["verdict"] for one in run.around["teardown"]] == ["passed"]
    assert ctx.kept["verdict"] == "cancelled" and run_of(ctx.kept) == job
    assert [one.type for one in bench.events(job)][-1] == "testrun.finished"


def test_a_cancelled_run_that_is_tried_again_does_what_is_left(bench: Bench) -> None:
    job = bench.submit(suite=a_slow_suite(bench), concurrency=1)
    stopped(bench, bench.claim(), hanging("hangs"), after="/hangs")
    bench.give_back(job)
    result = bench.finish(bench.claim())
    assert (result["verdict"], result["passed"], result["executions"]) == ("passed", 2, 5)
    paths = [one.path for one in bench.target.requests]
    assert "/unmade/0" not in paths and paths[0] == "/login" and paths[-1] == "/logout"
    finished = [one.data["verdict"] for one in bench.events(job) if one.type == "testrun.finished"]
    assert finished == ["cancelled", "passed"]
    assert {row.attempt for row in bench.executions(job)} == {1, 2}


def test_a_teardown_that_hangs_is_cut_off(bench: Bench) -> None:
    case = bench.case("slow", get("/hangs"), teardown=[get("/stuck"), get("/more")])
    suite = bench.suite(case, teardown=[get("/stuck"), get("/more")])
    job = bench.submit(suite=suite)
    stopped(bench, bench.claim(), hanging("hangs", "stuck"), after="/hangs", stopping_seconds=0.6)
    assert bench.row(job).verdict == "cancelled"
    (row,) = bench.executions(job)
    assert [one["verdict"] for one in row.steps] == ["cancelled"] * 3
    assert [one["verdict"] for one in bench.row(job).around["teardown"]] == ["cancelled"] * 2


def test_a_shutdown_leaves_the_run_to_the_next_worker(bench: Bench) -> None:
    job = bench.submit(suite=a_slow_suite(bench), concurrency=1)
    stopped(bench, bench.claim(), hanging("hangs"), after="/hangs", reason="shutdown")
    assert [one.path for one in bench.target.requests][-2:] == ["/unmade/1", "/logout"]
    run = bench.row(job)
    assert (run.verdict, run.done) == (None, 1)
    assert not [one for one in bench.events(job) if one.type == "testrun.finished"]
    bench.give_back(job)
    result = bench.finish(bench.claim())
    assert (result["verdict"], result["executions"], result["cancelled"]) == ("passed", 5, 0)


class Killed(BaseException):
    """The worker is gone."""


def killed(bench: Bench, ctx: Attempt, talk: Talk, stored: int) -> None:
    """The process of an attempt is gone when so many executions are stored: nothing of it runs any more."""

    async def whole() -> None:
        async with bench.begun(ctx, talk):
            await until(lambda: len(bench.executions(ctx.job_id)) >= stored)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel("killed")
            raise Killed

    with pytest.raises(Killed):
        asyncio.run(whole())


def test_an_attempt_that_was_killed_is_gone_on_with(bench: Bench) -> None:
    case = bench.case("rows", get("/{{row.path}}"), data=[{"path": "a"}, {"path": "b"}, {"path": "hangs"}])
    job = bench.submit(case, times=2, concurrency=4)
    first = bench.claim()
    killed(bench, first, hanging("hangs"), stored=4)
    assert bench.row(job).verdict is None
    bench.give_back(job)
    second = bench.claim()
    assert second.attempt == 2
    result = bench.finish(second)
    assert (result["verdict"], result["executions"]) == ("passed", 6)
    assert sorted(one.path for one in bench.target.requests) == ["/hangs", "/hangs"]
    assert [one.type for one in bench.events(job)] == [
        "testrun.started", "testrun.case_finished", "testrun.finished"
    ]  # fmt: skip
    assert [one.sequence for one in bench.events(job, "%")] == [1, 2, 3, 4, 5, 6]


def test_a_run_that_ends_with_the_first_failure_ends_with_it_also_after_its_worker_was_killed(bench: Bench) -> None:
    first = bench.case("first", get("/bad"), data=[{}, {}])
    others = [bench.case(name, get(f"/{name}")) for name in ("hangs", "never", "neither")]
    job = bench.submit(first, *others, fail_fast=True, concurrency=2)

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/hangs" or len(bench.target.requests) == 2:
            await asyncio.sleep(60)
        writer.write(answer(status="500 No"))

    killed(bench, bench.claim(), talk, stored=1)
    bench.give_back(job)
    result = bench.finish(bench.claim())
    assert bench.target.requests == []
    assert (result["verdict"], result["failed"], result["skipped"], result["executions"]) == ("failed", 1, 3, 1)
    assert bench.results(result)["first"].counts["failed"] == 1


def test_an_attempt_that_was_overtaken_writes_nothing(bench: Bench) -> None:
    job = bench.submit(bench.case("slow", get("/slow")))
    old = bench.claim()

    async def whole() -> None:
        waiting = asyncio.Event()

        async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
            await waiting.wait()
            writer.write(answer())

        async with bench.begun(old, talk) as task:
            await until(asked(bench, "/slow"))
            await asyncio.to_thread(bench.give_back, job)
            new = await asyncio.to_thread(bench.claim)
            result = await runner.run(new, {**new.payload, "variables": {"base": "http://127.0.0.1:9"}})
            assert (result["verdict"], result["executions"]) == ("errored", 1)
            waiting.set()
            with pytest.raises(Unavailable):
                await asyncio.wait_for(asyncio.shield(task), 10)

    asyncio.run(whole())
    assert [row.attempt for row in bench.executions(job)] == [2]
    assert bench.row(job).verdict == "errored"


def test_what_ended_without_being_told_is_told_by_the_next_attempt(bench: Bench) -> None:
    job = bench.submit(bench.case("good"))
    result = bench.finish(bench.claim())
    bench.core.sql("DELETE FROM job_events WHERE job_id = :id AND type = 'testrun.finished'", id=job)
    bench.give_back(job)
    again = bench.finish(bench.claim())
    assert again == result and bench.target.requests == []
    bench.give_back(job)
    assert bench.finish(bench.claim()) == result
    assert [one.type for one in bench.events(job)].count("testrun.finished") == 1


def test_what_breaks_the_run_itself_still_clears_away(bench: Bench) -> None:
    suite = bench.suite(bench.case("slow", get("/slow"), data=[{}] * 200), teardown=[get("/logout")])
    job = bench.submit(suite=suite, concurrency=2)

    async def talk(request: Request, writer: asyncio.StreamWriter) -> None:
        if len(bench.target.requests) == 20:
            await asyncio.to_thread(bench.core.sql, "UPDATE test_runs SET attempt = 9 WHERE id = :id", id=job)
        writer.write(answer())

    with pytest.raises(Unavailable):
        bench.finish(bench.claim(), talk)
    assert bench.target.requests[-1].path == "/logout"
    assert bench.row(job).verdict is None
