"""Specifications in a database that nobody but the test works on."""

import pytest

from tests.workers.jobs.conftest import core, servers
from tests.workers.knowledge.conftest import knowledge
from tests.workers.specs.ingesting_specs import Reader

__all__ = ["core", "knowledge", "servers"]


@pytest.fixture
def reads(knowledge, run):
    """Reads descriptions into an empty knowledge base."""
    return Reader(knowledge, run)
