"""Promise 2: a job ends exactly once."""

from uuid import UUID

from kombu import Connection

from infra import broker
from tests.chaos.attack import Begin
from tests.chaos.load import says
from tests.chaos.plan import size
from tests.chaos.victim import WORKERS

COPIES = 3
MOVED = """
SELECT id FROM jobs WHERE metadata->>'chaos' = %s AND attempt < 2 AND status = 'running' AND worker LIKE %s
"""
# Ended before the provider can have answered the attempt that the job is in: somebody else's end.
EARLY = """
SELECT id::text, attempt FROM jobs WHERE metadata->>'chaos' = %s AND payload->>'model' = 'openai/slow-1s'
  AND finished_at - started_at < interval '0.9 seconds'
"""


def test_every_message_delivered_three_times_ends_no_job_twice(attack: Begin) -> None:
    here = attack(2, "every message delivered 3 times")
    with Connection(here.victim.system.environment["BROKER_URL"]) as link, link.Producer() as producer:
        for _ in range(size(4, 20)):
            ids = here.load.submit(size(25, 50), says("openai/echo"))
            hexes = [UUID(job_id.removeprefix("job_")).hex for job_id in ids]
            for _ in range(COPIES - 1):
                broker.send(producer, "completions", hexes)
            for task in ("outbox.relay", "sweeps.jobs"):
                for _ in range(COPIES):
                    body, headers, _ = broker.message(task, [])
                    kind = {"content_type": "application/json", "content_encoding": "utf-8"}
                    producer.publish(body, exchange="", routing_key="default", headers=headers, **kind)
            here.faults.done["messages again"] += (COPIES - 1) + 2 * COPIES
    found = here.verdict()
    assert found.statuses == {"succeeded": len(here.load.accepted)}
    assert found.attempts == found.rows == len(here.load.accepted), "a repeated message began a job again"


def test_a_worker_frozen_past_its_lease_and_woken_again_ends_nothing_that_another_took(attack: Begin) -> None:
    here = attack(2, "worker frozen past its lease")
    faults, load = here.faults, here.load
    sorts = (says("openai/slow-1s"), says("openai/fast-stream", stream=True), says("openai/echo"))
    taken = 0
    for round_ in range(size(1, 6)):
        worker = WORKERS[round_ % 2]
        with load.going_on(*sorts, at_most=size(60, 100), threads=4, pause=0.02):
            faults.pause(faults.random.uniform(0.5, 1.0))
            faults.until_busy(worker)
            with faults.frozen(worker):
                held, _ = faults.held_by(worker)
                taken += len(held)
                pid = f"%-{here.victim.system[worker].pid}-%"
                here.victim.until(MOVED, load.name, pid, seconds=40, what="a frozen worker's jobs are taken from it")
    found = here.verdict(seen=f"{taken} jobs taken from it")
    assert found.statuses == {"succeeded": len(load.accepted)}
    assert taken
    assert not here.victim.rows(EARLY, load.name)
