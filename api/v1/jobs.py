"""Jobs: submit, look, wait, follow, cancel, retry, replay."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from api.endpoint import Call, Later, endpoint
from api.streams import HeldResponse, until_final
from api.waiting import events_answer, preferred_wait
from infra import db, json
from infra.clock import now
from models import FINAL, Job
from schemas.dry_run import DryRunOut, SubmitQuery
from schemas.job import (
    EventOut,
    EventsQuery,
    JobIn,
    JobOut,
    JobQuery,
    JobsQuery,
    job_view,
)
from schemas.replay import ReplayIn, ReplayManyIn, ReplayOut
from schemas.stats import StatsOut, StatsQuery
from workers.jobs import control, figures, queries, replay, waiting
from workers.jobs.dry_run import dry_run
from workers.jobs.submit import WISHES, submit, wish_of
from workers.paging import PageOf

bp = Blueprint("jobs", __name__, url_prefix="/v1/jobs")
shown, dry = JobOut(), DryRunOut()


@bp.post("")
@endpoint(
    scope="jobs:write",
    query=SubmitQuery,
    body=JobIn,
    returns=JobOut,
    status=202,
    errors=(404,),
    or_else={200: DryRunOut},
)
def create_job(call: Call) -> dict[str, Any] | Response:
    """Submits a job; it is durable when this answers.

    With `dry_run=true` it is only checked: the answer is 200 and says what it would cost and when it would start.
    """
    body = call.body
    project = call.own_project(body.get("project_id"))
    wish = wish_of(body, request_id=call.request_id, created_by=call.principal.id)
    if call.query["dry_run"]:
        found = dry_run(call.session, kind=body["kind"], payload=body["input"], project_id=project, wish=wish)
        return Response(json.dump_bytes(dry.dump(found)), content_type="application/json")
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
        schedule_id=query.get("schedule_id"),
        batch_id=query.get("batch_id"),
    )
    page = queries.list_jobs(call.session, call.own_project(query.get("project_id")), wanted, call.window)
    why = waiting.explain(call.session, page.rows)
    return page.map(lambda job: job_view(job, waiting=why.get(job.id)))


@bp.get("/stats")
@endpoint(scope="jobs:read", query=StatsQuery, returns=StatsOut, errors=(404,))
def job_stats(call: Call) -> dict[str, Any]:
    """Counts by kind and status, the queues and what they wait for, throughput, waiting and running times."""
    project = call.own_project(call.query.get("project_id"))
    return figures.stats(call.session, project, call.query.get("since") or now() - timedelta(days=1))


@bp.get("/<job_id>")
@endpoint(scope="jobs:read", query=JobQuery, returns=JobOut, errors=(404,))
def get_job(call: Call, job_id: str) -> Response | Later:
    """One job; with `wait` (or `Prefer: wait=30`) the answer is held until the job is final."""
    project, found = call.principal.project_id, call.id("job", job_id)
    seconds = call.query.get("wait", preferred_wait())
    if seconds:
        return HeldResponse(until_final(project, found, seconds, _show), "application/json")
    job = queries.get_job(call.session, project, found)
    why = waiting.explain(call.session, [job]).get(job.id)
    return Later(lambda: job_view(job, queries.stored_result(job), why))


@bp.post("/<job_id>/cancel")
@endpoint(scope="jobs:write", returns=JobOut, errors=(404, 409))
def cancel_job(call: Call, job_id: str) -> dict[str, Any]:
    """Cancels a job: a waiting one at once, a running one at its next checkpoint."""
    return _now(call, control.cancel(call.session, call.principal.project_id, call.id("job", job_id)))


@bp.post("/<job_id>/retry")
@endpoint(scope="jobs:write", returns=JobOut, errors=(404, 409))
def retry_job(call: Call, job_id: str) -> dict[str, Any]:
    """Runs a failed, cancelled or expired job again, as a new attempt of the same job."""
    return _now(call, control.retry(call.session, call.principal.project_id, call.id("job", job_id)))


@bp.post("/<job_id>/replay")
@endpoint(scope="jobs:write", body=ReplayIn, returns=JobOut, status=202, place="/v1/jobs", errors=(404, 409))
def replay_job(call: Call, job_id: str) -> dict[str, Any]:
    """Runs a job of any status again as a new job, with its input and wishes or changed ones."""
    old = call.id("job", job_id)
    return job_view(replay.replay(call.session, call.principal.project_id, old, _changes(call)))


@bp.post("/replay")
@endpoint(scope="jobs:write", body=ReplayManyIn, returns=ReplayOut, status=202)
def replay_jobs(call: Call) -> replay.Replayed:
    """Runs up to 1,000 jobs again as new jobs, the oldest that match first; all are accepted at once, or none."""
    wanted = queries.Filter(**call.body["filter"])
    return replay.replay_many(call.session, call.principal.project_id, wanted, call.body["limit"], _changes(call))


@bp.get("/<job_id>/events")
@endpoint(
    scope="jobs:read", query=EventsQuery, returns=EventOut, page=True, errors=(404,), also={"text/event-stream": "SSE"}
)
def list_job_events(call: Call, job_id: str) -> Response:
    """A job's events: a JSON list, or with `Accept: text/event-stream` a stream that ends with the final event.

    The stream resumes after `Last-Event-ID` (or `after`); reconnecting after the end answers 204.
    """
    return events_answer(call, call.id("job", job_id), Job)


def _changes(call: Call) -> replay.Changes:
    """What a replay is to change."""
    wishes = {name: call.body[name] for name in WISHES if name in call.body}
    return replay.Changes(call.body.get("input", {}), wishes, call.request_id, call.principal.id)


def _now(call: Call, job: Job) -> dict[str, Any]:
    """The job as it stands, with what it waits for."""
    return job_view(job, waiting=waiting.explain(call.session, [job]).get(job.id))


def _show(project_id: UUID, job_id: UUID, last: bool) -> bytes | None:
    """The job as an answer's body, if it is final or this is the last look; runs beside the hub's loop."""
    with db.transaction() as session:
        job = queries.get_job(session, project_id, job_id)
        if job.status not in FINAL and not last:
            return None
        why = waiting.explain(session, [job]).get(job.id)
    return json.dump_bytes(shown.dump(job_view(job, queries.stored_result(job), why)))
