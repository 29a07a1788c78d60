"""A store in a database that nobody but the test works on."""

from tests.workers.jobs.conftest import core, servers

__all__ = ["core", "servers"]
