"""PostgreSQL and Redis for what needs no more of Switchyard."""

from tests.workers.jobs.conftest import core, servers

__all__ = ["core", "servers"]
