"""The kind `kb.export`: a version of a knowledge base as a file."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from schemas.kb_transfer import KbExportIn, KbExportOut
from workers.kinds.base import Context, Kind
from workers.knowledge.transfer import exporting, rows

Json = dict[str, Any]


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base or version that is not there, or not to be read."""
    wanted = KbExportIn().load(payload)
    rows.plan(session, project_id, wanted["knowledge_base_id"], wanted["version"])


async def run(ctx: Context, payload: Json) -> Json:
    """Writes the version to a file of the project."""
    return await exporting.export(ctx, KbExportIn().load(payload))


KIND = Kind(
    name="kb.export",
    title="Export of a knowledge base",
    queue="rag",
    payload=KbExportIn,
    result=KbExportOut,
    run=run,
    example={"knowledge_base_id": "kb_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f", "format": "both"},
    admit=admit,
    scope=lambda _: "kb:read",
    timeout_seconds=3600.0,
)
