"""Submits jobs without HTTP, one commit each, as schedules do: `python -m tests.bench.submitter 500`.

Says "ready", waits for a line, submits, and says how many seconds of CPU that took.
"""

import os
import sys
import time
from collections.abc import Callable
from uuid import UUID

from infra import db
from workers.jobs.submit import Wish, submit

HELLO = {"model": "sandbox/instant", "messages": [{"role": "user", "content": "hi"}]}


def at_the_signal(jobs: int, submit_one: Callable[[], object]) -> None:
    """Submits one to warm up, then the rest when a line comes."""
    submit_one()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.process_time()
    for _ in range(jobs - 1):
        submit_one()
    print(time.process_time() - began, flush=True)


def main(jobs: int) -> None:
    project = UUID(os.environ["BENCH_PROJECT"])

    def submit_one() -> None:
        with db.transaction() as session:
            submit(session, kind="completion", payload=HELLO, project_id=project, wish=Wish())

    at_the_signal(jobs, submit_one)


if __name__ == "__main__":
    main(int(sys.argv[1]))
