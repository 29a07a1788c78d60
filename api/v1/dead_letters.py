"""Dead letters: see, count, queue again, discard."""

from typing import Any

from flask import Blueprint

from api.endpoint import Call, endpoint
from schemas.dead_letter import (
    DeadLetterOut,
    DeadLettersIn,
    DeadLettersQuery,
    DiscardOut,
    ReasonsOut,
    ReasonsQuery,
    RedriveOut,
    dead_letter_view,
)
from schemas.job import JobOut, job_view
from workers.jobs import dead_letters, waiting
from workers.jobs.dead_letters import Changed, Chosen, Filter
from workers.paging import PageOf

bp = Blueprint("dead_letters", __name__, url_prefix="/v1/dead_letters")


@bp.get("")
@endpoint(scope="jobs:read", query=DeadLettersQuery, returns=DeadLetterOut, page=True, errors=(404,))
def list_dead_letters(call: Call) -> PageOf[Any]:
    """Lists the jobs that used up their attempts on errors that may pass."""
    project, wanted = call.own_project(call.query.get("project_id")), _filter(call.query)
    return dead_letters.list_dead_letters(call.session, project, wanted, call.window).map(dead_letter_view)


@bp.get("/reasons")
@endpoint(scope="jobs:read", query=ReasonsQuery, returns=ReasonsOut, errors=(404,))
def dead_letter_reasons(call: Call) -> dict[str, Any]:
    """Counts dead letters by reason and kind."""
    return dead_letters.reasons(call.session, call.own_project(call.query.get("project_id")))


@bp.get("/<dead_letter_id>")
@endpoint(scope="jobs:read", returns=DeadLetterOut, errors=(404,))
def get_dead_letter(call: Call, dead_letter_id: str) -> dict[str, Any]:
    """One dead letter."""
    found = call.id("dl", dead_letter_id)
    return dead_letter_view(dead_letters.get_dead_letter(call.session, call.principal.project_id, found))


@bp.post("/redrive")
@endpoint(scope="jobs:write", body=DeadLettersIn, returns=RedriveOut)
def redrive_dead_letters(call: Call) -> dict[str, Any]:
    """Queues dead letters again, each as one more attempt of its job; where none matches, nothing happens."""
    done = dead_letters.redrive(call.session, call.principal.project_id, _chosen(call.body))
    return {"redriven": len(done.job_ids), **_changed(done)}


@bp.post("/discard")
@endpoint(scope="jobs:write", body=DeadLettersIn, returns=DiscardOut)
def discard_dead_letters(call: Call) -> dict[str, Any]:
    """Discards dead letters; their jobs stay failed and can still be retried."""
    done = dead_letters.discard(call.session, call.principal.project_id, _chosen(call.body))
    return {"discarded": len(done.job_ids), **_changed(done)}


@bp.post("/<dead_letter_id>/redrive")
@endpoint(scope="jobs:write", returns=JobOut, errors=(404, 409))
def redrive_dead_letter(call: Call, dead_letter_id: str) -> dict[str, Any]:
    """Queues one dead letter again; answers with its job."""
    found = call.id("dl", dead_letter_id)
    job = dead_letters.redrive_one(call.session, call.principal.project_id, found)
    return job_view(job, waiting=waiting.explain(call.session, [job]).get(job.id))


@bp.delete("/<dead_letter_id>")
@endpoint(scope="jobs:write", returns=JobOut, errors=(404,))
def discard_dead_letter(call: Call, dead_letter_id: str) -> dict[str, Any]:
    """Discards one dead letter; answers with its job, which stays failed."""
    found = call.id("dl", dead_letter_id)
    return job_view(dead_letters.discard_one(call.session, call.principal.project_id, found))


def _filter(given: dict[str, Any]) -> Filter:
    names = ("reason", "kind", "created_after", "created_before")
    return Filter(**{name: given[name] for name in names if name in given})


def _chosen(body: dict[str, Any]) -> Chosen:
    if "ids" in body:
        return Chosen(None, body["ids"])
    return Chosen(_filter(body["filter"]), limit=body["limit"])


def _changed(done: Changed) -> dict[str, Any]:
    return {"job_ids": done.job_ids, "skipped": done.skipped, "has_more": done.has_more}
