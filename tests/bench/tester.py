"""Test runs as a user starts them, over HTTP, in a project of their own of a system with one I/O worker."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import Client
from tests.conftest import another_project

Json = dict[str, Any]

# Nothing here is about limits of requests; this machine may be called.
SETTINGS = {
    "REQUESTS_PER_MINUTE": "100000000",
    "ANONYMOUS_REQUESTS_PER_MINUTE": "100000000",
    "LOG_LEVEL": "WARNING",
    "ALLOW_PRIVATE_TARGETS": "127.0.0.0/8",
}
PATIENCE = 1800.0
# As many as one request may approve.
AT_ONCE = 1000


class Tester:
    """A user with a project of their own."""

    def __init__(self, system: System) -> None:
        self.client = Client(system.url, another_project(system))

    def __enter__(self) -> "Tester":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.http.close()

    def get(self, path: str, **query: Any) -> Json:
        """What is there."""
        answer = self.client.http.get(f"/v1{path}", params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def send(self, path: str, body: Json | None = None, *, method: str = "POST") -> Json:
        """What that answers."""
        answer = self.client.http.request(method, f"/v1{path}", json=body or {})
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        found: Json = answer.json()
        return found

    def done(self, kind: str, wish: Json) -> Json:
        """The job, succeeded."""
        job = self.send("/jobs", {"kind": kind, "input": wish, "max_attempts": 1})
        until = time.monotonic() + PATIENCE
        while job["finished_at"] is None and time.monotonic() < until:
            job = self.client.wait(job["id"], 60)
        assert job["status"] == "succeeded", job.get("error") or job["status"]
        return job

    def run(self, **wish: Any) -> Json:
        """The result of a run without reports."""
        result: Json = self.done("test.run", {"reports": [], **wish})["result"]
        return result

    def case(self, name: str, *steps: Json, **more: Any) -> str:
        """The id of a new case."""
        made: str = self.send("/test_cases", {"name": name, "steps": list(steps), **more})["id"]
        return made

    def environment(self, name: str, base_url: str, secrets: Json | None = None, **more: Any) -> str:
        """The id of a new environment."""
        made: str = self.send("/environments", {"name": name, "base_url": base_url, **more})["id"]
        for secret, value in (secrets or {}).items():
            self.send(f"/environments/{made}/secrets/{secret}", {"value": value}, method="PUT")
        return made

    def approve(self, cases: list[str]) -> None:
        """All of these drafts."""
        for at in range(0, len(cases), AT_ONCE):
            self.send("/test_cases/approve", {"test_case_ids": cases[at : at + AT_ONCE]})


@contextmanager
def system(**settings: str) -> Iterator[System]:
    """A system of its own, with one I/O worker process."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(data=Path(folder) / "data", port=free_port(), flower_port=free_port())
        only = ("api", "io1", "cpu", "beat")
        with System(options, only=only, environment={**SETTINGS, **settings}) as started:
            yield started
