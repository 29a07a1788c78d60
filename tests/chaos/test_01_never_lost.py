"""Promise 1: a job answered with 202 is never lost."""

from tests.chaos.attack import Begin
from tests.chaos.load import says
from tests.chaos.plan import size
from tests.chaos.victim import WORKERS

ANSWERS_WITHIN_SECONDS = 3.0
INSTANT = says("sandbox/instant")


def test_an_api_killed_between_the_commit_and_the_hint_loses_no_job(attack: Begin) -> None:
    here = attack(1, "API killed between commit and publish")
    faults, load, broker = here.faults, here.load, here.victim.broker
    for _ in range(size(1, 5)):
        broker.silence()
        faults.done["silent broker"] += 1
        try:
            load.submit(size(10, 50), INSTANT)
            slowest = load.slowest
            with load.going_on(INSTANT, at_most=size(100, 200), pause=0.02):
                faults.pause(faults.random.uniform(0.1, 0.5))
                faults.kill("api")
                broker.cut()  # with it goes what the broker should have got
                broker.speak()
                faults.start("api")
        finally:
            broker.speak()
        assert slowest < ANSWERS_WITHIN_SECONDS
    here.verdict()


def test_jobs_submitted_while_redis_is_stopped_run_when_it_is_back(attack: Begin) -> None:
    here = attack(1, "Redis stopped during submits")
    with here.faults.stopped("redis", 0.0):
        here.load.submit(size(80, 1000), INSTANT)
    here.verdict()


def test_a_flush_of_redis_with_jobs_queued_loses_none(attack: Begin) -> None:
    here = attack(1, "FLUSHALL with jobs queued")
    with here.faults.frozen(*WORKERS):
        here.load.submit(size(150, 1000), INSTANT)
        here.victim.flush_redis()
        here.faults.done["FLUSHALL"] += 1
    here.verdict()
