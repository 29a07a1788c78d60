"""A system to be broken, once with each broker."""

from collections.abc import Iterator

import pytest

from infra.dev import rabbitmq
from infra.dev.environment import Options
from infra.dev.ports import free_port
from infra.dev.system import System
from tests.client import Client
from tests.conftest import EVERYTHING_BUT_FLOWER, SHORT, NewFolder, addresses
from tests.fakes.provider import FakeProvider

WITH_RABBITMQ = pytest.mark.skipif(not rabbitmq.installed(), reason=rabbitmq.MISSING)


@pytest.fixture(scope="module", params=["redis", pytest.param("rabbitmq", marks=WITH_RABBITMQ)])
def broker(request: pytest.FixtureRequest) -> str:
    """Which broker carries the hints; it is also the name of its process."""
    return str(request.param)


@pytest.fixture(scope="module")
def fragile(broker: str, provider: FakeProvider, new_folder: NewFolder) -> Iterator[System]:
    """A system of its own, to be broken."""
    options = Options(data=new_folder("fragile"), port=free_port(), flower_port=free_port(), broker=broker)
    environment = {**SHORT, **addresses(provider), "ANONYMOUS_REQUESTS_PER_MINUTE": "50"}
    with System(options, only=EVERYTHING_BUT_FLOWER, environment=environment) as running:
        yield running


@pytest.fixture
def user(fragile: System) -> Iterator[Client]:
    """Its user."""
    with Client(fragile.url, fragile.api_key) as connected:
        yield connected
