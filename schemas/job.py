"""Jobs as clients send and see them."""

from typing import Any

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate, validates_schema

from infra.clock import now
from infra.targets import LONGEST_URL
from models import Job, JobStatus, Store
from schemas.base import AsIs, Money, Number, Pairs, PublicId, QueryNumber, Text, Time, page_query

LAST_YEAR = 9000
STATUSES = [status.value for status in JobStatus]


class WishesIn(Schema):
    """How a job is to be treated; everything but its kind and input."""

    priority = Number(at_least=0, at_most=9, load_default=5, metadata={"description": "9 goes first."})
    deadline_s = Number(
        at_least=1, at_most=30 * 86_400, allow_none=True, metadata={"description": "Seconds it may take in all."}
    )
    max_attempts = Number(at_least=1, at_most=20, allow_none=True)
    metadata = Pairs(
        keys=Text(at_least=1, at_most=64),
        values=Text(at_most=512),
        validate=validate.Length(max=16, error="At most 16 pairs."),
        load_default=dict,
    )
    concurrency_key = Text(
        at_least=1,
        at_most=128,
        allow_none=True,
        metadata={"description": "Of the project's jobs with the same key, only `concurrency_limit` run at a time."},
    )
    concurrency_limit = Number(at_least=1, at_most=1000, allow_none=True, metadata={"description": "1 if left out."})
    max_cost = Money(
        allow_none=True, metadata={"description": "US dollars after which the job is stopped, over all its attempts."}
    )
    store = fields.String(
        validate=validate.OneOf(list(Store)),
        allow_none=True,
        metadata={"description": "What is kept of input and result after the end; at least as strict as the project."},
    )

    callback_url = Text(
        at_least=1,
        at_most=LONGEST_URL,
        allow_none=True,
        metadata={
            "description": "Where the final event is sent, by the project's callback endpoint.",
            "format": "uri",
            "example": "https://example.com/jobs/done",
        },
    )

    @validates_schema(skip_on_field_errors=True)
    def _limit_has_a_key(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("concurrency_limit") is not None and data.get("concurrency_key") is None:
            raise ValidationError("Needs a concurrency_key.", "concurrency_limit")


class RunAtIn(Schema):
    """When a job is to run."""

    run_at = Time(allow_none=True, metadata={"type": "string", "format": "date-time", "description": "Not before."})

    @validates_schema(skip_on_field_errors=True)
    def _not_in_the_past(self, data: dict[str, Any], **_: Any) -> None:
        run_at = data.get("run_at")
        if run_at is not None and run_at <= now():
            raise ValidationError("Lies in the past; leave it out to run the job now.", "run_at")
        if run_at is not None and run_at.year >= LAST_YEAR:
            raise ValidationError(f"Lies beyond the year {LAST_YEAR}.", "run_at")


class JobIn(WishesIn, RunAtIn):
    """A new job."""

    kind = Text(at_least=1, at_most=64, required=True, metadata={"example": "completion"})
    input = fields.Dict(keys=fields.String(), required=True, metadata={"description": "What the kind asks for."})
    project_id = PublicId("proj")


class ProgressOut(Schema):
    """How far a job is."""

    current = fields.Integer(required=True)
    total = fields.Integer(required=True, allow_none=True)
    message = fields.String(required=True, allow_none=True)


class ErrorOut(Schema):
    """Why a job failed, or is tried again."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    retryable = fields.Boolean(required=True)

    class Meta:
        """Errors may say more: provider, model, status."""

        unknown = INCLUDE


class UsageOut(Schema):
    """What a job used of its providers, over all calls of its last attempt."""

    calls = fields.Integer(required=True)
    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    cached_tokens = fields.Integer(required=True)
    reasoning_tokens = fields.Integer(required=True)
    cost_usd = fields.String(required=True, allow_none=True)


class DigestOut(Schema):
    """What is left of a private job's input or result (`store: hashes`)."""

    sha256 = fields.String(required=True)
    bytes = fields.Integer(required=True)


class JobOut(Schema):
    """A job."""

    id = PublicId("job", required=True)
    object = fields.Constant("job", required=True)
    kind = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    project_id = PublicId("proj", required=True)
    priority = fields.Integer(required=True)
    waiting_for = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "description": "Why it is not done: a stable word, then `until` and a time where that is known. Null "
            "if the job is final, and in the answer to its submission."
        },
    )
    waiting_detail = fields.String(required=True, allow_none=True, metadata={"description": "The same in a sentence."})
    progress = AsIs(ProgressOut, required=True)
    attempt = fields.Integer(required=True)
    max_attempts = fields.Integer(required=True)
    input = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "Of a private job its SHA-256 and size, or null, as `store` says."},
    )
    result = fields.Dict(required=True, allow_none=True)
    error = AsIs(ErrorOut, required=True, allow_none=True)
    usage = AsIs(UsageOut, required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    dead_letter = fields.Boolean(required=True)
    concurrency_key = fields.String(required=True, allow_none=True)
    concurrency_limit = fields.Integer(required=True, allow_none=True)
    max_cost = Money(required=True, allow_none=True)
    store = fields.String(required=True, validate=validate.OneOf(list(Store)))
    replay_of = PublicId("job", required=True, allow_none=True)
    schedule_id = PublicId("sched", required=True, allow_none=True)
    batch_id = PublicId("batch", required=True, allow_none=True)
    callback_url = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    run_at = Time(required=True, allow_none=True)
    deadline_at = Time(required=True, allow_none=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)
    cancel_requested_at = Time(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)


NO_PROGRESS = {"current": 0, "total": None, "message": None}


def job_view(
    job: Job, result: dict[str, Any] | None = None, waiting: tuple[str | None, str | None] | None = None
) -> dict[str, Any]:
    """What JobOut reads; `result` where it was fetched from storage, `waiting` of a job that is not final."""
    waiting_for, waiting_detail = waiting or (None, None)
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "project_id": job.project_id,
        "priority": job.priority,
        "waiting_for": waiting_for,
        "waiting_detail": waiting_detail,
        "progress": job.progress or NO_PROGRESS,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "input": job.payload if job.store == Store.FULL else job.payload_digest,
        "result": job.result if result is None else result,
        "error": job.error,
        "usage": job.usage,
        "metadata": job.labels,
        "dead_letter": bool(job.dead_letter),
        "concurrency_key": job.concurrency_key,
        "concurrency_limit": job.concurrency_limit,
        "max_cost": job.max_cost,
        "store": job.store,
        "replay_of": job.replay_of,
        "schedule_id": job.schedule_id,
        "batch_id": job.batch_id,
        "callback_url": job.callback_url,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "deadline_at": job.deadline_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "cancel_requested_at": job.cancel_requested_at,
        "request_id": job.request_id,
    }


