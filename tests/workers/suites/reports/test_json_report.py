"""JSON: everything, in a form that says which one it is."""

import json

from infra import db
from tests.workers.jobs.conftest import Core
from tests.workers.suites.recorded import Recorder, executed
from tests.workers.suites.reports.conftest import Written
from workers.suites.reports import gathering, json_report
from workers.suites.reports.gathering import Steps


def test_it_has_every_case_every_execution_and_every_step(written: Written) -> None:
    found = json.loads(written(json_report.write))
    assert (found["format"], found["version"]) == ("switchyard-test-report", 1)
    run = found["run"]
    assert run["verdict"] == "failed" and run["suite"] == "Shop smoke" and run["environment"] == "staging"
    assert run["executions"] == {"passed": 9, "failed": 8, "errored": 1} and run["new_failures"] == 2
    assert [len(one["executions"]) for one in found["cases"]] == [1, 1, 2, 1, 9, 1, 1, 1, 1, 0]
    step = found["cases"][1]["executions"][0]["steps"][1]
    assert step["response"]["status"] == 500 and step["assertions"][0]["expected"] == 200
    assert found["cases"][7]["verdict"] == "passed" and found["cases"][7]["found"] == "failed"
    assert sorted(one["occurrences"] for one in found["failures"]) == [1, 12]


def test_many_executions_are_told_in_order_and_a_few_at_a_time(core: Core) -> None:
    project = core.project()
    with db.transaction() as session:
        run = Recorder(session, project)
        many = [executed(row=number // 7, repetition=number % 7) for number in range(49)]
        for name, some in (("a", many[:3]), ("b", many), ("c", many[:19]), ("d", many[:2])):
            run.case(name, *some)
        made = run.end()
    head = gathering.head(project, made.id)
    for steps in Steps:
        told = [
            (case.name, [(one.data_row, one.repetition) for one in runs]) for case, runs in gathering.told(head, steps)
        ]
        assert [(name, len(runs)) for name, runs in told] == [("a", 3), ("b", 49), ("c", 19), ("d", 2)]
        assert all(runs == sorted(runs) for _, runs in told)
