"""Runs from their wish to their end."""

import asyncio
from typing import Any

from tests.fakes.target import Request, answer
from tests.workers.suites.running.conftest import HERE, Bench, by_path, get, run_of

Json = dict[str, Any]


def test_cases_are_executed_and_judged_and_everything_is_stored(bench: Bench) -> None:
    good, bad = bench.case("good", get("/good")), bench.case("bad", get("/bad"), get("/after"))
    result = bench.run(good, bad, talk=by_path(bad=500))
    assert (result["verdict"], result["passed"], result["failed"], result["total"]) == ("failed", 1, 1, 2)
    assert (result["executions"], result["new_failures"], result["warnings"]) == (2, 1, [])
    run = bench.row(run_of(result))
    assert (run.verdict, run.total, run.done, run.reason) == ("failed", 2, 2, "Of 2 cases: 1 failed.")
    rows = bench.results(result)
    assert rows["good"].verdict == "passed" and rows["good"].reason is None
    assert rows["bad"].verdict == "failed" and "500" in rows["bad"].reason
    assert len(rows["bad"].fingerprints) == len(rows["bad"].new_fingerprints) == 1
    steps = {row.case_id: row.steps for row in bench.executions(run.id)}
    assert [one["verdict"] for one in steps[bad]] == ["failed", "skipped"]
    assert [one["verdict"] for one in steps[good]] == ["passed"]
    assert len(bench.target.requests) == 2
    told = [one.type for one in bench.events(run.id)]
    assert told[0] == "testrun.started" and told[-2:] == ["testrun.finished", "testrun.failed"]
    assert told.count("testrun.case_finished") == 2


def counter(case: Any, step: int = 0) -> Json:
    """The result of a step of an execution."""
    found: Json = case.steps[step]
    return found


def test_rows_and_times_are_each_an_execution_and_share_nothing(bench: Bench) -> None:
    take = {"name": "seen", "from": "jsonpath", "expression": "$.n", "default": "none"}
    first = get("/echo/{{row.n}}", extract=[take])
    second = get("/again/{{seen ?? nothing}}/{{$uuid}}")
    case = bench.case("rows", first, second, data=[{"n": n} for n in (1, 2, 3)])

    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        number = request.path.rpartition("/")[2]
        body = b"{}" if number == "2" else f'{{"n": "{number}"}}'.encode()
        writer.write(answer(body, content_type="application/json", set_cookie=f"who={number}; Path=/"))

    result = bench.run(case, talk=echo, times=2, concurrency=5)
    assert (result["executions"], result["verdict"]) == (6, "passed")
    rows = bench.executions(run_of(result))
    assert [(row.data_row, row.repetition) for row in rows] == [(n, k) for n in range(3) for k in range(2)]
    assert len({row.trace_id for row in rows}) == 6
    asked = [one for one in bench.target.requests if one.path.startswith("/again")]
    assert sorted(one.path.split("/")[2] for one in asked) == ["1", "1", "3", "3", "none", "none"]
    assert len({one.path.split("/")[3] for one in asked}) == 6
    for one in asked:
        number = one.path.split("/")[2]
        assert one.headers["cookie"] == f"who={2 if number == 'none' else number}"
    sent = {row.trace_id: counter(row)["request"]["url"] for row in rows}
    for one in bench.target.requests:
        assert one.headers["traceparent"].split("-")[1] in sent
        assert one.headers["x-test-run-id"] == result["run_id"]


def test_executions_of_a_case_that_cleans_up_come_one_after_the_other(bench: Bench) -> None:
    taken: list[str] = []

    async def one_place(request: Request, writer: asyncio.StreamWriter) -> None:
        name = request.path.strip("/")
        is_there = name in taken
        if request.method == "DELETE":
            taken.remove(name)
        elif not is_there:
            taken.append(name)
            await asyncio.sleep(0.01)  # long enough for another to come in between
        writer.write(answer(b"{}", status="409 Taken" if is_there and request.method != "DELETE" else "200 OK"))

    cases = [
        bench.case(name, get(f"/{name}"), teardown=[{"method": "DELETE", "url": f"{HERE}/{name}"}], data=[{}, {}])
        for name in ("here", "there")
    ]
    result = bench.run(*cases, talk=one_place, times=5, concurrency=8)
    assert (result["verdict"], result["executions"]) == ("passed", 20)


def test_the_same_seed_makes_the_same_run(bench: Bench) -> None:
    case = bench.case("random", get("/{{$random_int}}/{{$uuid}}"), data=[{}, {}])

    def paths(**wish: Any) -> list[str]:
        bench.run(case, **wish)
        return sorted(one.path for one in bench.target.requests)

    assert paths(seed=7) == paths(seed=7) != paths(seed=8)
    assert paths() != paths()


def test_of_one_row_now_and_then_is_flaky_and_one_row_always_is_failed(bench: Bench) -> None:
    sometimes = bench.case("sometimes", get("/sometimes"))
    one_row = bench.case("one row", get("/{{row.path}}"), data=[{"path": "good"}, {"path": "bad"}])
    talk = by_path(sometimes=[500, 200, 200, 500, 200], bad=500)
    result = bench.run(sometimes, one_row, talk=talk, times=5)
    rows = bench.results(result)
    assert {name: row.verdict for name, row in rows.items()} == {"sometimes": "flaky", "one row": "failed"}
    assert rows["sometimes"].counts == {"passed": 3, "failed": 2, "errored": 0, "skipped": 0, "cancelled": 0}
    assert rows["sometimes"].reason.startswith("2 of 5 executions did not pass.")
    assert (result["verdict"], result["flaky"], result["failed"]) == ("failed", 1, 1)


