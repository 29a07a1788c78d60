"""Runs that are kept no longer go, with all that is theirs."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from infra import db, ids
from infra.clock import now
from infra.settings import settings
from models import FilePurpose, Run, StoredFile
from tests.workers.jobs.conftest import Core
from tests.workers.suites.recorded import Recorder, executed
from workers.files import stored
from workers.suites import forgetting


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs are kept for ten days."""
    monkeypatch.setenv("TEST_RUN_RETENTION_DAYS", "10")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def old_run(core: Core, age: timedelta) -> Run:
    """A run of that age with three executions and a report."""
    project, begun = core.project(), now() - age
    with db.transaction() as session:
        facts = stored.Facts("text/html", 1, "0" * 64)
        file = stored.reserve(session, facts, project_id=project, filename="r.html", purpose=FilePurpose.REPORT)
        file.removable_at = None
        session.flush()
        reports = {"html": ids.show(StoredFile.prefix, file.id)}
        run = Recorder(session, project, id=ids.lowest_id_at(begun), created_at=begun, reports=reports)
        run.case("a", *(executed(repetition=number) for number in range(3)))
        return run.end()


def left(core: Core, run: Run) -> list[int]:
    """Rows of the run, its results, its executions, and files that clients see."""
    tables = {"test_runs": "id", "test_case_results": "run_id", "test_case_runs": "run_id"}
    counted = [core.sql(f"SELECT count(*) FROM {table} WHERE {key} = :id", id=run.id) for table, key in tables.items()]
    files = core.sql("SELECT count(*) FROM files WHERE project_id = :id AND removable_at IS NULL", id=run.project_id)
    return [rows[0][0] for rows in (*counted, files)]


@pytest.mark.usefixtures("days")
def test_old_runs_go_with_their_executions_and_files_and_young_ones_stay(core: Core) -> None:
    old, young = old_run(core, timedelta(days=11)), old_run(core, timedelta(days=9))
    assert forgetting.sweep() == 1
    assert left(core, old) == [0, 0, 0, 0] and left(core, young) == [1, 1, 3, 1]
    assert forgetting.sweep() == 0


@pytest.mark.usefixtures("days")
def test_a_run_whose_job_is_still_to_come_stays(core: Core) -> None:
    run = old_run(core, timedelta(days=20))
    job = core.submit(run.project_id)[0]
    core.sql("UPDATE jobs SET id = :id WHERE id = :job", id=run.id, job=job)
    assert forgetting.sweep() == 0 and left(core, run) == [1, 1, 3, 1]


def test_with_zero_days_everything_stays(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    run = old_run(core, timedelta(days=1000))
    monkeypatch.setenv("TEST_RUN_RETENTION_DAYS", "0")
    settings.cache_clear()
    assert forgetting.sweep() == 0 and left(core, run)[0] == 1
    monkeypatch.undo()
    settings.cache_clear()
    forgetting.forget(run)
    assert left(core, run) == [0, 0, 0, 0]
