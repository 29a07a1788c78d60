"""A tenant of its own for the fuzzer, so that what it leaves behind is in nobody's list."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infra.dev.process import python
from infra.dev.system import System
from tests.client import HELLO, Client


@dataclass(frozen=True)
class Tenant:
    """Where the fuzzer may do what it likes, and things that exist there, by the name of their path parameter."""

    url: str
    api_key: str
    known: dict[str, str]


@pytest.fixture(scope="session")
def tenant(system: System) -> Iterator[Tenant]:
    """A new project with a finished job, one that failed, a schedule, a batch, and a key nobody needs."""
    command = python("-m", "flask", "--app", "wsgi", "create-project", "fuzz", "--owner", "fuzz@localhost")
    made = json.loads(system.supervisor.once("create-project", command, system.environment))
    with Client(system.url, made["api_key"]) as client:
        job = client.run()
        key = client.http.post("/v1/api_keys", json={"name": "nobody needs this"}).json()
        plan = {"name": "new year", "cron": "@yearly", "kind": job["kind"], "input": job["input"]}
        schedule = client.http.post("/v1/schedules", json=plan).json()
        batch = client.http.post("/v1/batches", json={"jobs": [{"kind": job["kind"], "input": job["input"]}]}).json()
        failed = client.run({"model": "openai/fail-500", "messages": HELLO}, max_attempts=1)
    assert job["status"] == "succeeded", job
    known = {"job_id": job["id"], "key_id": key["id"], "project_id": made["project_id"]}
    known |= {"schedule_id": schedule["id"], "batch_id": batch["id"]}
    known["dead_letter_id"] = failed["id"].replace("job_", "dl_")
    yield Tenant(system.url, made["api_key"], known)
