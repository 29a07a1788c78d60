"""Reports of a run, as files."""

from uuid import UUID

from flask import Response

from api.downloads import send
from api.endpoint import Call, Later, endpoint
from api.hub import hub
from api.v1.suites.place import at, placed
from infra import db
from models import Run, StoredFile
from schemas.suite_run import ReportQuery
from workers.files import get_file
from workers.suites import runs
from workers.suites.reports import html, write_reports, written

# To be looked at; with nothing of this origin, whatever came from outside should ever get through.
OPEN_PAGE = "sandbox allow-scripts; frame-ancestors 'none'; "

TYPES = {
    "application/json": "The JSON report, or HAR 1.2.",
    "application/xml": "JUnit XML.",
    "text/html": "A page that needs nothing but itself.",
}


@at("GET", "/test_runs/<run_id>/report")
@endpoint(scope="tests:read", query=ReportQuery, bytes_of_file=True, also=TYPES, errors=(404, 409))
@placed
def get_report(call: Call, project_id: UUID, run_id: str) -> Later:
    """A report of a run that has ended: JSON, JUnit XML, HTML or HAR; written now, if it is not there yet."""
    name = call.query["format"]
    run = runs.final_run(call.session, project_id, call.id(Run.prefix, run_id))
    found = written(call.session, run, name)
    return Later(lambda: _sent(found or _made(project_id, run.id, name), name))


def _made(project_id: UUID, run_id: UUID, name: str) -> StoredFile:
    made = hub().result(write_reports(project_id, run_id, [name]))
    with db.transaction() as session:
        return get_file(session, project_id, made[name])


def _sent(file: StoredFile, name: str) -> Response:
    response = send(file)
    if name == "html":
        response.headers["Content-Security-Policy"] = OPEN_PAGE + html.policy()
        response.headers["Content-Disposition"] = response.headers["Content-Disposition"].replace(
            "attachment", "inline"
        )
    return response
