"""The kind that runs test cases."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from schemas.test_run import RunJobIn, RunJobOut
from workers.kinds.base import Context, Kind

Json = dict[str, Any]


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a suite, cases or an environment that are not there, nothing to run, and far too much."""
    from workers.suites.running import planning  # what belongs to cases imports the kinds, too

    planning.admit(session, project_id, payload)


async def run(ctx: Context, payload: Json) -> Json:
    """Executes them; however they end, the job has done its work."""
    from workers.suites.running.runner import run

    return await run(ctx, payload)


def preload() -> None:
    """Imports what a run needs."""
    from workers.suites.running import runner as runner


KIND = Kind(
    name="test.run",
    title="Test run",
    queue="testruns",
    payload=RunJobIn,
    result=RunJobOut,
    run=run,
    example={"suite": "Smoke", "environment": "staging", "times": 3},
    admit=admit,
    scope=lambda _: "tests:run",
    timeout_seconds=6 * 3600.0,
)
