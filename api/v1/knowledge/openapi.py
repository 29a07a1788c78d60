"""Sending OpenAPI descriptions to a knowledge base."""

from typing import Any
from uuid import UUID

from api.endpoint import Call
from api.uploads import upload
from api.v1.knowledge.place import Place, at, placed
from api.v1.knowledge.upload_or_json import start, upload_or_json
from schemas.job import JobOut
from schemas.openapi_ingest import OpenApiUploadIn, OpenApiUploadQuery
from workers.files.receiving import Upload

SPECIFICATION = upload_or_json(OpenApiUploadQuery)


@at("POST", "/openapi")
@at("POST", "/upload-openapi", name="upload_openapi")
@upload(
    SPECIFICATION,
    scope="kb:write",
    body=OpenApiUploadIn,
    query=OpenApiUploadQuery,
    returns=JobOut,
    place="/v1/jobs",
    errors=(404, 415),
)
@placed
def ingest_openapi(call: Call, place: Place, received: Upload, made: UUID | None) -> dict[str, Any]:
    """Reads an OpenAPI 2.0, 3.0, 3.1 or 3.2 description into the draft, one entry an operation.

    It comes as the part `file` of a form, as the whole body (JSON as application/octet-stream), or as JSON with one of
    `file_id`, `url` and `document`; several files as one zip. The answer is the job, whose result says which operations
    were added, changed or removed, field by field, which changes break clients, and what the description says wrongly.
    """
    return start(call, place, "openapi.ingest", received, made)
