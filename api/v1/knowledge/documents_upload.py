"""Sending documents to a knowledge base."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from api.endpoint import Call
from api.uploads import upload
from api.v1.knowledge.place import Place, at, placed
from api.v1.knowledge.upload_or_json import start, upload_or_json
from schemas.document_upload import DocumentUploadIn, DocumentUploadQuery
from schemas.job import JobOut
from workers.files.receiving import Upload

DOCUMENTS = upload_or_json(DocumentUploadQuery)


@at("POST", "/upload-document")
@upload(
    DOCUMENTS,
    scope="kb:write",
    body=DocumentUploadIn,
    query=DocumentUploadQuery,
    returns=JobOut,
    place="/v1/jobs",
    errors=(404, 415),
)
@placed
def upload_document(call: Call, place: Place, received: Upload, made: UUID | None) -> dict[str, Any]:
    """Reads a document into the draft: PDF, DOCX, PPTX, XLSX, CSV, HTML, Markdown, text, code, or a zip of such files.

    It comes as the part `file` of a form, as the whole body, or as JSON with one of `file_id`, `url` and `text`. The
    answer is the job; its result says of each document what became of it. What cannot be read changes nothing.
    """
    if made is not None:
        call = replace(call, body={**call.body, "filename": received.filename})
    return start(call, place, "document.ingest", received, made)
