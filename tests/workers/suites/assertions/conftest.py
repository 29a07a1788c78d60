"""A knowledge base with an ingested description."""

import pytest

from tests.workers.knowledge.conftest import knowledge
from tests.workers.specs.ingesting_specs import Reader

__all__ = ["knowledge"]


@pytest.fixture
def reads(knowledge, run):
    """Reads descriptions into an empty knowledge base."""
    return Reader(knowledge, run)
