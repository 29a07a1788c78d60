"""A project's jobs in figures."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.clock import now
from infra.errors import ProviderUnavailable
from models import JobStatus
from schemas.stats import Reason
from tests.workers.jobs.conftest import Core
from workers.jobs import census, figures

FAILED = ProviderUnavailable("down").as_json()


def stats(core: Core, project: UUID, **window: Any) -> dict[str, Any]:
    found: dict[str, Any] = core.do(figures.stats, project, **{"since": now() - timedelta(days=1), **window})
    return found


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {row["status"]: row["count"] for row in found["counts"]}


def test_the_figures_count_each_queue_by_what_it_waits_for(core: Core) -> None:
    core.listens()
    project = core.project()
    core.submit(project, 4, concurrency_key="k")
    core.submit(project, 2, run_at=now() + timedelta(hours=1))
    core.end(core.claim(1), JobStatus.QUEUED, delay_seconds=60, error=FAILED)
    core.submit(project, 3)
    core.submit(core.project(), 7)
    queue = stats(core, project)["queues"][0]
    assert (queue["queue"], queue["workers"]) == ("completions", 1)
    assert (queue["queued"], queue["running"], queue["scheduled"]) == (7, 0, 2)
    assert {share.reason: share.count for share in queue["waiting_for"]} == {
        Reason.WORKERS_BUSY: 4,
        Reason.CONCURRENCY_KEY: 2,
        Reason.RETRY_BACKOFF: 1,
    }
    assert not any(share.more for share in queue["waiting_for"]) and queue["oldest_queued_seconds"] >= 0


def test_counting_what_waits_ends_at_its_bound(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "COUNT_AT_MOST", 5)
    project = core.project()
    core.submit(project, 6)
    shares = stats(core, project)["queues"][0]["waiting_for"]
    assert [(share.reason, share.count, share.more) for share in shares] == [(Reason.NO_WORKER, 5, True)]


def test_final_jobs_are_counted_since_a_time_and_unfinished_ones_all(core: Core) -> None:
    project = core.project()
    core.submit(project, 3)
    core.end(core.claim(2))
    core.end(core.claim(1), JobStatus.FAILED, error=FAILED)
    core.submit(project, 2)
    core.claim(1)
    young = {"failed": 1, "queued": 1, "running": 1, "succeeded": 2}
    assert counts(stats(core, project)) == young
    assert counts(stats(core, project, since=now() + timedelta(seconds=1))) == {"queued": 1, "running": 1}
    assert stats(core, project)["finished_last_hour"] == 3