def test_what_failed_is_tried_again_only_to_tell_flaky_from_broken(bench: Bench) -> None:
    flaky, broken, good = (bench.case(name, get(f"/{name}")) for name in ("flaky", "broken", "good"))
    talk = by_path(flaky=[500, 500, 200], broken=500)
    result = bench.run(flaky, broken, good, talk=talk, retry_failed=2)
    rows = bench.results(result)
    assert {name: row.verdict for name, row in rows.items()} == {
        "flaky": "flaky", "broken": "failed", "good": "passed"
    }  # fmt: skip
    assert (result["executions"], bench.row(run_of(result)).done) == (7, 3)


def test_after_the_first_failure_nothing_begins_if_so_wished(bench: Bench) -> None:
    cases = [bench.case(f"case {n}", get("/bad" if n == 2 else "/good")) for n in range(6)]
    suite = bench.suite(*cases, teardown=[get("/cleared")], defaults={"fail_fast": True, "concurrency": 1})
    result = bench.run(suite=suite, talk=by_path(bad=500))
    assert (result["verdict"], result["passed"], result["failed"], result["skipped"]) == ("failed", 2, 1, 3)
    assert [one.path for one in bench.target.requests] == ["/good", "/good", "/bad", "/cleared"]
    skipped = bench.results(result)["case 5"]
    assert skipped.reason == "The run ended before it was tried."
    told = [one.data["name"] for one in bench.events(run_of(result)) if one.type == "testrun.case_finished"]
    assert sorted(told) == ["case 0", "case 1", "case 2"]


def test_what_the_suites_setup_extracts_all_cases_have_and_its_teardown_too(bench: Bench) -> None:
    take = {"name": "ok", "from": "jsonpath", "expression": "$.ok"}
    case = bench.case("uses it", get("/case/{{ok}}/{{shared}}/{{given}}"), variables={"given": "case"})
    suite = bench.suite(
        case,
        variables={"shared": "suite", "given": "suite"},
        setup=[get("/login", extract=[take])],
        teardown=[get("/logout/{{ok}}")],
    )
    result = bench.run(suite=suite, variables={"shared": "wish"})
    assert result["verdict"] == "passed"
    paths = [one.path for one in bench.target.requests]
    assert paths == ["/login", "/case/true/wish/case", "/logout/true"]
    around = bench.row(run_of(result)).around
    assert [one["verdict"] for phase in ("setup", "teardown") for one in around[phase]] == ["passed", "passed"]


def test_without_the_suites_setup_no_case_is_executed_and_the_teardown_is(bench: Bench) -> None:
    suite = bench.suite(
        bench.case("a"), bench.case("b"), setup=[get("/login"), get("/more")], teardown=[get("/cleared")]
    )
    result = bench.run(suite=suite, talk=by_path(login=503))
    assert (result["verdict"], result["skipped"], result["executions"]) == ("errored", 2, 0)
    assert "setup did not pass" in result["reason"] and "503" in result["reason"]
    assert [one.path for one in bench.target.requests] == ["/login", "/cleared"]


def test_a_failed_step_ends_the_steps_and_the_teardown_runs_whatever_came(bench: Bench) -> None:
    gone = get("/never")
    case = bench.case(
        "orderly",
        get("/one"),
        get("/bad", continue_on_failure=True),
        get("/worse"),
        gone,
        setup=[get("/made")],
        teardown=[get("/{{nobody}}"), get("/unmade")],
    )
    result = bench.run(case, talk=by_path(bad=500, worse=500))
    (row,) = bench.executions(run_of(result))
    assert (row.verdict, row.reason) == ("failed", row.steps[2]["reason"] and f"step_2: {row.steps[2]['reason']}")
    found = [(one["id"], one["phase"], one["verdict"]) for one in row.steps]
    assert found == [
        ("setup_1", "setup", "passed"),
        ("step_1", "steps", "passed"),
        ("step_2", "steps", "failed"),
        ("step_3", "steps", "failed"),
        ("step_4", "steps", "skipped"),
        ("teardown_1", "teardown", "errored"),
        ("teardown_2", "teardown", "passed"),
    ]
    assert [one.path for one in bench.target.requests] == ["/made", "/one", "/bad", "/worse", "/unmade"]


def test_a_target_that_is_away_now_and_then_makes_a_case_flaky(bench: Bench) -> None:
    seen = []

    async def cuts(_: Request, writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        if len(seen) == 1:
            writer.close()
        else:
            writer.write(answer())

    result = bench.run(bench.case("away", {"method": "POST", "url": "{{base}}/"}), talk=cuts, times=3, concurrency=1)
    assert (result["verdict"], result["flaky"]) == ("flaky", 1)
    assert bench.results(result)["away"].counts["errored"] == 1


def test_how_far_it_is_is_told_once_a_second_at_most_and_names_nothing(bench: Bench) -> None:
    case = bench.case("canary-name", get("/"), data=[{"n": n} for n in range(100)])
    bench.submit(case)
    ctx = bench.claim()
    result = bench.finish(ctx)
    assert result["executions"] == 100
    assert 1 <= len(ctx.told) <= 3
    assert "canary" not in str(ctx.told)
