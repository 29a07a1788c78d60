"""Promise 12: a test run whose worker dies goes on where it was."""

import time
from collections import Counter

from tests.chaos.faults import Faults
from tests.chaos.plan import size
from tests.chaos.victim import WORKERS, Victim
from tests.client import Client
from tests.fakes.receiver import Receiver, Reply

ROWS, AT_ONCE = size(40, 2000), 4
STORED = "SELECT count(*) >= %s FROM test_case_runs WHERE run_id = %s::uuid HAVING count(*) < %s"
ATTEMPTS = "SELECT data_row, attempt FROM test_case_runs WHERE run_id = %s::uuid"


def test_what_a_killed_worker_has_stored_is_not_done_again(victim: Victim) -> None:
    faults = Faults(victim, "run killed")
    with Receiver() as target, Client(victim.system.url, victim.system.api_key) as client:
        target.script("/row", Reply(200, delay=0.1))
        asked = {"method": "GET", "url": target.url("/row"), "headers": {"X-Row": "{{n}}"}}
        step = {**asked, "assert": [{"type": "status", "expected": 200}]}
        case = {"name": "rows", "steps": [step], "data": [{"n": n} for n in range(ROWS)]}
        case_id = client.http.post("/v1/test_cases", json=case).json()["id"]
        wish = {"test_case_ids": [case_id], "concurrency": AT_ONCE, "reports": []}
        job = client.submit(wish, kind="test.run")
        run_id = job["id"].removeprefix("job_")
        victim.until(STORED, ROWS // 4, run_id, ROWS // 4, seconds=30, what="a quarter of the run is stored")
        (worker,) = [one for one in WORKERS if job_of(faults, one, run_id)]
        faults.kill(worker)
        faults.start(worker)
        until = time.monotonic() + 60
        while job["finished_at"] is None and time.monotonic() < until:
            job = client.wait(job["id"])
        assert job["status"] == "succeeded", job
        result = job["result"]
        assert (result["verdict"], result["executions"]) == ("passed", ROWS)
        attempts = dict(victim.rows(ATTEMPTS, run_id))
        assert sorted(attempts) == list(range(ROWS)) and set(attempts.values()) == {1, 2}
        assert list(attempts.values()).count(1) >= ROWS // 4
        # What was under way, and what was not written yet, is done again; nothing else is.
        times = Counter(int(one.headers["x-row"]) for one in target.requests)
        assert not [row for row, attempt in attempts.items() if attempt == 1 and times[row] > 1]
        assert max(times.values()) <= 2
        events = [one["sequence"] for one in client.events(job["id"])]
        assert events == list(range(1, len(events) + 1))


def job_of(faults: Faults, worker: str, job_id: str) -> bool:
    """Whether this worker holds the job."""
    return job_id in {one.replace("-", "") for one in faults.held_by(worker)[0]}
