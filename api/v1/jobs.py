"""Jobs: submit, look, wait, follow, cancel, retry."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from api.endpoint import Call, Later, endpoint
from api.streams import HeldResponse, event_stream, until_final
from infra import db, json
from infra.clock import now
from infra.errors import InvalidParameter
from models import FINAL
from schemas.job import (
    EventOut,
    EventsQuery,
    JobIn,
    JobOut,
    JobQuery,
    JobsQuery,
    StatsOut,
    StatsQuery,
    job_view,
)
from workers.jobs import control, events, queries
from workers.jobs.submit import Wish, submit
from workers.paging import PageOf

bp = Blueprint("jobs", __name__, url_prefix="/v1/jobs")
shown = JobOut()


@bp.post("")
@endpoint(scope="jobs:write", body=JobIn, returns=JobOut, status=202, errors=(404,))
def create_job(call: Call) -> dict[str, Any]:
    """Submits a job; it is durable when this answers."""
    body = call.body
    wish = Wish(
        priority=body["priority"],
        run_at=body.get("run_at"),
        deadline_s=body.get("deadline_s"),
        max_attempts=body.get("max_attempts"),
        metadata=body["metadata"],
        request_id=call.request_id,
        created_by=call.principal.id,
    )
    project = call.own_project(body.get("project_id"))
    return job_view(submit(call.session, kind=body["kind"], payload=body["input"], project_id=project, wish=wish))


@bp.get("")
@endpoint(scope="jobs:read", query=JobsQuery, returns=JobOut, page=True, errors=(404,))
def list_jobs(call: Call) -> PageOf[Any]:
    """Lists jobs, newest first; results too large for the list are null here and whole at the job's own address."""
    query = call.query
    wanted = queries.Filter(
        kind=query.get("kind"),
        status=query.get("status"),
        created_after=query.get("created_after"),
        created_before=query.get("created_before"),
        metadata=query["metadata"],
    )
    return queries.list_jobs(call.session, call.own_project(query.get("project_id")), wanted, call.window).map(job_view)


@bp.get("/stats")
@endpoint(scope="jobs:read", query=StatsQuery, returns=StatsOut, errors=(404,))
def job_stats(call: Call) -> dict[str, Any]:
    """Counts by kind and status, throughput, waiting and running times."""
    project = call.own_project(call.query.get("project_id"))
    return queries.stats(call.session, project, now() - timedelta(days=1))


@bp.get("/<job_id>")
@endpoint(scope="jobs:read", query=JobQuery, returns=JobOut, errors=(404,))
def get_job(call: Call, job_id: str) -> Response | Later:
    """One job; with `wait` (or `Prefer: wait=30`) the answer is held until the job is final."""
    project, found = call.principal.project_id, call.id("job", job_id)
    seconds = call.query.get("wait", _preferred_wait())
    if seconds:
        return HeldResponse(until_final(project, found, seconds, _show), "application/json")
    job = queries.get_job(call.session, project, found)
    return Later(lambda: job_view(job, queries.stored_result(job)))


@bp.post("/<job_id>/cancel")
@endpoint(scope="jobs:write", returns=JobOut, errors=(404, 409))
def cancel_job(call: Call, job_id: str) -> dict[str, Any]:
    """Cancels a job: a waiting one at once, a running one at its next checkpoint."""
    return job_view(control.cancel(call.session, call.principal.project_id, call.id("job", job_id)))


@bp.post("/<job_id>/retry")
@endpoint(scope="jobs:write", returns=JobOut, errors=(404, 409))
def retry_job(call: Call, job_id: str) -> dict[str, Any]:
    """Runs a failed, cancelled or expired job again, as a new attempt of the same job."""
    return job_view(control.retry(call.session, call.principal.project_id, call.id("job", job_id)))


@bp.get("/<job_id>/events")
@endpoint(
    scope="jobs:read", query=EventsQuery, returns=EventOut, page=True, errors=(404,), also={"text/event-stream": "SSE"}
)
def list_job_events(call: Call, job_id: str) -> Response:
    """A job's events: a JSON list, or with `Accept: text/event-stream` a stream that ends with the final event.

    The stream resumes after `Last-Event-ID` (or `after`); reconnecting after the end answers 204.
    """
    project, found = call.principal.project_id, call.id("job", job_id)
    after = _last_event_id() or call.query["after"]
    if "text/event-stream" in request.headers.get("Accept", ""):
        return HeldResponse(event_stream(project, found, after), "text/event-stream")
    limit = call.query["limit"]
    page = events.read_events(call.session, project_id=project, job_id=found, after=after, limit=limit + 1)
    return _event_page(page.events, limit)


def _event_page(page: list[dict[str, Any]], limit: int) -> Response:
    data = page[:limit]
    body = {
        "object": "list",
        "data": data,
        "has_more": len(page) > limit,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
    return Response(json.dump_bytes(body), content_type="application/json")


def _show(project_id: UUID, job_id: UUID) -> tuple[bytes, bool]:
    """The job as an answer's body, and whether it is final; runs beside the hub's loop."""
    with db.transaction() as session:
        job = queries.get_job(session, project_id, job_id)
    final = job.status in FINAL
    return json.dump_bytes(shown.dump(job_view(job, queries.stored_result(job)))), final


def _preferred_wait() -> float:
    """`Prefer: wait=30` (RFC 7240); what cannot be read is ignored, as that standard asks."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name == "wait" and value.isdigit():
            return min(float(value), 60.0)
    return 0.0


def _last_event_id() -> int:
    text = request.headers.get("Last-Event-ID", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidParameter(
            "Last-Event-ID must be the sequence number of the last event seen.",
            errors=[{"pointer": "/Last-Event-ID", "detail": "Must be a whole number."}],
        )
    return int(text or 0)
