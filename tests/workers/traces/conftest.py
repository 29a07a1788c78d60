"""PostgreSQL and Redis of their own, for what traces are."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.workers.jobs.conftest import Core, core, servers

__all__ = ["core", "project", "servers"]


@pytest.fixture
def project(core: Core) -> Iterator[UUID]:
    """A project among empty tables."""
    core.sql("TRUNCATE traces, observations, trace_metrics, trace_series, trace_sessions, trace_resources, features")
    yield core.project()
