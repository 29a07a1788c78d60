"""Results in the order of the lines, page by page, at any time."""

import pytest

from infra import db
from infra.errors import NotFound
from tests.workers.jobs.batches.conftest import Batches, line
from tests.workers.jobs.conftest import Core
from workers.jobs.batches import results
from workers.jobs.batches.reading import read_batches


def test_before_and_while_it_runs_every_line_has_its_status(batches: Batches, core: Core) -> None:
    batch = batches.accept(line(custom_id="a"), b"{\n", *(line() for _ in range(700)))
    assert {one["status"] for one in batches.results(batch)} == {"unread"}
    read_batches(0.001)
    core.end(core.claim(1), result={"said": "hello"})
    found = batches.results(batch)
    assert [one["line"] for one in found] == list(range(1, 703))
    assert found[0]["custom_id"] == "a" and found[0]["result"] == {"said": "hello"}
    assert [one["status"] for one in found[:4]] == ["succeeded", "rejected", "queued", "queued"]
    assert [one["status"] for one in found[499:501]] == ["queued", "unread"]


def test_a_page_ends_where_its_results_are_too_many_bytes(
    batches: Batches, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BYTES_A_PAGE", 1000)
    batch = batches.accept(*(line() for _ in range(9)))
    read_batches()
    claimed = core.claim(9)
    for one in claimed:
        core.end([one], result={"said": "x" * 600})
    ends, after = [], 0
    while True:
        with db.transaction() as session:
            page = results.read_page(session, project_id=batches.project, batch_id=batch, after_line=after)
        if page is None:
            break
        after = page.last
        ends.append(after)
    assert ends == [2, 4, 6, 8, 9]
    assert [one["line"] for one in batches.results(batch)] == list(range(1, 10))


def test_a_result_that_is_gone_from_storage_is_null_and_a_deleted_job_says_so(batches: Batches, core: Core) -> None:
    batch = batches.accept(line(), line(), line())
    read_batches()
    first, second, _ = core.claim(3)
    core.end([first], result_key="results/gone.json")
    core.end([second])
    core.sql("DELETE FROM jobs WHERE id = :id", id=second.job_id)
    found = batches.results(batch)
    assert [one["status"] for one in found] == ["succeeded", "deleted", "running"] and found[0]["result"] is None


def test_another_projects_batch_has_no_results(batches: Batches, core: Core) -> None:
    batch = batches.accept(line())
    with pytest.raises(NotFound), db.transaction() as session:
        results.read_page(session, project_id=core.project(), batch_id=batch, after_line=0)
