"""Batches as clients send and see them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.targets import LONGEST_URL
from models import Batch, BatchStatus, JobStatus
from schemas.base import AsIs, Pairs, PublicId, QueryNumber, Text, Time, page_query
from schemas.job import LAST_YEAR, ErrorOut, ProgressOut, WishesIn

STATUSES = [status.value for status in BatchStatus]
LINES_AT_MOST = 50_000
COUNTED = [*(status.value for status in JobStatus), "rejected"]


class LineIn(WishesIn):
    """A line of a batch: a job, and the sender's own id for it."""

    custom_id = Text(at_most=128, allow_none=True, metadata={"description": "Yours; it comes back with the result."})
    kind = Text(
        at_least=1, at_most=64, required=True, metadata={"description": "May be left out where the batch has one."}
    )
    input = fields.Dict(keys=fields.String(), required=True, metadata={"description": "What the kind asks for."})
    project_id = PublicId("proj")
    run_at = Time(allow_none=True, metadata={"type": "string", "format": "date-time", "description": "Not before."})

    @validates_schema(skip_on_field_errors=True)
    def _in_reach(self, data: dict[str, Any], **_: Any) -> None:
        run_at = data.get("run_at")
        if run_at is not None and run_at.year >= LAST_YEAR:
            raise ValidationError(f"Lies beyond the year {LAST_YEAR}.", "run_at")


class ReadLater(fields.Nested):
    """An object that is taken as it comes and checked when it is read; the schema says what it should be."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, *_: Any, **__: Any) -> Any:
        return value


class BatchWishesIn(Schema):
    """What is said of a batch as a whole."""

    kind = Text(at_least=1, at_most=64, metadata={"description": "The kind of lines that name none."})
    project_id = PublicId("proj")
    metadata = Pairs(
        keys=Text(at_least=1, at_most=64),
        values=Text(at_most=512),
        validate=validate.Length(max=16, error="At most 16 pairs."),
        load_default=dict,
    )
    callback_url = Text(
        at_least=1,
        at_most=LONGEST_URL,
        metadata={
            "description": "Where the batch's own final event is sent, by the project's callback endpoint.",
            "format": "uri",
        },
    )


class BatchIn(BatchWishesIn):
    """A batch as one JSON document; a larger one is sent as JSONL."""

    jobs = fields.List(
        ReadLater(LineIn), required=True, validate=validate.Length(min=1), metadata={"maxItems": LINES_AT_MOST}
    )


class CountsOut(Schema):
    """Lines by what became of them; those that are not read yet are in none."""

    scheduled = fields.Integer(required=True)
    queued = fields.Integer(required=True)
    running = fields.Integer(required=True)
    succeeded = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    cancelled = fields.Integer(required=True)
    expired = fields.Integer(required=True)
    rejected = fields.Integer(required=True, metadata={"description": "Lines that could not become a job."})


class BatchOut(Schema):
    """A batch."""

    id = PublicId("batch", required=True)
    object = fields.Constant("batch", required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    project_id = PublicId("proj", required=True)
    lines = fields.Integer(required=True)
    lines_read = fields.Integer(required=True, metadata={"description": "Lines that are jobs, or rejected, by now."})
    progress = AsIs(ProgressOut, required=True)
    counts = AsIs(CountsOut, required=True)
    error = AsIs(ErrorOut, required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    callback_url = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)
    cancel_requested_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)


def batch_view(batch: Batch, counts: Mapping[str, int]) -> dict[str, Any]:
    """What BatchOut reads; `counts` are its jobs by status."""
    return {
        "id": batch.id,
        "status": batch.status,
        "project_id": batch.project_id,
        "lines": batch.lines,
        "lines_read": batch.lines_read,
        **progress_view(batch, counts),
        "error": batch.error,
        "metadata": batch.labels,
        "callback_url": batch.callback_url,
        "created_at": batch.created_at,
        "cancel_requested_at": batch.cancel_requested_at,
        "finished_at": batch.finished_at,
        "request_id": batch.request_id,
    }


def progress_view(batch: Batch, counts: Mapping[str, int]) -> dict[str, Any]:
    """How far a batch is, as it and its events say."""
    shown = {**dict.fromkeys(COUNTED, 0), **counts, "rejected": batch.rejected}
    waiting = sum(shown[status] for status in (JobStatus.SCHEDULED, JobStatus.QUEUED, JobStatus.RUNNING))
    ended = sum(shown.values()) - waiting
    return {"progress": {"current": ended, "total": batch.lines, "message": None}, "counts": shown}


class BatchesQuery(page_query("batch")):  # type: ignore[misc]
    """Filters of the list of batches; `metadata.<key>=<value>` may be added for any key."""

    status = fields.String(validate=validate.OneOf(STATUSES))
    project_id = PublicId("proj")
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)


class ResultsQuery(Schema):
    """From where to read a batch's results."""

    after_line = QueryNumber(
        load_default=0,
        validate=validate.Range(min=0, max=LINES_AT_MOST),
        metadata={"description": "Only lines after this one."},
    )
