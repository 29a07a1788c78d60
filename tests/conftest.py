"""The whole system, real: PostgreSQL, Redis, gunicorn, Celery workers and beat, started once for all tests.

Tests speak to it through its doors. The AI provider is `tests/fakes/provider.py`, a server of our own over real HTTP.
"""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import Client
from tests.fakes.provider import FakeProvider
from workers import projects
from workers.identity import keys

# These share a system of their own, so they stay together; they take longest, so they come first.
TOGETHER = ("tests/chaos", "tests/journeys")
EVERYTHING_BUT_FLOWER = ("api", "io1", "cpu", "beat")
SHORT = {
    "LEASE_SECONDS": "3",
    "HEARTBEAT_SECONDS": "1",
    "STREAM_HEARTBEAT_SECONDS": "2",
    "ANONYMOUS_REQUESTS_PER_MINUTE": "100000",
    "WEBHOOK_TIMEOUT_SECONDS": "2",
    "FEATURE_QUIET_SECONDS": "1",
}


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


NewFolder = Callable[[str], Path]


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> NewFolder:
    """Makes data folders as the first start of a system leaves them: migrated, with the demo project and its key.

    They are copies of one, so that only one start has all that to do. tests/infra/dev/test_up.py is about first starts.
    """
    first = tmp_path_factory.mktemp("first") / "data"
    with System(Options(data=first, port=free_port(), flower_port=free_port()), only=("beat",)):
        pass

    def new(name: str) -> Path:
        copy = tmp_path_factory.mktemp(name) / "data"
        subprocess.run(["cp", "-a", str(first), str(copy)], check=True)
        return copy

    return new


@pytest.fixture(scope="session")
def system(provider: FakeProvider, new_folder: NewFolder) -> Iterator[System]:
    """Switchyard, running."""
    options = Options(data=new_folder("switchyard"), port=free_port(), flower_port=free_port())
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
    """A fresh project's key, made as `switchyard create-project` does, without its process."""
    engine = create_engine(make_url(system.database_url).set(drivername="postgresql+psycopg2"))
    with Session(engine) as session, session.begin():
        project, owner = projects.create_project(session, name="stranger", owner_email="s@example.com")
        _, secret = keys.create_key(session, project_id=project.id, name="first key", created_by=owner.id)
    engine.dispose()
    return secret


class Shared(LoadScopeScheduling):  # type: ignore[misc]
    """Tests shared between two processes by file, or by folder of TOGETHER."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Shared:
    """Shares the tests out."""
    return Shared(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first, and tells apart what schemathesis gives one name: xdist runs a name once."""
    named: Counter[str] = Counter()
    for item in items:
        named[item.nodeid] += 1
        if named[item.nodeid] > 1:
            item._id = item.id.with_params(str(named[item.nodeid]))
    items.sort(key=lambda item: not item.nodeid.startswith(TOGETHER))
