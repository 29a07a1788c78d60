"""Jobs as clients send and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.clock import now
from models import Job, JobStatus
from schemas.base import AsIs, Number, PublicId, QueryNumber, Text, Time, page_query

LAST_YEAR = 9000
STATUSES = [status.value for status in JobStatus]


class JobIn(Schema):
    """A new job."""

    kind = Text(at_least=1, at_most=64, required=True, metadata={"example": "completion"})
    input = fields.Dict(keys=fields.String(), required=True, metadata={"description": "What the kind asks for."})
    project_id = PublicId("proj")
    priority = Number(at_least=0, at_most=9, load_default=5, metadata={"description": "9 goes first."})
    run_at = Time(allow_none=True, metadata={"type": "string", "format": "date-time", "description": "Not before."})
    deadline_s = Number(
        at_least=1, at_most=30 * 86_400, allow_none=True, metadata={"description": "Seconds it may take in all."}
    )
    max_attempts = Number(at_least=1, at_most=20, allow_none=True)
    metadata = fields.Dict(
        keys=Text(at_least=1, at_most=64),
        values=Text(at_most=512),
        validate=validate.Length(max=16, error="At most 16 pairs."),
        load_default=dict,
    )

    @validates_schema(skip_on_field_errors=True)
    def _not_in_the_past(self, data: dict[str, Any], **_: Any) -> None:
        run_at = data.get("run_at")
        if run_at is not None and run_at <= now():
            raise ValidationError("Lies in the past; leave it out to run the job now.", "run_at")
        if run_at is not None and run_at.year >= LAST_YEAR:
            raise ValidationError(f"Lies beyond the year {LAST_YEAR}.", "run_at")


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

        additional_properties = True


class UsageOut(Schema):
    """What a job used of its providers, over all calls of its last attempt."""

    calls = fields.Integer(required=True)
    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    cached_tokens = fields.Integer(required=True)
    reasoning_tokens = fields.Integer(required=True)
    cost_usd = fields.String(required=True, allow_none=True)


class JobOut(Schema):
    """A job."""

    id = PublicId("job", required=True)
    object = fields.Constant("job", required=True)
    kind = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    project_id = PublicId("proj", required=True)
    priority = fields.Integer(required=True)
    progress = AsIs(ProgressOut, required=True)
    attempt = fields.Integer(required=True)
    max_attempts = fields.Integer(required=True)
    input = fields.Dict(required=True)
    result = fields.Dict(required=True, allow_none=True)
    error = AsIs(ErrorOut, required=True, allow_none=True)
    usage = AsIs(UsageOut, required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    dead_letter = fields.Boolean(required=True)
    created_at = Time(required=True)
    run_at = Time(required=True, allow_none=True)
    deadline_at = Time(required=True, allow_none=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)
    cancel_requested_at = Time(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)


NO_PROGRESS = {"current": 0, "total": None, "message": None}


def job_view(job: Job, result: dict[str, Any] | None = None) -> dict[str, Any]:
    """What JobOut reads; `result` where it was fetched from storage."""
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "project_id": job.project_id,
        "priority": job.priority,
        "progress": job.progress or NO_PROGRESS,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "input": job.payload,
        "result": job.result if result is None else result,
        "error": job.error,
        "usage": job.usage,
        "metadata": job.labels,
        "dead_letter": bool(job.dead_letter),
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


class DurationsOut(Schema):
    """Percentiles in seconds of jobs that finished in the last hour."""

    p50 = fields.Float(required=True, allow_none=True)
    p95 = fields.Float(required=True, allow_none=True)


class CountOut(Schema):
    """How many jobs of a kind are in a status."""

    kind = fields.String(required=True)
    status = fields.String(required=True)
    count = fields.Integer(required=True)


class StatsOut(Schema):
    """A project's jobs in figures."""

    object = fields.Constant("job_stats", required=True)
    counts = fields.List(fields.Nested(CountOut), required=True)
    oldest_queued_seconds = fields.Float(required=True, allow_none=True)
    finished_last_minute = fields.Integer(required=True)
    finished_last_hour = fields.Integer(required=True)
    wait_seconds = fields.Nested(DurationsOut, required=True)
    run_seconds = fields.Nested(DurationsOut, required=True)


class StatsQuery(Schema):
    """Which project's figures; a key sees its own."""

    project_id = PublicId("proj")
