"""Sending documents to a knowledge base: uploaded here, or as JSON that says where they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import request
from marshmallow import Schema

from api.body import read_json, read_raw
from api.endpoint import Call
from api.upload_body import receive_form, receive_raw
from api.uploads import FILE, FORM, Intake, upload
from api.v1.knowledge.place import Place, at, placed
from infra import ids
from models import StoredFile
from schemas.document_upload import DocumentUploadIn, DocumentUploadQuery
from schemas.job import JobOut, job_view
from workers.files.receiving import Upload, accept, in_storage, receiving
from workers.jobs.submit import Wish, submit

KIND = "document.ingest"
_TEXT = {"type": "string"}
_SAID = {name: _TEXT for name in DocumentUploadQuery().fields if name != "metadata"}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": FILE, **_SAID},
    "additionalProperties": {"type": "string", "description": "`metadata.<key>`"},
}


def _receive(received: Upload, reads_body: Schema | None, reads_query: Schema) -> dict[str, Any]:
    """Writes the file of the request, or reads the JSON in its place."""
    said: dict[str, Any] = {}
    if request.mimetype.endswith("json"):
        return read_json(reads_body, read_raw())
    if request.mimetype == FORM:
        said = receive_form(received, reads_query)
        if wanted := said.get("filename") or request.args.get("filename"):
            received.name(wanted, received.declared_type)
    else:
        receive_raw(received, request.args.get("filename"))
    received.end()
    return {**said, "filename": received.filename}


@contextmanager
def _in_storage(received: Upload, project_id: UUID) -> Iterator[Any]:
    """Puts the file into storage, if there is one."""
    if not received.size:
        yield None
        return
    with in_storage(received, project_id) as file_id:
        yield file_id


DOCUMENTS = Intake(
    receiving, _receive, _in_storage, {"application/octet-stream": {"schema": FILE}, FORM: {"schema": _FORM}}
)


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
    payload = {**call.body, "knowledge_base_id": place.base().public_id}
    if made is not None:
        _keep(call, place, received, made)
    if (found := made or payload.get("file_id")) is not None:
        payload["file_id"] = ids.show(StoredFile.prefix, found)
    wish = Wish(request_id=call.request_id, created_by=call.principal.id)
    return job_view(submit(call.session, kind=KIND, payload=payload, project_id=place.project_id, wish=wish))


def _keep(call: Call, place: Place, received: Upload, file_id: UUID) -> None:
    """The upload is a file of the project, as if it had been sent to /v1/files."""
    accept(
        call.session,
        file_id=file_id,
        upload=received,
        project_id=place.project_id,
        metadata={},
        expires_at=None,
        created_by=call.principal.id,
    )
