"""The kind that reads an OpenAPI description into the draft of a knowledge base, one entry an operation."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.errors import NotFound
from infra.http import check_url
from schemas.openapi_ingest import OpenApiIngestIn, OpenApiIngestOut
from workers.files import get_file
from workers.kinds import costs
from workers.kinds.base import Context, Kind
from workers.providers import names
from workers.specs import enriching, ingesting, storing

Json = dict[str, Any]

_EXAMPLE = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1.0"},
    "paths": {
        "/orders/{id}": {
            "get": {
                "summary": "Get an order",
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "The order."}},
            }
        }
    },
}


def check(payload: Json) -> None:
    """Refuses a URL that may not be called, and a model that cannot be asked."""
    if payload.get("url") is not None:
        check_url(payload["url"], "/input/url")
    if payload.get("describe_with") is not None:
        enriching.check(payload["describe_with"])


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base or file that the project has not."""
    storing.base_id(session, project_id, payload)
    if payload.get("file_id") is not None:
        file_id = ids.parse("file", payload["file_id"])
        if file_id is None:
            raise NotFound("There is no such file.")
        get_file(session, project_id, file_id)


def serial(payload: Json) -> str:
    """What is read into one source of a knowledge base is read one after the other."""
    return f"ingest:{payload.get('knowledge_base_id') or 'default'}:api:{payload.get('source') or 'default'}"


def priced(payload: Json) -> bool:
    """Whether the model that writes descriptions, if there is one, has a list price."""
    model = payload.get("describe_with")
    return model is None or costs.priced([names.target(model)])


async def run(ctx: Context, payload: Json) -> Json:
    """Reads it, compares it with the draft, and writes what is new or different."""
    return await ingesting.ingest(ctx, payload)


KIND = Kind(
    name="openapi.ingest",
    title="OpenAPI ingestion",
    queue="ingest",
    payload=OpenApiIngestIn,
    result=OpenApiIngestOut,
    run=run,
    example={"document": _EXAMPLE, "source": "orders"},
    check=check,
    admit=admit,
    scope=lambda _: "kb:write",
    serial=serial,
    priced=priced,
    timeout_seconds=3600.0,
)
