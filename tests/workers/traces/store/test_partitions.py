"""The days of observations: made ahead, filled from what came before them, dropped."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from infra import db
from infra.schema import PARTITION
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send, span
from workers.traces.store import partitions, store

DAY = timedelta(days=1)


@pytest.fixture
def today(core: Core) -> datetime:
    """A day of its own for each test, far from those of others."""
    for (name,) in core.sql(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'observations'::regclass"
    ):
        if not name.endswith("default"):
            core.sql(f"DROP TABLE {name}")
    core.sql("DELETE FROM observations_default")
    return datetime(2026, 3, 1, 12, tzinfo=UTC)


def days(core: Core) -> list[str]:
    rows = core.sql("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'observations'::regclass")
    return sorted(name.removeprefix("observations_") for (name,) in rows)


def where(core: Core, project: UUID) -> dict[str, str]:
    """The partition that each span is in, by its name."""
    rows = core.sql("SELECT name, tableoid::regclass::text FROM observations WHERE project_id = :p", p=project)
    return {name: table.removeprefix("observations_") for name, table in rows}


def test_there_is_a_partition_for_every_day_that_is_kept_and_a_week_ahead(core: Core, today: datetime) -> None:
    core.do(store().make_days, 30, today)
    found = days(core)
    assert (found[0], found[-2], found[-1], len(found)) == ("20260130", "20260308", "default", 39)
    assert all(PARTITION.fullmatch(f"observations_{name}") for name in found)
    core.do(store().make_days, 30, today)
    assert days(core) == found


def test_spans_go_to_their_day_and_those_far_off_to_the_default(core: Core, today: datetime) -> None:
    project = core.project()
    core.do(store().make_days, 30, today)
    midnight = today.replace(hour=0)
    moments = {
        "first": midnight,
        "last": midnight + DAY - timedelta(microseconds=1),
        "1970": datetime(1970, 1, 1, 1, tzinfo=UTC),
        "2070": datetime(2070, 1, 1, tzinfo=UTC),
    }
    send(core, [span(name, start=moment) for name, moment in moments.items()], project=project)
    assert where(core, project) == {"first": "20260301", "last": "20260301", "1970": "default", "2070": "default"}


def test_what_came_before_its_day_had_a_partition_moves_into_it(core: Core, today: datetime) -> None:
    project = core.project()
    one = span("early", start=today, note="kept")
    send(core, [one, span("1970", start=datetime(1970, 1, 2, tzinfo=UTC))], project=project)
    assert where(core, project)["early"] == "default"
    core.do(store().make_days, 30, today)
    assert where(core, project) == {"early": "20260301", "1970": "default"}
    assert send(core, [one], project=project).added == 0
    ((found,),) = core.do(store().of_traces, project, [UUID(bytes=one.trace_id)]).values()
    assert found.attributes == {"note": "kept"}


def test_days_that_are_too_old_are_dropped_and_others_stay(core: Core, today: datetime) -> None:
    project = core.project()
    core.do(store().make_days, 30, today)
    send(core, [span("old", start=today - 20 * DAY), span("young", start=today)], project=project)
    core.do(store().drop_days, 10, today)
    assert where(core, project) == {"young": "20260301"}
    assert days(core)[0] == "20260219"


def test_what_is_kept_for_ever_is_never_dropped(core: Core, today: datetime) -> None:
    core.do(store().make_days, 30, today - 300 * DAY)
    before = days(core)
    core.do(store().make_days, 0, today)
    assert set(before) < set(days(core))


def test_what_is_too_much_to_forget_at_once_is_said_and_goes_with_the_next(core: Core, today: datetime) -> None:
    project, later = core.project(), datetime.now(UTC) + 31 * DAY
    send(core, [span("1970", start=datetime(1970, 1, 2, tzinfo=UTC))], project=project)
    catalogue = "SELECT column_name FROM information_schema.columns WHERE table_name = 'observations_default'"
    columns = [one.column_name for one in core.sql(f"{catalogue} AND is_generated = 'NEVER'")]
    made = ", ".join("n" if one == "digest" else one for one in columns)
    more = f"FROM observations_default, generate_series(1, {partitions.MOST_FORGOTTEN}) n"
    core.sql(f"INSERT INTO observations_default ({', '.join(columns)}) SELECT {made} {more}")
    assert core.do(store().drop_days, 30, later) is True
    assert core.do(store().drop_days, 30, later) is False
    assert where(core, project) == {}


def test_what_has_no_day_is_forgotten_by_when_it_came(core: Core, today: datetime) -> None:
    project = core.project()
    send(core, [span("1970", start=datetime(1970, 1, 2, tzinfo=UTC))], project=project)
    core.do(store().drop_days, 30, datetime.now(UTC) + 29 * DAY)
    assert where(core, project) == {"1970": "default"}
    core.do(store().drop_days, 30, datetime.now(UTC) + 31 * DAY)
    assert where(core, project) == {}


def test_a_resource_is_forgotten_long_after_its_last_span(core: Core, today: datetime) -> None:
    project = core.project()
    send(core, [span()], project=project)
    resources = "SELECT 1 FROM trace_resources WHERE project_id = :p"
    core.do(store().drop_days, 30, datetime.now(UTC) + 31 * DAY)
    assert core.sql(resources, p=project)
    core.do(store().drop_days, 30, datetime.now(UTC) + 33 * DAY)
    assert not core.sql(resources, p=project)


def test_two_at_once_are_no_harm(core: Core, today: datetime) -> None:
    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(core.do, store().make_days, 30, today) for _ in range(3)]:
            done.result()
    assert len(days(core)) == 39


def test_spans_come_in_while_days_are_made(core: Core, today: datetime) -> None:
    project = core.project()
    with ThreadPoolExecutor(1) as thread, db.transaction() as session:
        store().make_days(session, 30, today + DAY)
        # Their day's partition is not committed: they wait for it, or go where they would have gone before.
        sent = thread.submit(send, core, [span("meanwhile", start=today)], project=project)
        session.commit()
        assert sent.result(10).added == 1
    assert len(where(core, project)) == 1


def test_a_lock_that_is_not_to_be_had_is_an_error_that_passes(core: Core, today: datetime) -> None:
    with db.transaction() as session:
        session.connection().exec_driver_sql("LOCK TABLE observations_default IN ROW EXCLUSIVE MODE")
        with pytest.raises(Exception, match="lock timeout") as caught:
            core.do(store().make_days, 30, today)
    assert db.is_passing(caught.value)
    assert days(core) == ["default"]
