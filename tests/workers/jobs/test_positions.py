"""From times to positions: nothing of the time is left out, and little else is read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.workers.jobs.conftest import Core
from workers.jobs import positions
from workers.jobs.positions import MARGIN

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def log(core: Core, project: UUID, many: int, *, apart: float) -> None:
    """Events `apart` seconds from each other, in neighbours' disorder, at positions with holes between them."""
    core.sql(
        """INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at, position)
        SELECT gen_random_uuid(), 1, gen_random_uuid(), :project, 'job.queued', '{}',
          CAST(:begin AS timestamptz) + make_interval(secs => :apart * (n + (n % 2) * 2)), n * 1000
        FROM generate_series(0, :many - 1) n""",
        project=project,
        begin=BEGIN,
        apart=apart,
        many=many,
    )


def between(core: Core, project: UUID, since: datetime, until: datetime) -> tuple[int, int, int]:
    """How many events of the time there are, how many of them between the positions, and how many others."""
    first, after = core.do(positions.between, project, since, until)
    [row] = core.sql(
        """SELECT count(*) FILTER (WHERE wanted), count(*) FILTER (WHERE wanted AND found),
          count(*) FILTER (WHERE found AND NOT wanted) FROM (SELECT created_at >= :since AND created_at < :until AS
          wanted, position >= :first AND position < :after AS found FROM job_events WHERE project_id = :project) e""",
        project=project,
        since=since,
        until=until,
        first=first,
        after=after,
    )
    return tuple(row)


def test_all_events_of_a_time_are_between_its_positions_and_few_others(core: Core) -> None:
    project = core.project()
    log(core, project, 5000, apart=60)
    log(core, core.project(), 100, apart=3600)
    for hours in (0, 1, 17, 83):
        since = BEGIN + timedelta(hours=hours)
        wanted, found, others = between(core, project, since, since + timedelta(minutes=30))
        assert wanted == found and others <= 2 * MARGIN / timedelta(minutes=1) + 4, hours
        assert wanted >= 10 or hours == 83


def test_a_time_before_or_after_everything_has_nothing(core: Core) -> None:
    project = core.project()
    assert core.do(positions.between, project, BEGIN, BEGIN + timedelta(days=1)) == (0, 0)
    log(core, project, 10, apart=60)
    for since in (BEGIN - timedelta(days=2), BEGIN + timedelta(days=2)):
        first, after = core.do(positions.between, project, since, since + timedelta(hours=1))
        assert first == after
    assert between(core, project, BEGIN - timedelta(days=1), BEGIN + timedelta(days=1)) == (10, 10, 0)
