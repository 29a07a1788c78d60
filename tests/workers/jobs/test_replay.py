"""Replay in the job core: merge patches, and a thousand jobs at once."""

import time
from typing import Any

import pytest

from infra.errors import QueueFull
from models import JobStatus
from tests.client import HELLO
from tests.workers.jobs.conftest import Core
from workers.jobs.queries import Filter
from workers.jobs.replay import Changes, merged, replay_many

Json = dict[str, Any]


# The cases of RFC 7396, appendix A, in which both sides are objects.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_standard_says(target: Json, patch: Json, result: Json) -> None:
    before = repr(target), repr(patch)
    assert merged(target, patch) == result
    assert (repr(target), repr(patch)) == before


def test_a_patch_may_nest_deeper_than_python_recurses() -> None:
    patch: Json = {"x": 1}
    for _ in range(5000):
        patch = {"x": patch}
    found = merged({}, patch)
    for _ in range(5000):
        found = found["x"]
    assert found == {"x": 1}


def test_a_thousand_jobs_are_replayed_within_seconds_in_one_transaction(core: Core) -> None:
    project = core.project()
    old = core.submit(project, 1001, metadata={"a": "b"})
    began = time.monotonic()
    done = core.do(replay_many, project, Filter(kind="completion"), 1000, Changes({"temperature": 0}))
    assert time.monotonic() - began < 10
    assert done.count == 1000 and done.has_more and done.skipped == []
    rows = core.sql("SELECT id, replay_of, payload, metadata FROM jobs WHERE replay_of IS NOT NULL ORDER BY id")
    assert [row.id for row in rows] == done.job_ids and [row.replay_of for row in rows] == old[:1000]
    assert all(row.payload["temperature"] == 0 and row.metadata == {"a": "b"} for row in rows)
    assert core.sql("SELECT count(*) FROM outbox")[0].count == 2001
    assert core.sql("SELECT count(*) FROM job_events WHERE sequence = 1")[0].count == 2001


def test_more_than_may_wait_is_refused_and_nothing_is_written(core: Core) -> None:
    project = core.project(max_queued=15)
    core.submit(project, 10)
    with pytest.raises(QueueFull):
        core.do(replay_many, project, Filter(kind="completion"), 100, Changes())
    assert core.sql("SELECT count(*) FROM jobs")[0].count == 10
    assert core.do(replay_many, project, Filter(kind="completion"), 5, Changes()).count == 5


def test_replayed_jobs_wait_for_the_places_of_their_concurrency_key(core: Core) -> None:
    project = core.project()
    core.end(core.claim(1) if core.submit(project, concurrency_key="k", concurrency_limit=2) else [])
    core.do(replay_many, project, Filter(status=JobStatus.SUCCEEDED), 10, Changes())
    core.do(replay_many, project, Filter(status=JobStatus.SUCCEEDED), 10, Changes())
    core.do(replay_many, project, Filter(status=JobStatus.SUCCEEDED), 10, Changes())
    assert len(core.claim(10)) == 2 and len(core.claim(10)) == 0


def test_a_replay_never_wishes_for_more_attempts_than_a_client_may(core: Core) -> None:
    project = core.project()
    (old,) = core.submit(project, max_attempts=20)
    for _ in range(3):
        core.end(core.claim(1), JobStatus.QUEUED, extra_attempts=1)
    done = core.do(replay_many, project, Filter(kind="completion"), 1, Changes())
    rows = core.sql("SELECT id, max_attempts FROM jobs ORDER BY id")
    assert [(row.id, row.max_attempts) for row in rows] == [(old, 23), (done.job_ids[0], 20)]


def test_what_is_skipped_names_the_value_that_cannot_be_used(core: Core) -> None:
    project = core.project()
    (old,) = core.submit(project)
    changes = Changes({"messages": [*HELLO, {"role": "wizard", "content": "x"}]})
    done = core.do(replay_many, project, Filter(kind="completion"), 1, changes)
    assert done.count == 0 and done.skipped[0]["job_id"] == old
    assert done.skipped[0]["code"] == "invalid_input" and "/input/messages/1/role" in done.skipped[0]["detail"]
