"""What is kept no longer goes, and takes what it had added with it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.clock import now
from infra.settings import settings
from tests.workers.jobs.conftest import Core, forget_this_process
from tests.workers.traces.products import NOON, call, products
from tests.workers.traces.sending import send, span
from workers.traces import forgetting
from workers.traces.base import Span
from workers.traces.removing import remove_some
from workers.traces.rolling_up import roll_up

ADDED = ("traces", "observations", "trace_metrics", "trace_sessions")


@pytest.fixture(autouse=True)
def no_day_was_kept() -> None:
    """As in a worker that has just started."""
    forgetting._kept_at._made = None


def counts(core: Core) -> dict[str, int]:
    """How many rows there are."""
    return {table: core.sql(f"SELECT count(*) AS n FROM {table}")[0].n for table in ADDED}


def trace(start: datetime, name: str = "root") -> list[Span]:
    """A trace of a session of its own."""
    root = span(name, start=start, session__id=name)
    return [root, call(root)]


def names(core: Core) -> list[str]:
    """The traces that are there."""
    return [one.name for one in core.sql("SELECT name FROM traces ORDER BY name")]


def sum_of(core: Core, column: str) -> Any:
    """What the days say."""
    joined = "trace_metrics m JOIN trace_series s ON s.project_id = m.project_id AND s.id = m.series"
    wanted = "m.hours = 24 AND s.of IN ('traces', 'observations')"
    return core.sql(f"SELECT coalesce(sum(m.{column}), 0) AS n FROM {joined} WHERE {wanted}")[0].n


def test_what_is_deleted_leaves_nothing_behind(core: Core, project: UUID) -> None:
    send(core, products(3, 30), project=project)
    roll_up()
    ids = [one.id for one in core.sql("SELECT id FROM traces")]
    removed = core.do(remove_some, project, ids[:29])
    assert removed.traces == 29
    left = core.sql("SELECT observations, input_tokens FROM traces")[0]
    # Once as a trace, and its observations.
    assert sum_of(core, "count") == 1 + left.observations
    assert sum_of(core, "input_tokens") == 2 * left.input_tokens
    core.do(remove_some, project, ids)
    assert counts(core) == dict.fromkeys(ADDED, 0)


def test_what_is_too_old_is_forgotten_and_what_came_late_is_kept_as_long(core: Core, project: UUID) -> None:
    days = settings().trace_retention_days
    today = now()
    send(core, trace(today - timedelta(days=days + 2), "old"), project=project)
    send(core, trace(today - timedelta(days=days - 1), "young"), project=project)
    send(core, trace(today + timedelta(days=16_000), "ahead"), project=project)
    send(core, trace(today - timedelta(days=5_000), "1970"), project=project)
    roll_up()
    # They came when they were over; the last two today, a clock being wrong.
    core.sql(
        "UPDATE traces SET received_at = started_at, first_received_at = started_at WHERE name IN ('old', 'young')"
    )
    assert forgetting.sweep() == 1
    assert names(core) == ["1970", "ahead", "young"]
    assert [one.id for one in core.sql("SELECT id FROM trace_sessions ORDER BY id")] == ["1970", "ahead", "young"]
    assert sum_of(core, "count") == 9
    core.sql("UPDATE traces SET received_at = received_at - make_interval(days => :d)", d=days + 1)
    assert forgetting.sweep() == 2
    assert names(core) == ["young"]


def test_days_are_made_ahead_and_those_too_old_dropped_at_the_first_tick(core: Core, project: UUID) -> None:
    send(core, trace(now() - timedelta(days=1)), project=project)
    forgetting.keep_days()
    partitions = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'observations'::regclass"
    found = {one.name for one in core.sql(partitions)}
    for day in (now(), now() + timedelta(days=7), now() - timedelta(days=1)):
        assert f"observations_{day:%Y%m%d}" in found
    assert core.sql("SELECT count(*) AS n FROM ONLY observations_default")[0].n == 0


def test_series_that_nothing_was_added_to_for_so_long_are_forgotten(core: Core, project: UUID) -> None:
    send(core, trace(NOON), project=project)
    roll_up()
    core.sql("UPDATE trace_series SET seen_at = seen_at - make_interval(days => :d) WHERE \"of\" = 'traces'",
             d=settings().trace_retention_days + 3)  # fmt: skip
    before = core.sql("SELECT count(*) AS n FROM trace_series")[0].n
    forgetting.sweep()
    assert core.sql("SELECT count(*) AS n FROM trace_series")[0].n == before - 1


def test_nothing_is_forgotten_where_everything_is_kept(
    core: Core, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACE_RETENTION_DAYS", "0")
    forget_this_process()
    try:
        send(core, trace(NOON - timedelta(days=4000), "old"), project=project)
        roll_up()
        core.sql("UPDATE traces SET received_at = started_at")
        assert forgetting.sweep() == 0
        assert names(core) == ["old"]
    finally:
        monkeypatch.delenv("TRACE_RETENTION_DAYS")
        forget_this_process()
