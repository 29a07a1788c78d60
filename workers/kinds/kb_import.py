"""The kind `kb.import`: an exported version, read into the draft of a knowledge base."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import NotFound
from schemas.kb_transfer import KbImportIn, KbImportOut
from workers.files import get_file
from workers.kinds.base import Context, Kind
from workers.knowledge.transfer import importing, rows

Json = dict[str, Any]


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base or file that is not there."""
    wanted = KbImportIn().load(payload)
    rows.base_id(session, project_id, wanted["knowledge_base_id"])
    try:
        get_file(session, project_id, wanted["file_id"])
    except NotFound as error:
        raise NotFound(error.detail, errors=[{"pointer": "/input/file_id", "detail": error.detail}]) from None


def serial(payload: Json) -> str:
    """What is read into one draft is read one after the other."""
    return f"ingest:{payload.get('knowledge_base_id') or 'default'}:import"


async def run(ctx: Context, payload: Json) -> Json:
    """Reads the file into the draft."""
    return await importing.import_(ctx, KbImportIn().load(payload))


KIND = Kind(
    name="kb.import",
    title="Import into a knowledge base",
    queue="ingest",
    payload=KbImportIn,
    result=KbImportOut,
    run=run,
    example={
        "knowledge_base_id": "kb_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
        "file_id": "file_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
    },
    admit=admit,
    scope=lambda _: "kb:write",
    serial=serial,
    timeout_seconds=3600.0,
)
