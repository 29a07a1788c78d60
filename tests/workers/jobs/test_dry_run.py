"""The estimate of a dry run, from what waits and runs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra import redis
from infra.clock import now
from infra.settings import settings
from tests.client import HELLO
from tests.workers.jobs.conftest import Core
from workers.jobs import presence
from workers.jobs.dry_run import Line, dry_run
from workers.jobs.submit import Wish
from workers.providers import pace

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def one_worker(core: Core) -> None:
    """A worker is alive, which runs 500 jobs at a time."""
    presence._known._made = None
    redis.client().zadd(redis.workers_key("completions"), {"a-worker": now().timestamp()})


def asked(core: Core, project: UUID, model: str = "sandbox/instant", **wish: Any) -> Json:
    payload = {"model": model, "messages": HELLO}
    found: Json = core.do(dry_run, kind="completion", payload=payload, project_id=project, wish=Wish(**wish))
    return found


def codes(found: Json) -> list[str]:
    return [str(reason["code"]) for reason in found["limits"]["reasons"]]


@pytest.mark.parametrize(
    ("places", "busy", "ahead", "seconds"),
    [(4, 0, 0, 0.0), (4, 3, 0, 0.0), (4, 4, 0, 0.5), (4, 2, 2, 0.5), (4, 4, 7, 4.0), (1, 1, 9, 20.0), (0, 0, 0, None)],
)
def test_a_place_is_free_when_those_before_have_run(places: int, busy: int, ahead: int, seconds: float | None) -> None:
    assert Line("x", "x", places, busy, ahead).seconds(2.0) == seconds


def test_how_long_is_not_known_where_nothing_has_run_yet() -> None:
    assert Line("x", "x", 1, 1, 0).seconds(None) is None
    assert Line("x", "x", 2, 1, 0).seconds(None) == 0.0


def test_without_a_worker_nobody_knows_when_it_would_start(core: Core) -> None:
    project = core.project()
    redis.client().flushdb()
    found = asked(core, project)
    assert codes(found) == ["no_worker_on_queue"] and found["limits"]["verdict"] == "would_wait"
    assert found["queue_estimate"] == {"ahead": 0, "starts_in_seconds": None, "workers": 0}


def test_busy_workers_are_waited_for_in_turn_with_other_projects(core: Core) -> None:
    project, other = core.project(), core.project(weight=3)
    core.submit(project, 500)
    core.end(core.claim(500))
    core.sql("UPDATE jobs SET started_at = now() - interval '20 s', finished_at = now()")
    core.submit(project, 500)
    running = core.claim(500)
    core.submit(project, 10)
    alone = asked(core, project)
    assert codes(alone) == ["workers_busy"] and alone["queue_estimate"]["ahead"] == 10
    assert alone["queue_estimate"]["starts_in_seconds"] == pytest.approx(11 * 20 / 500, abs=0.05)
    core.submit(other, 100)
    shared = asked(core, project)
    assert shared["queue_estimate"]["ahead"] == 10
    assert shared["queue_estimate"]["starts_in_seconds"] == pytest.approx((10 * 4 + 1) * 20 / 500, abs=0.05)
    assert asked(core, project, priority=9)["queue_estimate"]["ahead"] == 0
    core.end(running)
    assert asked(core, project)["limits"]["verdict"] == "accepted"


def test_a_project_at_its_limit_would_wait(core: Core) -> None:
    project = core.project(max_running=1)
    core.submit(project, 2)
    core.end(core.claim(1))
    core.sql("UPDATE jobs SET started_at = now() - interval '8 s' WHERE status = 'succeeded'")
    core.claim(1)
    found = asked(core, project)
    assert codes(found) == ["project_concurrency"]
    assert found["queue_estimate"]["starts_in_seconds"] == pytest.approx(8, abs=0.3)
    assert any("8" in sentence for sentence in found["assumptions"])


def test_a_full_queue_is_a_verdict_and_asking_takes_no_room(core: Core) -> None:
    project = core.project(max_queued=2)
    for _ in range(5):
        assert asked(core, project)["limits"]["verdict"] == "accepted"
    core.submit(project, 2)
    found = asked(core, project)
    assert found["limits"]["verdict"] == "would_be_refused" and codes(found)[0] == "queue_full"
    assert core.sql("SELECT count(*) FROM jobs")[0].count == 2


def test_a_deadline_that_would_pass_first_is_pointed_out(core: Core) -> None:
    project = core.project()
    core.submit(project, concurrency_key="k")
    core.end(core.claim(1))
    core.sql("UPDATE jobs SET started_at = finished_at - interval '60 s'")
    core.submit(project, concurrency_key="k")
    core.claim(1)
    assert codes(asked(core, project, concurrency_key="k", deadline_s=30)) == ["concurrency_key", "deadline"]
    later = asked(core, project, concurrency_key="k", deadline_s=600, run_at=now() + timedelta(hours=1))
    assert codes(later) == ["concurrency_key", "schedule"]
    assert 3500 < later["queue_estimate"]["starts_in_seconds"] <= 3600


def test_a_closed_lane_would_have_to_open_first(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    project = core.project()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    settings.cache_clear()
    monkeypatch.setattr(pace, "closed", lambda: {"openai/gpt-4.1": now() + timedelta(seconds=30)})
    found = asked(core, project, model="openai/gpt-4.1")
    assert codes(found) == ["provider_rate_limit"]
    assert 25 < found["queue_estimate"]["starts_in_seconds"] <= 30
    assert codes(asked(core, project, model="openai/gpt-4.1-mini")) == []
    settings.cache_clear()
