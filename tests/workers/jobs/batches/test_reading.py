"""Lines become jobs once each, whatever dies, fills up or goes missing meanwhile."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infra import storage
from infra.errors import Unavailable
from infra.settings import settings
from tests.workers.jobs.batches.conftest import Batches, line
from tests.workers.jobs.conftest import Core
from workers.jobs.batches import ending, reading
from workers.jobs.batches.lines import Line, read_line
from workers.jobs.batches.reading import read_batches

Json = dict[str, Any]


def test_a_reader_that_dies_before_its_commit_is_followed_by_one_that_repeats_nothing(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batches.accept(*(line() for _ in range(1200)))
    steps = 0
    remember = reading._remember

    def dying(*args: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise KeyboardInterrupt
        remember(*args)

    monkeypatch.setattr(reading, "_remember", dying)
    with pytest.raises(KeyboardInterrupt):
        read_batches()
    assert batches.get(batch).lines_read == 500 and len(batches.lines_of_jobs(batch)) == 500
    assert read_batches() == 700
    assert batches.lines_of_jobs(batch) == list(range(1, 1201))
    found = batches.get(batch)
    assert (found.status, found.accepted, found.rejected) == ("running", 1200, 0)


def test_two_processes_that_read_the_same_batch_write_each_line_once(batches: Batches) -> None:
    batch = batches.accept(*(line() for _ in range(3000)))
    with ThreadPoolExecutor(3) as pool:
        read = list(pool.map(lambda _: reading._read_until(float("inf")), range(3)))
    assert sum(read) <= 3000
    read_batches()
    assert batches.lines_of_jobs(batch) == list(range(1, 3001))


def test_a_small_batch_is_read_before_the_rest_of_a_large_one(batches: Batches) -> None:
    large = batches.accept(*(line() for _ in range(1500)))
    small = batches.accept(line())
    read_batches(0.01)
    read_batches(0.01)
    assert batches.get(small).status == "running" and batches.get(large).status == "reading"


def test_a_full_queue_delays_lines_and_refuses_none(core: Core, batches: Batches) -> None:
    project = Batches(core, batches.folder, max_queued=30)
    batch = project.accept(*(line(number) for number in range(1, 101)))
    assert read_batches() == 30
    assert project.get(batch).status == "reading"
    while project.get(batch).status == "reading":
        core.end(core.claim(100))
        core.sql("SELECT pg_sleep(0.06)")
        read_batches()
    assert project.lines_of_jobs(batch) == list(range(1, 101))
    assert project.get(batch).rejected == 0


def test_a_line_longer_than_a_job_may_be_is_rejected_and_the_next_one_read(batches: Batches) -> None:
    long = b'{"x": "' + b"y" * (settings().max_body_bytes + 3 * 2**20) + b'"}\n'
    batch = batches.accept(line(), long, line(), long.strip())
    read_batches()
    found = batches.results(batch)
    assert [one["status"] for one in found] == ["queued", "rejected", "queued", "rejected"]
    assert found[1]["error"]["code"] == found[3]["error"]["code"] == "body_too_large"


def test_a_value_that_the_database_refuses_rejects_its_line_alone(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(*args: Any) -> Line:
        found = read_line(*args)
        if found.number == 3 and found.job is not None:
            found.job.lane = "nul \0"
        return found

    monkeypatch.setattr(reading, "read_line", poisoned)
    batch = batches.accept(*(line() for _ in range(5)))
    assert read_batches() == 5
    assert batches.lines_of_jobs(batch) == [1, 2, 4, 5]
    found = batches.results(batch)[2]
    assert found["status"] == "rejected" and found["error"]["code"] == "invalid_input"


def test_storage_that_is_away_delays_and_an_upload_that_is_gone_fails_the_batch(
    batches: Batches, core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batches.accept(*(line() for _ in range(600)))

    class Away:
        def open(self, *_: Any) -> None:
            raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(storage, "store", Away)
        assert read_batches() == 0
    assert batches.get(batch).status == "reading"
    monkeypatch.setattr(reading, "LINES_A_STEP", (500, 1))
    read_batches(0.001)
    for path in batches.files():
        path.unlink()
    read_batches()
    found = batches.get(batch)
    assert (found.status, found.lines_read) == ("running", 500)
    for _ in range(6):
        core.end(core.claim(100))
    ending.sweep_batches()
    found = batches.get(batch)
    assert found.status == "failed" and found.error and "from 501 on" in found.error["message"]
    assert batches.events(batch)[-1] == "batch.failed"
    assert [one["status"] for one in batches.results(batch)] == ["succeeded"] * 500 + ["unread"] * 100


def test_line_3142_is_named_by_its_number_and_the_rest_goes_on(batches: Batches) -> None:
    good = json.dumps(line()).encode() + b"\n"
    batch = batches.accept(good * 3_141, b"{oops\n", good * 58)
    while batches.get(batch).status == "reading":
        read_batches(60)
    found = batches.get(batch)
    assert (found.lines, found.accepted, found.rejected) == (3_200, 3_199, 1)
    assert 3_142 not in set(batches.lines_of_jobs(batch))
    rejected = [one for one in batches.results(batch) if one["status"] == "rejected"]
    assert [one["line"] for one in rejected] == [3_142] and rejected[0]["error"]["code"] == "malformed_json"


def test_jobs_of_a_batch_are_like_others_in_the_queue(batches: Batches, core: Core) -> None:
    options: Json = {"priority": 8, "metadata": {"a": "b"}, "max_attempts": 7, "deadline_s": 60, "max_cost": "0.5"}
    batches.accept(line(**options), line(run_at="2099-01-01T00:00:00Z"), line(store="hashes"))
    read_batches()
    rows = core.sql("SELECT * FROM jobs ORDER BY batch_line")
    first, later, private = rows
    assert (first.priority, first.metadata, first.max_attempts, str(first.max_cost)) == (
        8,
        {"a": "b"},
        7,
        "0.5000000000",
    )
    assert first.deadline_at and first.request_id == "req-test" and first.created_by == batches.project
    assert later.status == "scheduled" and private.payload_digest["sha256"]
    queued = core.sql("SELECT job_id, priority, ready, available_at FROM outbox ORDER BY job_id")
    assert [row.job_id for row in queued] == [first.id, private.id]
    assert all(row.ready and row.available_at for row in queued) and queued[0].priority == 8
    events = core.sql("SELECT type, data FROM job_events WHERE job_id = :id", id=first.id)
    assert [(row.type, row.data["status"]) for row in events] == [("job.queued", "queued")]
    assert [one.job_id for one in core.claim(5)] == [first.id, private.id]
