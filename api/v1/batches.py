"""Batches: many jobs in one call; look, wait, follow, read the results, cancel."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from marshmallow import Schema

from api.body import read_json, read_raw
from api.endpoint import Call, endpoint
from api.hub import hub
from api.streams import HeldResponse, until_final
from api.upload_body import receive_form, receive_raw
from api.uploads import FILE, FORM, Intake, upload
from api.waiting import events_answer, preferred_wait
from infra import db, json
from infra.errors import UnsupportedMediaType
from models import BATCH_FINAL, Batch
from schemas.batch import BatchesQuery, BatchIn, BatchOut, BatchWishesIn, ResultsQuery, batch_view
from schemas.job import EventOut, EventsQuery, JobQuery
from workers.jobs.batches import control, queries, results
from workers.jobs.batches.receiving import MEDIA_TYPE, Lines, accept, in_storage, receiving
from workers.paging import PageOf

bp = Blueprint("batches", __name__, url_prefix="/v1/batches")
shown = BatchOut()
LINE = "A line each: `line`, `custom_id`, `job_id`, `status`, `result`, `error`, `usage`."
RAW = (MEDIA_TYPE, "application/x-ndjson")
_LINES = {"schema": {"type": "string", "description": "One JSON object a line."}}
_FORM = {"schema": {"type": "object", "required": ["file"], "properties": {"file": FILE}}}


def _receive(lines: Lines, reads_body: Schema | None, _: Schema) -> dict[str, Any]:
    """Writes the lines of the request, and returns what its body says beside them. They come raw, as the file of a
    form, or as `jobs` of a JSON document."""
    said: dict[str, Any] = {}
    if request.mimetype in RAW:
        receive_raw(lines)
    elif request.mimetype == FORM:
        receive_form(lines)
    elif request.mimetype.endswith("json") and reads_body is not None:
        said = read_json(reads_body, read_raw())
        for job in said.pop("jobs"):
            lines.write(json.dump_bytes(job) + b"\n")
    else:
        raise UnsupportedMediaType(f"Send lines as {RAW[0]}, a form with a file, or a JSON document with `jobs`.")
    lines.end()
    return said


LINES = Intake(receiving, _receive, in_storage, {**dict.fromkeys(RAW, _LINES), FORM: _FORM})


@bp.post("")
@upload(LINES, scope="jobs:write", body=BatchIn, query=BatchWishesIn, returns=BatchOut, errors=(404, 415))
def create_batch(call: Call, lines: Lines, batch_id: UUID) -> dict[str, Any]:
    """Submits up to 50,000 jobs, a JSON object a line; they become jobs in a moment, line by line.

    A line that cannot become a job is rejected by its number, and the others go on.
    """
    batch = accept(
        call.session,
        batch_id=batch_id,
        lines=lines,
        project_id=call.own_project(call.body.get("project_id")),
        kind=call.body.get("kind"),
        metadata=call.body["metadata"],
        callback_url=call.body.get("callback_url"),
        created_by=call.principal.id,
        request_id=call.request_id,
    )
    return batch_view(batch, {})


@bp.get("")
@endpoint(scope="jobs:read", query=BatchesQuery, returns=BatchOut, page=True, errors=(404,))
def list_batches(call: Call) -> PageOf[Any]:
    """Lists batches, newest first; the counts of open ones are a few seconds old."""
    project = call.own_project(call.query.get("project_id"))
    wanted = queries.Filter(status=call.query.get("status"), metadata=call.query["metadata"])
    page = queries.list_batches(call.session, project, wanted, call.window)
    return page.map(lambda batch: batch_view(batch, batch.counts or {}))


@bp.get("/<batch_id>")
@endpoint(scope="jobs:read", query=JobQuery, returns=BatchOut, errors=(404,))
def get_batch(call: Call, batch_id: str) -> Response | dict[str, Any]:
    """One batch; with `wait` (or `Prefer: wait=30`) the answer is held until it has ended."""
    project, found = call.principal.project_id, call.id("batch", batch_id)
    seconds = call.query.get("wait", preferred_wait())
    if seconds:
        return HeldResponse(until_final(project, found, seconds, _show), "application/json")
    return _now(call, queries.get_batch(call.session, project, found))


@bp.post("/<batch_id>/cancel")
@endpoint(scope="jobs:write", returns=BatchOut, errors=(404, 409))
def cancel_batch(call: Call, batch_id: str) -> dict[str, Any]:
    """Cancels a batch: no line is read any more, waiting jobs are cancelled, running ones stop at a checkpoint."""
    return _now(call, control.cancel(call.session, call.principal.project_id, call.id("batch", batch_id)))


@bp.get("/<batch_id>/events")
@endpoint(
    scope="jobs:read", query=EventsQuery, returns=EventOut, page=True, errors=(404,), also={"text/event-stream": "SSE"}
)
def list_batch_events(call: Call, batch_id: str) -> Response:
    """A batch's own events: a JSON list, or with `Accept: text/event-stream` a stream that ends with the final event.

    The stream resumes after `Last-Event-ID` (or `after`); reconnecting after the end answers 204.
    """
    return events_answer(call, call.id("batch", batch_id), Batch)


@bp.get("/<batch_id>/results")
@endpoint(scope="jobs:read", query=ResultsQuery, errors=(404,), also={MEDIA_TYPE: LINE})
def get_batch_results(call: Call, batch_id: str) -> Response:
    """A batch's results as JSONL, one line for each of its lines and in their order; 204 after the last.

    It may be read at any time: a line that is not final yet has its status, and null as its result.
    """
    project, found = call.principal.project_id, call.id("batch", batch_id)
    return HeldResponse(_results(project, found, call.query["after_line"]), MEDIA_TYPE)


async def _results(project_id: UUID, batch_id: UUID, after_line: int) -> AsyncIterator[bytes]:
    read = hub().read
    while (page := await read(partial(_page, project_id, batch_id, after_line))) is not None:
        pieces = results.pieces(page)
        while (piece := await read(partial(next, pieces, None))) is not None:
            yield piece
        after_line = page.last


def _page(project_id: UUID, batch_id: UUID, after_line: int) -> results.Page | None:
    with db.transaction() as session:
        return results.read_page(session, project_id=project_id, batch_id=batch_id, after_line=after_line)


def _now(call: Call, batch: Batch) -> dict[str, Any]:
    """The batch as it stands."""
    return batch_view(batch, queries.counts(call.session, batch))


def _show(project_id: UUID, batch_id: UUID, last: bool) -> bytes | None:
    """The batch as an answer's body, if it has ended or this is the last look; runs beside the hub's loop."""
    with db.transaction() as session:
        batch = queries.get_batch(session, project_id, batch_id)
        if batch.status not in BATCH_FINAL and not last:
            return None
        return json.dump_bytes(shown.dump(batch_view(batch, queries.counts(session, batch))))
