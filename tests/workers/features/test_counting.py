"""How many traces features have, while traces come, go over and are deleted."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from infra import db
from tests.workers.features import rows
from tests.workers.jobs.conftest import Core
from workers.features import counting, merging, splitting
from workers.traces import forgetting, removing

pytestmark = pytest.mark.usefixtures("nothing_to_do")
ME = UUID(int=7)


def traces_of(core: Core, project: UUID, *features: UUID) -> list[int]:
    return [core.do(rows.get, project, one).traces for one in features]


def test_what_goes_from_a_merged_feature_is_taken_off_the_one_that_stands_for_it(core: Core) -> None:
    project = core.project()
    one, into, other = (core.do(rows.feature, project) for _ in range(3))
    core.do(merging.merge, project, one, into, by=ME)
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    came = [{"id": into, "traces": 3, "first": first, "last": last}, {"id": one, "traces": 2}]
    core.do(counting.count, project, [*came, {"id": uuid4(), "traces": 9}])
    late = core.do(rows.trace, project, one)
    assert traces_of(core, project, one, into) == [0, 5]
    core.do(splitting.assign, project, other, [late], by=ME)
    assert traces_of(core, project, one, into, other) == [0, 4, 1]
    found = core.do(rows.get, project, into)
    assert (found.first_seen_at, found.last_seen_at) == (first, last)


def test_deleted_traces_are_counted_no_more_and_neither_are_those_that_are_too_old(core: Core) -> None:
    project = core.project()
    feature = core.do(rows.feature, project, traces=4)
    one, two, old = (core.do(rows.trace, project, feature) for _ in range(3))
    core.do(rows.fact, project, feature, one)
    with db.transaction() as session:
        removing.remove_trace(session, project, one, by=None)
    assert removing.remove_many(project, trace_ids=[two, two], by=None).traces == 1
    assert traces_of(core, project, feature) == [2]
    assert not core.sql("SELECT 1 FROM feature_facts WHERE trace_id = :id", id=one)
    core.sql("UPDATE traces SET started_at = '2020-01-01Z', received_at = '2020-01-01Z' WHERE id = :id", id=old)
    assert forgetting.sweep() == 1
    assert traces_of(core, project, feature) == [1]
