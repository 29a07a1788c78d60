"""How a worker starts."""

import os
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

# The runner's threads are there when the main one calls the broker, which is where this ends.
WATCHED = """
import os, sys, threading

def watch(event, arguments):
    others = {thread.name for thread in threading.enumerate()} & {"jobs", "committer", "webhooks"}
    if event in ("os.putenv", "os.unsetenv") and others:
        os.write(1, f"wrote {arguments[0]!r} beside {sorted(others)}".encode())
        os._exit(1)
    if event == "socket.connect" and threading.current_thread() is threading.main_thread():
        os.write(1, f"began {sorted(others)}".encode())
        os._exit(0)

sys.addaudithook(watch)
from infra.dev.celery import main
main("worker", ["--pool", "threads", "--concurrency", "1", "--queues", "completions,webhooks"])
"""


def test_nobody_writes_the_environment_once_there_are_threads_that_read_it(tmp_path: Path) -> None:
    # In C, where libpq reads it, that is a segmentation fault now and then.
    nobody = "redis://127.0.0.1:9/0"
    settings = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "REDIS_URL": nobody,
        "BROKER_URL": nobody,
        "SWITCHYARD_DATA": str(tmp_path),
    }
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED], env=kept | settings, cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    said = ended.stdout.decode() + ended.stderr.decode()[-2000:]
    assert ended.returncode == 0 and "began ['committer', 'jobs', 'webhooks']" in said, said
