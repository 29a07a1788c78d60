"""Dead letters in the job core: classes of reasons, bounds, and many at once."""

import time
from typing import Any
from uuid import UUID

import pytest

from api.openapi_operations import tree
from infra import db
from infra.errors import QueueFull
from models import JobStatus
from schemas.dead_letter import CODES, OTHER, reason_of
from tests.workers.jobs.conftest import Core
from workers.jobs import bounds
from workers.jobs.dead_letters import Chosen, Filter, discard, reasons, redrive

ALL = Chosen(Filter(), limit=1000)


def dead(core: Core, project: UUID, count: int, *, code: str = "worker_lost", **wish: Any) -> list[UUID]:
    """Jobs that failed for good with this code."""
    made = core.submit(project, count, max_attempts=1, **wish)
    while claimed := core.claim(500):
        core.end(claimed, JobStatus.FAILED, error={"code": code, "message": "x", "retryable": True}, dead_letter=True)
    return made


def test_every_error_that_may_pass_and_that_a_job_can_end_with_has_a_class() -> None:
    only_of_requests = {"rate_limited", "queue_full"}
    assert {one.code for one in tree() if one.retryable} - only_of_requests <= set(CODES)
    assert reason_of("provider_timeout") == reason_of("timed_out") == "timeout"
    assert reason_of("unheard_of") == reason_of(None) == OTHER


def test_a_thousand_are_queued_again_within_seconds(core: Core) -> None:
    project = core.project()
    made = dead(core, project, 1001)
    began = time.monotonic()
    done = core.do(redrive, project, ALL)
    assert time.monotonic() - began < 10
    assert done.job_ids == made[:1000] and done.has_more
    again = core.claim(1)[0]
    assert again.attempt == 2 and again.max_attempts == 2
    assert core.do(redrive, project, ALL).job_ids == made[1000:]


def test_more_than_may_wait_is_refused_and_all_stay_dead(core: Core) -> None:
    project = core.project(max_queued=10)
    dead(core, project, 10)
    bounds._counts._made = None
    core.submit(project, 5)
    with pytest.raises(QueueFull):
        core.do(redrive, project, ALL)
    assert core.do(reasons, project)["count"] == 10
    assert len(core.do(redrive, project, Chosen(Filter(), limit=5)).job_ids) == 5


def test_those_that_can_run_again_come_before_those_whose_input_is_gone(core: Core) -> None:
    project = core.project()
    private = dead(core, project, 3, store="none")
    kept = dead(core, project, 3)
    done = core.do(redrive, project, Chosen(Filter(), limit=2))
    assert done.job_ids == kept[:2] and done.skipped == [] and done.has_more
    done = core.do(redrive, project, Chosen(Filter(), limit=2))
    assert done.job_ids == kept[2:] and [one["job_id"] for one in done.skipped] == private[:1] and not done.has_more


def test_a_reason_that_has_no_class_is_found_as_other(core: Core) -> None:
    project = core.project()
    odd = dead(core, project, 1, code="unheard_of")
    dead(core, project, 1)
    assert core.do(redrive, project, Chosen(Filter(reason=OTHER), limit=10)).job_ids == odd


def test_two_that_redrive_at_once_share_them_and_nobody_waits(core: Core) -> None:
    project = core.project()
    made = dead(core, project, 10)
    with db.transaction() as one, db.transaction() as other:
        first = redrive(one, project, Chosen(Filter(), limit=4))
        second = discard(other, project, ALL)
    assert first.job_ids == made[:4] and second.job_ids == made[5:]
    assert core.sql("SELECT count(*) FROM jobs WHERE dead_letter")[0].count == 1


def test_a_queued_or_discarded_job_is_no_dead_letter(core: Core) -> None:
    project = core.project()
    made = dead(core, project, 3)
    core.do(redrive, project, Chosen(None, made[:1]))
    done = core.do(discard, project, Chosen(None, made))
    assert done.job_ids == made[1:] and [one["job_id"] for one in done.skipped] == made[:1]
    assert {row.status for row in core.sql("SELECT status FROM jobs")} == {"queued", "failed"}
    assert core.do(reasons, project) == {"count": 0, "more": False, "data": []}
