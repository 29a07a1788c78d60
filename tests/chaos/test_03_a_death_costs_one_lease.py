"""Promise 3: a worker's death costs at most one lease."""

from concurrent.futures import ThreadPoolExecutor

from tests.chaos.attack import Begin
from tests.chaos.load import says
from tests.chaos.plan import size
from tests.chaos.victim import WORKERS

ROUNDS = size(1, 50)
SORTS = (
    says("sandbox/instant"),
    says("openai/slow-1s"),
    says("sandbox", stream=True),
    says("openai/echo"),
    says("openai/fast-stream", stream=True),
    says("openai/slow-100ms"),
)


def test_workers_killed_at_random_moments_lose_no_job_and_their_jobs_run_again_within_a_lease(attack: Begin) -> None:
    here = attack(3, f"worker tree killed, {ROUNDS} rounds")
    faults, load = here.faults, here.load
    with ThreadPoolExecutor(8) as watching, load.going_on(*SORTS, at_most=size(200, 6000), pause=size(50, 150) / 1000):
        recoveries = []
        for _ in range(ROUNDS):
            faults.pause(faults.random.uniform(0.0, 1.0))
            worker = faults.random.choice(WORKERS)
            held = faults.kill_and_recover(worker)
            recoveries.append((len(held[0]), watching.submit(faults.recovered, *held)))
            faults.start(worker)
    took = [watched.result() for _, watched in recoveries]
    cut = sum(count for count, _ in recoveries)
    found = here.verdict(seen=f"{cut} running jobs hit, again after at most {max(took):.1f} s")
    assert found.statuses == {"succeeded": len(load.accepted)}
