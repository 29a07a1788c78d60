"""A tenant of its own for the fuzzer, so that what it leaves behind is in nobody's list."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infra.dev.process import python
from infra.dev.system import System
from tests.client import Client


@dataclass(frozen=True)
class Tenant:
    """Where the fuzzer may do what it likes, and things that exist there, by the name of their path parameter."""

    url: str
    api_key: str
    known: dict[str, str]


@pytest.fixture(scope="session")
def tenant(system: System) -> Iterator[Tenant]:
    """A new project with a finished job and a key nobody needs."""
    command = python("-m", "flask", "--app", "wsgi", "create-project", "fuzz", "--owner", "fuzz@localhost")
    made = json.loads(system.supervisor.once("create-project", command, system.environment))
    with Client(system.url, made["api_key"]) as client:
        job = client.run()
        key = client.http.post("/v1/api_keys", json={"name": "nobody needs this"}).json()
    assert job["status"] == "succeeded", job
    known = {"job_id": job["id"], "key_id": key["id"], "project_id": made["project_id"]}
    yield Tenant(system.url, made["api_key"], known)
