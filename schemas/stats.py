"""A project's jobs in figures, as clients see them, and the words for what a job may wait for."""

from datetime import datetime, timedelta
from enum import StrEnum

from marshmallow import Schema, ValidationError, fields, validate, validates

from infra.clock import now
from schemas.base import PublicId, Time

LONGEST_STATS = timedelta(days=31)


class Reason(StrEnum):
    """What a job waits for: how its `waiting_for` begins."""

    # Scheduled and queued jobs.
    SCHEDULE = "schedule"
    RETRY_BACKOFF = "retry_backoff"
    PROVIDER_RATE_LIMIT = "provider_rate_limit"
    CONCURRENCY_KEY = "concurrency_key"
    PROJECT_CONCURRENCY = "project_concurrency"
    NO_WORKER = "no_worker_on_queue"
    WORKERS_UNKNOWN = "workers_unknown"
    WORKERS_BUSY = "workers_busy"
    STARTING = "starting"
    # Running jobs.
    PROVIDER = "provider"
    WORKER = "worker"
    CANCELLING = "cancelling"
    LOST_WORKER = "lost_worker"


class DurationsOut(Schema):
    """Percentiles in seconds of jobs that finished in the last hour."""

    p50 = fields.Float(required=True, allow_none=True)
    p95 = fields.Float(required=True, allow_none=True)


class CountOut(Schema):
    """How many jobs of a kind are in a status."""

    kind = fields.String(required=True)
    status = fields.String(required=True)
    count = fields.Integer(required=True)


class WaitingOut(Schema):
    """How many jobs of a queue wait for the same."""

    reason = fields.String(required=True, validate=validate.OneOf(list(Reason)))
    count = fields.Integer(required=True)
    more = fields.Boolean(required=True, metadata={"description": "Counting ended here; there are more."})


class QueueOut(Schema):
    """A project's unfinished jobs in one queue, and who works on it."""

    queue = fields.String(required=True)
    queued = fields.Integer(required=True)
    running = fields.Integer(required=True)
    scheduled = fields.Integer(required=True)
    oldest_queued_seconds = fields.Float(required=True, allow_none=True)
    workers = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Alive, for all projects; null if not known now."}
    )
    waiting_for = fields.List(
        fields.Nested(WaitingOut), required=True, metadata={"description": "What the queued jobs wait for."}
    )


class StatsOut(Schema):
    """A project's jobs in figures."""

    object = fields.Constant("job_stats", required=True)
    since = Time(required=True, metadata={"type": "string", "format": "date-time", "description": "Start of `counts`."})
    counts = fields.List(
        fields.Nested(CountOut),
        required=True,
        metadata={"description": "Unfinished jobs: all. Final ones: those submitted after `since`."},
    )
    queues = fields.List(fields.Nested(QueueOut), required=True)
    oldest_queued_seconds = fields.Float(required=True, allow_none=True)
    finished_last_minute = fields.Integer(required=True)
    finished_last_hour = fields.Integer(required=True)
    wait_seconds = fields.Nested(DurationsOut, required=True)
    run_seconds = fields.Nested(DurationsOut, required=True)


class StatsQuery(Schema):
    """Which project's figures, and from when on; a key sees its own project."""

    project_id = PublicId("proj")
    since = Time(
        metadata={
            "type": "string",
            "format": "date-time",
            "description": "Count final jobs submitted after this; a day ago if left out, at most 31 days.",
        }
    )

    @validates("since")
    def _not_too_long_ago(self, value: datetime, data_key: str) -> None:
        if value < now() - LONGEST_STATS:
            raise ValidationError(f"Lies more than {LONGEST_STATS.days} days back.")
