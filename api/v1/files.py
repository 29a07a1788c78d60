"""Files: upload, look, download, link, delete."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from marshmallow import Schema

from api.auth import anonymous
from api.downloads import send
from api.endpoint import Call, Later, endpoint
from api.limits import limiter
from api.upload_body import receive_form, receive_raw
from api.uploads import FILE, FORM, Intake, upload
from infra import db, ids
from infra.clock import now
from infra.errors import LinkExpired, LinkInvalid, MalformedId, NotFound
from infra.settings import settings
from models import StoredFile
from schemas.file import FileOut, FilesQuery, FileUrlIn, FileUrlOut, FileWishesIn, expiry
from workers.files import links, stored
from workers.files.receiving import Upload, accept, in_storage, receiving
from workers.paging import PageOf

bp = Blueprint("files", __name__, url_prefix="/v1/files")
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": FILE, "expires_in_s": {"type": "string"}, "expires_at": {"type": "string"}},
    "additionalProperties": {"type": "string", "description": "`metadata.<key>`"},
}


def _receive(received: Upload, _: Schema | None, reads_query: Schema) -> dict[str, Any]:
    """Writes the file of the request; a form may say all that the query may."""
    said: dict[str, Any] = {}
    if request.mimetype == FORM:
        said = receive_form(received, reads_query)
        if wanted := said.get("filename") or request.args.get("filename"):
            received.name(wanted, received.declared_type)
    else:
        receive_raw(received, request.args.get("filename"))
    received.end()
    return {**said, "name": received.filename, "type": received.declared_type}


FILES = Intake(receiving, _receive, in_storage, {"application/octet-stream": {"schema": FILE}, FORM: {"schema": _FORM}})


@bp.post("")
@upload(FILES, scope="files:write", query=FileWishesIn, returns=FileOut, status=201, errors=(404,))
def upload_file(call: Call, received: Upload, file_id: UUID) -> StoredFile:
    """Uploads a file, as the part `file` of a form or as the whole body; it is stored when this answers."""
    return accept(
        call.session,
        file_id=file_id,
        upload=received,
        project_id=call.own_project(call.body.get("project_id")),
        metadata=call.body["metadata"],
        expires_at=expiry(call.body),
        created_by=call.principal.id,
    )


@bp.get("")
@endpoint(scope="files:read", query=FilesQuery, returns=FileOut, page=True, errors=(404,))
def list_files(call: Call) -> PageOf[StoredFile]:
    """Lists files, newest first."""
    project = call.own_project(call.query.get("project_id"))
    return stored.list_files(call.session, project, call.query, call.window)


@bp.get("/<file_id>")
@endpoint(scope="files:read", returns=FileOut, errors=(404,))
def get_file(call: Call, file_id: str) -> StoredFile:
    """One file, without its bytes."""
    return _found(call, file_id)


@bp.get("/<file_id>/content")
@endpoint(scope="files:read", bytes_of_file=True, errors=(404,))
def get_file_content(call: Call, file_id: str) -> Later:
    """A file's bytes, or with `Range` some of them."""
    found = _found(call, file_id)
    return Later(lambda: send(found))


@bp.post("/<file_id>/url")
@endpoint(scope="files:read", body=FileUrlIn, returns=FileUrlOut, errors=(404,))
def make_file_url(call: Call, file_id: str) -> dict[str, Any]:
    """Makes a link at which anybody may get the file's bytes, until it expires or the file is deleted."""
    found, seconds = _found(call, file_id), call.body["expires_in_s"]
    expires_at = now().replace(microsecond=0) + timedelta(seconds=seconds)
    return {"url": links.link_of(found, seconds, request.host_url), "expires_at": expires_at}


@bp.delete("/<file_id>")
@endpoint(scope="files:write", returns=FileOut, errors=(404,))
def remove_file(call: Call, file_id: str) -> Later:
    """Deletes a file and answers with it as it was."""
    found = stored.remove_file(call.session, call.principal.project_id, call.id("file", file_id))

    def make() -> StoredFile:
        stored.clear(found.id, found.key)
        return found

    return Later(make)


@bp.get("/<file_id>/signed")
def get_signed_file(file_id: str) -> Response:
    """A file's bytes for whoever has a link of `POST /v1/files/{file_id}/url`, or with `Range` some of them."""
    try:
        found = ids.parse(StoredFile.prefix, file_id)
        if found is None:
            raise MalformedId(f"{file_id!r} is not an id: it must be {StoredFile.prefix}_ and 32 lowercase hex digits.")
        links.check(found, request.args.get("expires", ""), request.args.get("signature", ""))
    except (LinkInvalid, LinkExpired, NotFound):
        anonymous()
        raise
    verdict = limiter.take(f"link:{found.hex}", settings().requests_per_minute)
    with db.transaction() as session:
        file = stored.get_linked_file(session, found)
    response = send(file)
    verdict.stamp(response)
    return response


def _found(call: Call, file_id: str) -> StoredFile:
    return stored.get_file(call.session, call.principal.project_id, call.id("file", file_id))
