"""The kind that runs test cases."""

from typing import Any

from schemas.test_run import RunJobIn, RunJobOut
from workers.kinds.base import Context, Kind
from workers.suites.running import planning

Json = dict[str, Any]


async def run(ctx: Context, payload: Json) -> Json:
    """Executes them; however they end, the job has done its work."""
    from workers.suites.running import runner  # its steps ask models as another kind does: it imports the kinds

    return await runner.run(ctx, payload)


def preload() -> None:
    """Imports what runs need."""
    from workers.suites.running import runner

    runner.preload()


KIND = Kind(
    name="test.run",
    title="Test run",
    queue="testruns",
    payload=RunJobIn,
    result=RunJobOut,
    run=run,
    example={"suite": "Smoke", "environment": "staging", "times": 3},
    admit=planning.admit,
    scope=lambda _: "tests:run",
    timeout_seconds=6 * 3600.0,
)
