"""Promise 8: one tenant cannot starve another."""

from tests.chaos.attack import Begin
from tests.chaos.load import says, talks
from tests.chaos.plan import size
from tests.chaos.victim import CAPACITY, WORKERS
from tests.conftest import another_project

JOBS = size(250, 5000)
# The others last no time, or the long form would last minutes.
TALK = size(100, 20) / 100
INSTANT = says("sandbox/instant")
# A hiccup of a busy machine is a larger part of a short queue.
SHARE = size(10, 5) / 100
BEGINNING = """
SELECT 1 WHERE (SELECT count(*) FROM jobs WHERE metadata->>'chaos' = %s AND finished_at IS NOT NULL) < %s
"""
BEGAN = """
SELECT extract(epoch FROM max(started_at))::float8, extract(epoch FROM min(created_at))::float8 FROM jobs
WHERE metadata->>'chaos' = %s
"""


def test_a_small_tenants_job_does_not_wait_for_the_thousands_of_a_large_one(attack: Begin) -> None:
    here = attack(8, f"{JOBS} of A, then 1 of B")
    large, small = here.load, here.another_load("-B", another_project(here.victim.system))
    chance = here.faults.random
    with here.faults.frozen(*WORKERS):
        large.submit(JOBS, lambda marker: (talks(chance.randint(1, 50)) if chance.random() < TALK else INSTANT)(marker))
    # Woken workers begin with as many jobs as they have places; from then on places become free one by one.
    here.victim.until(BEGINNING, large.name, CAPACITY * len(WORKERS) * 2, seconds=60, what="the jobs of A have begun")
    small.one(talks(1))
    here.verdict(load=small)
    here.verdict(seconds=300)
    last_of_large, _ = here.victim.rows(BEGAN, large.name)[0]
    first_of_small, asked = here.victim.rows(BEGAN, small.name)[0]
    waited, queue = first_of_small - asked, last_of_large - asked
    here.tell(f"B waited {waited:.2f} s of A's {queue:.1f} s")
    assert waited < SHARE * queue
