"""Test cases as files: taken in, and written out."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import Response, request
from marshmallow import Schema

from api.body import read_json, read_raw
from api.endpoint import Call, View, endpoint, respond
from api.upload_body import receive_form, receive_raw
from api.uploads import FILE, FORM, Intake, upload
from api.v1.suites.place import at, placed
from infra import scratch
from infra.errors import BadInput, BodyTooLarge
from models import CaseState
from schemas.case_transfer import (
    CaseExportQuery,
    CasesExportQuery,
    CasesImportFields,
    CasesImportIn,
    CasesImportOut,
    CasesImportQuery,
)
from workers.files.receiving import Upload
from workers.suites import cases
from workers.suites.transfer import exporting, importing

Json = dict[str, Any]

MEDIA_TYPES = {"yaml": ("text/yaml; charset=utf-8", "yaml"), "curl": ("text/x-shellscript; charset=utf-8", "sh")}
ALSO: Json = {
    "text/yaml": {"type": "object", "description": "Tests, to be imported again."},
    "text/x-shellscript": {"type": "string", "description": "A script of bash that calls curl."},
}


class CasesFile(Upload):
    """A file of test cases, which is read as a whole and kept nowhere."""

    def write(self, piece: bytes) -> int:
        """Takes what came; raises BodyTooLarge."""
        if self.size + len(piece) > importing.FILE_AT_MOST:
            raise BodyTooLarge(f"A file of test cases has at most {importing.FILE_AT_MOST} bytes.")
        return super().write(piece)


@contextmanager
def _receiving() -> Iterator[CasesFile]:
    with scratch.file() as file:
        yield CasesFile(file)


def _receive(received: CasesFile, reads_body: Schema | None, _reads_query: Schema) -> Json:
    if request.mimetype.endswith("json"):
        return read_json(reads_body, read_raw())
    said: Json = {}
    if request.mimetype == FORM:
        said = receive_form(received, CasesImportFields())
    else:
        receive_raw(received)
    received.end()
    received.file.seek(0)
    try:
        return said | {"content": received.file.read().decode()}
    except UnicodeDecodeError as error:
        detail = f"The file is no UTF-8: byte {error.start} cannot be read."
        raise BadInput(detail, errors=[{"pointer": "", "detail": detail}]) from None


@contextmanager
def _kept_nowhere(_received: CasesFile, _project_id: UUID) -> Iterator[Any]:
    yield None


def _by_name(view: View) -> View:
    """Gives the view what came by name, also where its address has no parameters."""

    @functools.wraps(view)
    def wrapper(call: Call, received: CasesFile, made: None, **path: str) -> Any:
        return view(call, received=received, made=made, **path)

    return wrapper


_FIELDS = {name: {"type": "string"} for name in CasesImportFields().fields}
_PART: Json = {"type": "object", "required": ["file"], "properties": {"file": FILE, **_FIELDS}}
CASES = Intake(
    _receiving,
    _receive,
    _kept_nowhere,
    {"application/yaml": {"schema": {"type": "string"}}, "application/octet-stream": {"schema": FILE},
     FORM: {"schema": _PART}},
)  # fmt: skip


@at("POST", "/test_cases/import")
@upload(
    CASES,
    scope="tests:write",
    body=CasesImportIn,
    query=CasesImportQuery,
    returns=CasesImportOut,
    status=201,
    place="/v1/test_cases",
    errors=(404, 409, 415),
    or_else={200: CasesImportOut},
)
@_by_name
@placed
def import_test_cases(call: Call, project_id: UUID, received: CasesFile, made: None) -> Any:
    """Makes test cases of a Postman collection or a file of YAML: all of them, or none.

    It comes as the part `file` of a form, as the whole body (YAML, or a collection as application/octet-stream), or in
    a JSON document as `content`. What cannot be taken over is a warning with its place in the file; scripts of Postman
    are translated as far as they are known, and never run. Secrets go into the environment, sealed, and nowhere else.
    With `dry_run=true` nothing is made: the answer is 200 and says what would be.
    """
    asked = {name: value for name, value in call.body.items() if name != "content"}
    wishes = importing.Wishes(**(asked | {"state": CaseState(asked.get("state", CaseState.APPROVED))}))
    by = call.principal.id
    done = importing.import_cases(call.session, project_id, call.body["content"], wishes, created_by=by)
    return respond(CasesImportOut(), 200, done) if wishes.dry_run else done


@at("GET", "/test_cases/export")
@endpoint(scope="tests:read", query=CasesExportQuery, errors=(404,), also=ALSO)
@placed
def export_test_cases(call: Call, project_id: UUID) -> Response:
    """The test cases of a suite, those that are named, or all of them as a file: YAML, or a script of curl calls.

    YAML that is imported again has the same content. No secret is in either: in a script they are variables to set.
    """
    return _file(exporting.export(call.session, project_id, call.query), call.query["format"], "test-cases")


@at("GET", "/test_cases/<case_id>/export")
@endpoint(scope="tests:read", query=CaseExportQuery, errors=(404,), also=ALSO)
@placed
def export_test_case(call: Call, project_id: UUID, case_id: str) -> Response:
    """One test case as a file: YAML, or a script of curl calls."""
    found = cases.get_case(call.session, project_id, call.id("tc", case_id))
    return _file(exporting.export_one(call.session, found, call.query["format"]), call.query["format"], case_id)


def _file(text: str, form: str, name: str) -> Response:
    media_type, ending = MEDIA_TYPES[form]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"', "X-Content-Type-Options": "nosniff"}
    return Response(text, content_type=media_type, headers=headers)
