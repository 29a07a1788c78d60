"""A batch ends once, with one event, whoever sweeps; a cancelled one takes its jobs with it."""

from concurrent.futures import ThreadPoolExecutor

from infra import db
from tests.workers.jobs.batches.conftest import Batches, line
from tests.workers.jobs.conftest import Core
from workers.jobs import lifecycle
from workers.jobs.batches import control, ending
from workers.jobs.batches.reading import read_batches


def test_a_batch_ends_when_its_last_job_has_and_many_sweepers_tell_of_it_once(batches: Batches, core: Core) -> None:
    batch = batches.accept(line(), b"nonsense\n", line())
    read_batches()
    ending.sweep_batches()
    assert batches.get(batch).status == "running"
    core.end(core.claim(10))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ending.sweep_batches(), range(4)))
    found = batches.get(batch)
    assert found.status == "completed" and found.finished_at and found.counts == {"succeeded": 2}
    assert batches.events(batch)[-1] == "batch.completed"
    assert batches.events(batch).count("batch.completed") == 1


def test_a_batch_of_nothing_but_bad_lines_is_completed(batches: Batches) -> None:
    batch = batches.accept(b"nonsense\n", b"[]\n")
    read_batches()
    ending.sweep_batches()
    found = batches.get(batch)
    assert (found.status, found.rejected, found.counts) == ("completed", 2, {})


def test_progress_is_told_at_every_tenth_of_the_way(batches: Batches, core: Core) -> None:
    batch = batches.accept(*(line() for _ in range(40)))
    read_batches()
    for _ in range(40):
        core.end(core.claim(1))
        ending.sweep_batches()
    assert batches.events(batch) == ["batch.created", *["batch.progress"] * 9, "batch.completed"]


def test_the_upload_is_taken_away_once_it_is_read(batches: Batches) -> None:
    batch = batches.accept(line())
    assert len(batches.files()) == 1
    ending.sweep_batches()
    assert len(batches.files()) == 1
    read_batches()
    ending.sweep_batches()
    assert batches.files() == [] and batches.get(batch).file_key is None


def test_a_cancel_in_the_middle_ends_what_waits_asks_what_runs_and_leaves_the_rest_unread(
    batches: Batches, core: Core
) -> None:
    batch = batches.accept(*(line() for _ in range(1200)))
    read_batches(0.001)
    running = core.claim(3)
    with db.transaction() as session:
        assert control.cancel(session, batches.project, batch).status == "cancelling"
    assert read_batches() == 0
    ending.sweep_batches()
    assert batches.counts(batch) == {"running": 3, "cancelled": 497}
    asked = core.do(lifecycle.cancel_requested, [one.job_id for one in running])
    assert asked == {one.job_id for one in running}
    assert core.sql("SELECT 1 FROM outbox") == []
    core.end(running)
    ending.sweep_batches()
    found = batches.get(batch)
    assert found.status == "cancelled" and found.counts == {"cancelled": 500} and found.lines_read == 500
    assert batches.events(batch)[-1] == "batch.cancelled"
    assert {one["status"] for one in batches.results(batch)} == {"cancelled"}
    assert batches.files() == []


def test_a_job_that_comes_back_to_the_queue_while_its_batch_is_cancelled_is_cancelled_too(
    batches: Batches, core: Core
) -> None:
    batch = batches.accept(line())
    read_batches()
    claimed = core.claim(1)
    with db.transaction() as session:
        control.cancel(session, batches.project, batch)
    core.sql("UPDATE jobs SET status = 'queued'")
    core.sql("INSERT INTO outbox (job_id, project_id, queue, priority, attempt, created_at) "
             "SELECT id, project_id, queue, priority, attempt, now() FROM jobs")  # fmt: skip
    ending.sweep_batches()
    assert batches.get(batch).status == "cancelled" and core.claim(1) == [] and len(claimed) == 1
