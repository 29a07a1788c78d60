"""Specifications in a database that nobody but the test works on."""

from tests.workers.jobs.conftest import core, servers
from tests.workers.knowledge.conftest import knowledge

__all__ = ["core", "knowledge", "servers"]