class JobsQuery(page_query("job")):  # type: ignore[misc]
    """Filters of the job list; `metadata.<key>=<value>` may be added for any key."""

    kind = fields.String()
    status = fields.String(validate=validate.OneOf(STATUSES))
    project_id = PublicId("proj")
    schedule_id = PublicId("sched")
    batch_id = PublicId("batch")
    created_after = Time(metadata={"type": "string", "format": "date-time"})
    created_before = Time(metadata={"type": "string", "format": "date-time"})
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)


class JobQuery(Schema):
    """How to read one job."""

    wait = fields.Float(
        validate=validate.Range(min=0, max=60),
        allow_nan=False,
        metadata={"description": "Hold the answer up to this many seconds, until the job is final."},
    )


class EventsQuery(Schema):
    """From where to read a job's events."""

    after = QueryNumber(
        load_default=0,
        validate=validate.Range(min=0, max=2**31 - 1),
        metadata={"description": "Only events with a higher sequence number."},
    )
    limit = QueryNumber(load_default=100, validate=validate.Range(min=1, max=1000))


class EventOut(Schema):
    """Something that happened to a job."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    created_at = fields.String(required=True, metadata={"format": "date-time"})
    project_id = fields.String(required=True)
    sequence = fields.Integer(required=True)
    data = fields.Dict(required=True)
