"""Endpoints that start a job on a file: uploaded with the request, or named by a JSON document in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import request
from marshmallow import Schema

from api.body import read_json, read_raw
from api.endpoint import Call
from api.upload_body import receive_form, receive_raw
from api.uploads import FILE, FORM, Intake
from api.v1.knowledge.place import Place, pointing_into_the_body
from infra import ids
from models import StoredFile
from schemas.job import job_view
from workers.files.receiving import Upload, accept, in_storage, receiving
from workers.jobs.submit import Wish, submit

Json = dict[str, Any]


def upload_or_json(fields: type[Schema]) -> Intake:
    """The part `file` of a form, whose other fields are these; the whole body; or JSON without a file."""
    said = {name: {"type": "string"} for name in fields().fields if name != "metadata"}
    form: Json = {"type": "object", "required": ["file"], "properties": {"file": FILE, **said}}
    if "metadata" in fields().fields:
        form["additionalProperties"] = {"type": "string", "description": "`metadata.<key>`"}
    takes = {"application/octet-stream": {"schema": FILE}, FORM: {"schema": form}}
    return Intake(receiving, _receive, _in_storage, takes)


def start(call: Call, place: Place, kind: str, received: Upload, file_id: UUID | None) -> Json:
    """Submits a job of that kind on the uploaded file, if there is one, and on what the request says; the file is the
    project's, as if it had been sent to /v1/files."""
    payload = {"knowledge_base_id": place.base().public_id, **call.body}
    if file_id is not None:
        accept(
            call.session,
            file_id=file_id,
            upload=received,
            project_id=place.project_id,
            metadata={},
            expires_at=None,
            created_by=call.principal.id,
        )
        payload["file_id"] = file_id
    if payload.get("file_id") is not None:
        payload["file_id"] = ids.show(StoredFile.prefix, payload["file_id"])
    wish = Wish(request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(submit(call.session, kind=kind, payload=payload, project_id=place.project_id, wish=wish))


def _receive(received: Upload, reads_body: Schema | None, reads_query: Schema) -> Json:
    if request.mimetype.endswith("json"):
        return read_json(reads_body, read_raw())
    said: Json = {}
    if request.mimetype == FORM:
        said = receive_form(received, reads_query)
    else:
        receive_raw(received, request.args.get("filename"))
    if wanted := said.get("filename") or request.args.get("filename"):
        received.name(wanted, received.declared_type)
    received.end()
    return said


@contextmanager
def _in_storage(received: Upload, project_id: UUID) -> Iterator[Any]:
    """Puts the file into storage, if there is one."""
    if not received.size:
        yield None
        return
    with in_storage(received, project_id) as file_id:
        yield file_id
