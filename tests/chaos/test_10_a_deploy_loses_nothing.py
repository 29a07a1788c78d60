"""Promise 10: a deploy loses nothing."""

from tests.chaos.attack import Begin
from tests.chaos.load import says, talks
from tests.chaos.plan import size
from tests.chaos.victim import GRACE_SECONDS, WORKERS

# A second longer than the workers' grace time, so that it must be handed back.
LONG_STREAM = talks(100 + GRACE_SECONDS * 100, stream=True)
SORTS = (says("sandbox/instant"), LONG_STREAM, says("openai/slow-1s"), says("openai/echo"))
STEPS = ((WORKERS[0],), (WORKERS[1], "beat", "api"))


def test_a_rolling_restart_under_load_loses_no_job_and_costs_no_attempt(attack: Begin) -> None:
    here = attack(10, "rolling restart under load")
    with here.load.going_on(*SORTS, at_most=size(150, 1500), threads=4, pause=size(40, 100) / 1000, max_attempts=1):
        for _ in range(size(1, 4)):
            for names in STEPS:
                here.faults.ask_to_end(*names)
                here.faults.start(*names)
    found = here.verdict()
    here.tell(f"{found.attempts} attempts")
    assert found.statuses == {"succeeded": len(here.load.accepted)}
