"""The kind that reads the tables of a database into the draft of a knowledge base: from DDL, or from the database."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.errors import NotFound
from schemas.sql_ingest import SqlIngestIn, SqlIngestOut
from workers.files import get_file
from workers.kinds import costs
from workers.kinds.base import Context, Kind
from workers.providers import names
from workers.specs import enriching
from workers.sql import ingesting, storing
from workers.sql.databases import get_connection

Json = dict[str, Any]

_DDL = "CREATE TABLE orders (\n  id bigint PRIMARY KEY,\n  customer_id bigint NOT NULL REFERENCES customers (id)\n);"


def check(payload: Json) -> None:
    """Refuses a model that cannot be asked."""
    if payload.get("describe_with") is not None:
        enriching.check(payload["describe_with"])


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base, file or database that the project has not."""
    kb = storing.base_id(session, project_id, payload)
    if payload.get("file_id") is not None:
        file_id = ids.parse("file", payload["file_id"])
        if file_id is None:
            raise NotFound("There is no such file.")
        get_file(session, project_id, file_id)
    if payload.get("database_id") is not None:
        get_connection(session, project_id, kb, storing.database_id(payload))


def serial(payload: Json) -> str:
    """What is read into one source of a knowledge base is read one after the other."""
    return f"ingest:{payload.get('knowledge_base_id') or 'default'}:table:{payload.get('source') or 'default'}"


def priced(payload: Json) -> bool:
    """Whether the model that writes descriptions, if there is one, has a list price."""
    model = payload.get("describe_with")
    return model is None or costs.priced([names.target(model)])


async def run(ctx: Context, payload: Json) -> Json:
    """Reads the tables, compares them with the draft, and writes what is new or different."""
    return await ingesting.ingest(ctx, payload)


KIND = Kind(
    name="sql.ingest",
    title="SQL ingestion",
    queue="ingest",
    payload=SqlIngestIn,
    result=SqlIngestOut,
    run=run,
    example={"ddl": _DDL, "dialect": "postgres", "source": "shop"},
    check=check,
    admit=admit,
    scope=lambda _: "kb:write",
    serial=serial,
    priced=priced,
    timeout_seconds=3600.0,
)
