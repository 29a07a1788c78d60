"""The kind `kb.import`: an exported version, read into the draft of a knowledge base."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import NotFound
from schemas.kb_transfer import KbImportIn, KbImportOut
from workers.files import get_file
from workers.kinds.base import Context, Kind
from workers.knowledge import bases
from workers.knowledge.transfer import importing

Json = dict[str, Any]


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base or file that is not there."""
    wanted = KbImportIn().load(payload)
    bases.get_base(session, project_id, wanted["knowledge_base_id"])
    try:
        get_file(session, project_id, wanted["file_id"])
    except NotFound as error:
        raise NotFound(error.detail, errors=[{"pointer": "/input/file_id", "detail": error.detail}]) from None


def serial(payload: Json) -> str:
    """Those into one draft run one after another."""
    return f"draft:{payload['knowledge_base_id']}"


async def run(ctx: Context, payload: Json) -> Json:
    """Reads the file into the draft."""
    wanted = KbImportIn().load(payload)
    return await importing.import_(ctx, wanted["knowledge_base_id"], wanted)


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
    serial=serial,
    timeout_seconds=3600.0,
)
