"""Every kind of job there is."""

from workers.kinds import (
    completion,
    document_ingest,
    embedding,
    feature_analyze,
    kb_export,
    kb_import,
    openapi_ingest,
    rag_build,
    sql_ingest,
    test_generate,
    test_run,
)
from workers.kinds.base import by_name
from workers.providers import routing

KINDS = (
    completion.KIND,
    document_ingest.KIND,
    embedding.KIND,
    feature_analyze.KIND,
    kb_export.KIND,
    kb_import.KIND,
    openapi_ingest.KIND,
    rag_build.KIND,
    sql_ingest.KIND,
    test_generate.KIND,
    test_run.KIND,
)
BY_NAME = by_name(KINDS)
QUEUES = tuple(sorted({kind.queue for kind in KINDS}))


def preload() -> None:
    """Imports what the kinds will need, so that the first job does not wait for it."""
    routing.preload()
    test_run.preload()


async def close() -> None:
    """Closes what the kinds hold open on this event loop."""
    await routing.close()
