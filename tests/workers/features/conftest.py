"""PostgreSQL and Redis of their own, for what features are."""

from collections.abc import Iterator

import pytest

from tests.workers.jobs.conftest import Core, core, servers

__all__ = ["core", "servers"]


@pytest.fixture
def nothing_to_do(core: Core) -> Iterator[None]:
    """What sweeps take is anybody's: nothing of it is there before, and nothing stays."""
    core.sql("TRUNCATE feature_errands, feature_reruns")
    yield
    core.sql("TRUNCATE feature_errands, feature_reruns, traces")
