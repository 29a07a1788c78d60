"""Which cases a wish means; what cannot be run is refused with its place, before there is a job."""

from typing import Any

import pytest

from infra.errors import BadInput, NotFound, SwitchyardError
from schemas.test_run import RunJobIn
from tests.workers.suites.running.conftest import Bench, run_of, shown
from workers.suites.running import planning

Json = dict[str, Any]
NOBODY = "0" * 32


def selected(bench: Bench, **wish: Any) -> Any:
    """What the wish means."""
    return bench.do(planning.select, RunJobIn().load(wish))


def names(bench: Bench, found: Any) -> list[str]:
    """The cases that are planned, by name, in order."""
    sql = "SELECT id, name FROM test_cases WHERE project_id = :id"
    known = {row.id: row.name for row in bench.core.sql(sql, id=bench.project)}
    return [known[one.case_id] for one in found.cases]


def test_a_suite_means_its_cases_in_order_and_then_those_with_its_tags(bench: Bench) -> None:
    a, b, _ = (bench.case(name, tags=tags) for name, tags in (("a", ["x"]), ("b", []), ("c", ["x"])))
    bench.case("draft", tags=["x"], state="draft")
    bench.case("other", tags=["y"])
    suite = bench.suite(b, a, select_tags=["x"], defaults={"times": 3, "retry_failed": 1})
    found = selected(bench, suite=suite)
    assert names(bench, found) == ["b", "a", "c"]
    assert (found.wishes["times"], found.wishes["concurrency"], found.wishes["retry_failed"]) == (3, 10, 1)
    assert names(bench, selected(bench, suite=suite, times=1, include_drafts=True)) == ["b", "a", "c", "draft"]
    assert names(bench, selected(bench, tags=["y", "x"])) == ["a", "c", "other"]
    assert selected(bench, suite=suite, times=1).selection == found.selection != selected(bench, tags=["x"]).selection


def test_a_suite_has_an_environment_unless_the_wish_has_another_or_none(bench: Bench) -> None:
    bench.environment(name="staging")
    mine = bench.environment(name="mine")
    suite = bench.suite(bench.case("a"), environment_id=mine)
    assert selected(bench, suite=suite).environment.name == "mine"
    assert selected(bench, suite=suite, environment="staging").environment.name == "staging"
    assert selected(bench, suite=suite, environment=None).environment is None


def test_rows_that_are_chosen_are_those_that_there_are(bench: Bench) -> None:
    rows, plain = bench.case("rows", data=[{"n": n} for n in range(5)]), bench.case("plain")
    found = selected(bench, test_case_ids=[shown(rows), shown(plain)], data_rows=[4, 1, 9, 1])
    assert [(one.position, one.rows) for one in found.cases] == [(0, 2)]
    result = bench.run(rows, data_rows=[4, 1, 9])
    assert [row.data_row for row in bench.executions(run_of(result))] == [1, 4]
    assert result["executions"] == 2


@pytest.mark.parametrize(
    ("wish", "error", "pointer"),
    [
        ({"suite": "nobody's"}, NotFound, "/input/suite"),
        ({"suite": f"suite_{NOBODY}"}, NotFound, "/input/suite"),
        ({"tags": ["nothing has this"]}, BadInput, "/input/tags"),
        ({"test_case_ids": ["good", f"tc_{NOBODY}"]}, NotFound, "/input/test_case_ids/1"),
        ({"test_case_ids": ["draft"]}, BadInput, "/input/test_case_ids/0"),
        ({"test_case_ids": ["rejected"], "include_drafts": True}, BadInput, "/input/test_case_ids/0"),
        ({"test_case_ids": ["good"], "environment": "nowhere"}, NotFound, "/input/environment"),
        ({"test_case_ids": ["good"], "rerun_of": f"run_{NOBODY}"}, NotFound, "/input/rerun_of"),
        ({"test_case_ids": ["good"], "data_rows": [7]}, BadInput, "/input/data_rows"),
        ({"test_case_ids": ["large"], "times": 1000}, BadInput, "/input/times"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_place(
    bench: Bench, wish: Json, error: type[SwitchyardError], pointer: str
) -> None:
    states = {"good": "approved", "draft": "draft", "rejected": "rejected", "large": "approved"}
    made = {
        name: shown(bench.case(name, state=state, data=[{}] * (1001 if name == "large" else 1)))
        for name, state in states.items()
    }
    if "test_case_ids" in wish:
        wish = wish | {"test_case_ids": [made.get(one, one) for one in wish["test_case_ids"]]}
    with pytest.raises(error) as refused:
        bench.submit(**wish)
    assert [one["pointer"] for one in refused.value.errors] == [pointer]
    assert not bench.core.sql("SELECT 1 FROM jobs") and refused.value.detail.endswith(".")


def test_the_rows_of_a_file_are_each_executed(bench: Bench) -> None:
    lines = "n\n" + "\n".join(str(n) for n in range(300))
    case = bench.case("file", data_file_id=bench.file("rows.csv", lines.encode()))
    gone = bench.case("gone", data_file_id=bench.file("gone.csv", b"n\n1\n2\n"))
    broken = bench.case("broken", data_file_id=bench.file("broken.csv", b"n\n1,2\n"))
    bench.core.sql("UPDATE files SET removable_at = now() WHERE filename = 'gone.csv'")
    result = bench.run(case, gone, broken, concurrency=50)
    assert (result["verdict"], result["passed"], result["errored"], result["executions"]) == ("errored", 1, 2, 300)
    rows = bench.results(result)
    assert "gone" in rows["gone"].reason and "2 cells" in rows["broken"].reason
    assert len({one.path for one in bench.target.requests}) == 1
