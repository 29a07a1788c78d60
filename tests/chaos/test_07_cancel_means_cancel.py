"""Promise 7: cancel means cancel."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.attack import Begin
from tests.chaos.load import THREADS, says
from tests.chaos.plan import size

JOBS = size(80, 200)
STREAMS = size(3, 10)
STOPS_WITHIN_SECONDS = 1.0
SORTS = (
    says("sandbox/instant"),
    says("sandbox"),
    says("openai/slow-100ms"),
    says("openai/slow-stream", stream=True),
    says("openai/slow-1s"),
)


def test_a_job_whose_cancel_was_answered_with_200_never_succeeds(attack: Begin) -> None:
    here = attack(7, f"{JOBS} jobs cancelled at random moments")
    waits = [here.faults.random.uniform(0.0, 1.0) for _ in range(JOBS)]

    def one(number: int) -> tuple[str, int]:
        job_id = here.load.one(SORTS[number % len(SORTS)])
        assert job_id is not None
        here.faults.pause(waits[number])
        return job_id, here.load.client.http.post(f"/v1/jobs/{job_id}/cancel").status_code

    with ThreadPoolExecutor(THREADS * 2) as pool:
        answers = dict(pool.map(one, range(JOBS)))
    cancelled = {job_id for job_id, status in answers.items() if status == 200}
    here.faults.done["cancels"] += JOBS
    here.verdict(seen=f"{len(cancelled)} in time")
    assert set(answers.values()) == {200, 409}
    for job_id, status in answers.items():
        assert (here.load.client.wait(job_id)["status"] == "cancelled") == (status == 200), job_id


def test_a_cancelled_stream_stops_costing_within_a_second(attack: Begin) -> None:
    here = attack(7, "streams cancelled, until the provider is left")
    provider, took = here.victim.provider, []
    for _ in range(STREAMS):
        [job_id] = here.load.submit(1, says("openai/slow-stream", stream=True))
        marker = next(marker for marker, known in here.load.accepted.items() if known == job_id)
        for event in here.load.client.events(job_id):
            if event["type"] == "job.delta":
                break
        began = time.monotonic()
        assert here.load.client.http.post(f"/v1/jobs/{job_id}/cancel").status_code == 200
        final = here.load.client.wait(job_id)
        assert final["status"] == "cancelled" and final["usage"]["calls"] == 1
        assert final["result"]["message"]["content"].startswith("word0 ")
        took.append(provider.dropped_at[marker] - began)
    here.faults.done["cancels"] += STREAMS
    here.verdict(seen=f"provider left after at most {max(took):.2f} s")
    assert max(took) < STOPS_WITHIN_SECONDS
