"""Sending the tables of a database to a knowledge base."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from api.endpoint import Call
from api.uploads import upload
from api.v1.knowledge.place import Place, at, placed
from api.v1.knowledge.upload_or_json import start, upload_or_json
from infra import ids
from models import DatabaseConnection
from schemas.job import JobOut
from schemas.sql_ingest import SqlUploadIn, SqlUploadQuery
from workers.files.receiving import Upload

SCRIPT = upload_or_json(SqlUploadQuery)


@at("POST", "/sql")
@at("POST", "/upload-sql", name="upload_sql")
@upload(
    SCRIPT,
    scope="kb:write",
    body=SqlUploadIn,
    query=SqlUploadQuery,
    returns=JobOut,
    place="/v1/jobs",
    errors=(404, 415),
)
@placed
def ingest_sql(call: Call, place: Place, received: Upload, made: UUID | None) -> dict[str, Any]:
    """Reads tables and views into the draft: from DDL in any dialect, dumps included, or from a live database.

    DDL comes as the part `file` of a form, as the whole body, or as JSON with one of `file_id` and `ddl`; JSON with
    `database_id` reads a stored database. The answer is the job, whose result says which tables were added, changed or
    removed, field by field, and what could not be read, with its line.
    """
    database = call.body.get("database_id")
    if database is not None:
        call = replace(call, body={**call.body, "database_id": ids.show(DatabaseConnection.prefix, database)})
    return start(call, place, "sql.ingest", received, made)
