"""Versions of a knowledge base as files: written out, and read into the draft."""

from typing import Any

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, placed, pointing_into_the_body
from infra import ids
from models import StoredFile
from schemas.job import JobOut, job_view
from schemas.kb_transfer import ExportWishes, ImportWishes
from workers.jobs.submit import Wish, submit


@at("POST", "/export")
@endpoint(scope="kb:read", body=ExportWishes, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
@placed
def export_version(call: Call, place: Place) -> dict[str, Any]:
    """Writes a version to a file: all entries, chunks and vectors, as JSON lines and Parquet in a zip.

    The answer is the job, whose result has the `file_id`.
    """
    return _submitted(call, place, "kb.export", call.body)


@at("POST", "/import")
@endpoint(scope="kb:write", body=ImportWishes, returns=JobOut, status=202, place="/v1/jobs", errors=(404,))
@placed
def import_version(call: Call, place: Place) -> dict[str, Any]:
    """Reads an exported version into the draft; its vectors are kept, so that the next build costs nothing for them.

    The answer is the job. A file that is damaged, or was not written here, changes nothing.
    """
    wishes = {**call.body, "file_id": ids.show(StoredFile.prefix, call.body["file_id"])}
    return _submitted(call, place, "kb.import", wishes)


def _submitted(call: Call, place: Place, kind: str, wishes: dict[str, Any]) -> dict[str, Any]:
    payload = {"knowledge_base_id": place.base().public_id, **wishes}
    wish = Wish(request_id=call.request_id, created_by=call.principal.id)
    with pointing_into_the_body():
        return job_view(submit(call.session, kind=kind, payload=payload, project_id=place.project_id, wish=wish))
