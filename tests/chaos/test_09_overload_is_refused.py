"""Promise 9: overload is refused, not suffered."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.attack import Begin
from tests.chaos.load import THREADS, talks
from tests.chaos.plan import size
from tests.chaos.victim import CAPACITY, QUEUED_AT_MOST, WORKERS

# What the workers can take a second of jobs that last a second, and what is aimed at them.
TAKEN = CAPACITY * len(WORKERS)
RATE, USERS = 10 * TAKEN, 16
SECONDS = size(3, 60)
PARTS = ("api", *WORKERS)
GROWTH_AT_MOST = 1.1


def test_ten_times_the_load_is_refused_with_a_time_to_come_back_and_memory_stays_flat(attack: Begin) -> None:
    here = attack(9, f"overload for {SECONDS} s")
    faults, load, memory = here.faults, here.load, list[int]()
    with load.going_on(talks(100), at_most=10**7, threads=USERS, pause=USERS / RATE):
        with faults.frozen(*WORKERS):
            limit = time.monotonic() + 60
            while not load.refusals:
                assert time.monotonic() < limit, f"{len(load.accepted)} jobs wait and nothing is refused"
                faults.pause(0.1)
        before = len(load.accepted) + load.refusals.total()
        for _ in range(SECONDS * 2):
            memory.append(here.victim.memory(*PARTS))
            faults.pause(0.5)
        rate = (len(load.accepted) + load.refusals.total() - before) / SECONDS
    faults.done["submits refused"] += load.refusals.total()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda job: load.client.http.post(f"/v1/jobs/{job}/cancel"), [*load.accepted.values()][::-1]))
    first, last = max(memory[: len(memory) // 2]), max(memory[len(memory) // 2 :])
    flat = f"memory {first / 2**20:.0f} → {last / 2**20:.0f} MiB"
    here.verdict(seen=f"{rate:.0f} submits/s at {TAKEN} jobs/s, {flat}, slowest answer {load.slowest:.1f} s")
    assert load.refusals.keys() == {"429 queue_full"} and "none" not in load.retry_afters
    assert len(load.accepted) >= QUEUED_AT_MOST and load.refusals.total() > SECONDS * TAKEN
    assert last < first * GROWTH_AT_MOST
