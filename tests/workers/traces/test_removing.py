"""What is deleted is gone from everywhere, and from nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from infra import db
from infra.errors import NotFound
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.traces import removing, rolling_up

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = ("traces", "observations", "trace_metrics", "trace_sessions")


@pytest.fixture
def project(core: Core) -> UUID:
    core.sql(f"TRUNCATE {', '.join(TABLES)}, trace_series")
    return core.project()


def add(core: Core, project: UUID, count: int, **attributes: Any) -> list[UUID]:
    spans = []
    for number in range(count):
        root = span("root", start=BEGAN + timedelta(seconds=number), session__id="s", **attributes)
        spans += [root, span("below", parent=root)]
    send(core, spans, project=project)
    return [UUID(bytes=one.trace_id) for one in spans[::2]]


def counts(core: Core, project: UUID) -> dict[str, int]:
    asked = " UNION ALL ".join(f"SELECT '{one}', count(*) FROM {one} WHERE project_id = :project" for one in TABLES)
    return dict(core.sql(asked, project=project))


def test_a_deleted_trace_takes_with_it_what_it_had_added(core: Core, project: UUID) -> None:
    first, second = add(core, project, 2)
    other = core.project()
    (theirs,) = add(core, other, 1)
    rolling_up.roll_up()
    with db.transaction() as session, pytest.raises(NotFound):
        removing.remove_trace(session, project, theirs, by=None)
    with db.transaction() as session:
        removing.remove_trace(session, project, first, by=None)
    assert counts(core, project)["observations"] == 2
    (sums,) = core.sql("SELECT traces FROM trace_sessions WHERE project_id = :project", project=project)
    assert sums.traces == 1
    removed = removing.remove_many(project, trace_ids=[first, second, second, theirs], by=None)
    assert (removed.traces, removed.observations, removed.more) == (1, 2, False)
    assert counts(core, project) == dict.fromkeys(TABLES, 0)
    assert counts(core, other)["observations"] == 2
    assert rolling_up.roll_up() == 0


def test_all_that_a_filter_finds_goes_in_steps_also_what_is_not_added_up_yet(core: Core, project: UUID) -> None:
    add(core, project, 230, user__id="ann")
    rolling_up.roll_up()
    kept = add(core, project, 3, user__id="bob")
    removed = removing.remove_many(project, wanted={"user_id": "ann"}, by=None)
    assert (removed.traces, removed.observations, removed.more) == (230, 460, False)
    assert counts(core, project)["traces"] == len(kept)
    removed = removing.remove_many(project, wanted={"started_before": BEGAN + timedelta(seconds=2)}, by=None)
    assert removed.traces == 2


def test_spans_that_come_afterwards_make_the_trace_anew(core: Core, project: UUID) -> None:
    (trace,) = add(core, project, 1)
    rolling_up.roll_up()
    removing.remove_many(project, trace_ids=[trace], by=None)
    send(core, [span("late", trace=trace, start=BEGAN)], project=project)
    assert rolling_up.roll_up() == 1
    assert counts(core, project)["observations"] == 1
