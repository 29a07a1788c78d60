"""The kind that reads documents into the draft of a knowledge base, one entry a document."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import NotFound
from infra.http import check_url
from schemas.document_ingest import DocumentIngestIn, DocumentIngestOut
from workers.files import get_file
from workers.kinds.base import Context, Kind
from workers.knowledge.documents import ingesting
from workers.knowledge.documents.fetching import file_id
from workers.specs.storing import base_id

Json = dict[str, Any]


def check(payload: Json) -> None:
    """Refuses a URL that may not be called."""
    if payload.get("url") is not None:
        check_url(payload["url"], "/input/url")


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base or file that the project has not."""
    base_id(session, project_id, payload)
    if payload.get("file_id") is not None:
        try:
            get_file(session, project_id, file_id(payload["file_id"]))
        except NotFound as error:
            raise NotFound(error.detail, errors=[{"pointer": "/input/file_id", "detail": error.detail}]) from None


def serial(payload: Json) -> str:
    """What is read under one name is read one after the other, so that what was sent last is there in the end."""
    names = (payload.get(name) for name in ("key", "filename", "url", "title", "file_id"))
    name = "" if payload.get("mode") == "replace" else next((one for one in names if one), "")
    place = f"{payload.get('knowledge_base_id') or 'default'}:document:{payload.get('source') or 'default'}"
    return f"ingest:{place}:{name}"


async def run(ctx: Context, payload: Json) -> Json:
    """Fetches, reads and writes them."""
    return await ingesting.ingest(ctx, payload)


KIND = Kind(
    name="document.ingest",
    title="Document ingestion",
    queue="ingest",
    payload=DocumentIngestIn,
    result=DocumentIngestOut,
    run=run,
    example={"text": "# Returns\n\nGoods may be returned within 30 days.", "key": "returns.md"},
    check=check,
    admit=admit,
    scope=lambda _: "kb:write",
    serial=serial,
    timeout_seconds=3600.0,
)
