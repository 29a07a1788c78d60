"""The whole system, real: PostgreSQL, Redis, gunicorn, Celery workers and beat, started once for all tests.

Tests speak to it through its doors. The AI provider is `tests/fakes/provider.py`, a server of our own over real HTTP.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import Client
from tests.fakes.provider import FakeProvider

EVERYTHING_BUT_FLOWER = ("api", "io1", "beat")
SHORT = {"LEASE_SECONDS": "3", "HEARTBEAT_SECONDS": "1", "ANONYMOUS_REQUESTS_PER_MINUTE": "100000"}


def addresses(provider: FakeProvider) -> dict[str, str]:
    """The environment in which every vendor is the fake one."""
    return {
        "OPENAI_API_KEY": "sk-test-openai",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "ANTHROPIC_API_KEY": "sk-test-anthropic",
        "ANTHROPIC_BASE_URL": provider.url,
        "LOCAL_BASE_URL": f"{provider.url}/v1",
        "XAI_API_KEY": "",
    }


@pytest.fixture(scope="session")
def provider() -> Iterator[FakeProvider]:
    """The provider that the workers call."""
    with FakeProvider() as running:
        yield running


@pytest.fixture(scope="session")
def system(provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Switchyard, running."""
    data: Path = tmp_path_factory.mktemp("switchyard")
    options = Options(data=data, port=free_port(), flower_port=free_port())
    with System(options, only=EVERYTHING_BUT_FLOWER, environment={**SHORT, **addresses(provider)}) as running:
        yield running


@pytest.fixture(scope="session")
def client(system: System) -> Iterator[Client]:
    """A client with the demo project's key."""
    with Client(system.url, system.api_key) as connected:
        yield connected


@pytest.fixture(scope="session")
def stranger(system: System) -> Iterator[Client]:
    """A client of another project."""
    with Client(system.url, another_project(system)) as connected:
        yield connected


def another_project(system: System) -> str:
    """A fresh project's key, made as an operator would."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "create-project", "stranger", "--owner", "s@example.com"]
    made = subprocess.run(command, env=system.environment, capture_output=True, text=True, check=True)
    key: str = json.loads(made.stdout)["api_key"]
    return key
