"""What each type of event says in its `data`. Fields may be added; a reader passes over what it does not know."""

from marshmallow import INCLUDE, Schema, fields, validate

from models import BatchStatus, DisabledReason, JobStatus
from schemas.base import AsIs, PublicId, Time
from schemas.batch import CountsOut
from schemas.job import ErrorOut, ProgressOut, UsageOut

_WHY_AGAIN = ("provider_rate_limit", "worker_shutdown", "unknown_kind")


class EventData(Schema):
    """What an event says beyond its envelope."""

    class Meta:
        """More may come."""

        unknown = INCLUDE


class JobData(EventData):
    """The job as the event left it."""

    job_id = PublicId("job", required=True)
    kind = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(list(JobStatus)))
    attempt = fields.Integer(required=True, metadata={"description": "0 before the first one."})


class JobProgressData(JobData):
    """The job, and how far it is."""

    progress = AsIs(ProgressOut, required=True)


class JobDeltaData(EventData):
    """A piece of the answer."""

    job_id = PublicId("job", required=True)
    delta = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "`content`, `reasoning` or `tool_calls` to add to what came before; `reset: true`: forget "
            "what came before, the answer begins anew."
        },
    )


class JobRetryingData(JobData):
    """The job, and why it is queued again: an `error`, or a `reason` that is nobody's failure and costs no attempt."""

    error = AsIs(ErrorOut)
    reason = fields.String(validate=validate.OneOf(_WHY_AGAIN))
    delay_seconds = fields.Float(metadata={"description": "Not before; left out where it is at once or unknown."})


class JobSucceededData(JobData):
    """The job, and what it used; its result is at `GET /v1/jobs/{job_id}`."""

    usage = AsIs(UsageOut, required=True, allow_none=True)


class JobFailedData(JobData):
    """The job, and why."""

    error = AsIs(ErrorOut, required=True)
    usage = AsIs(UsageOut, allow_none=True)


class JobCancelledData(JobRetryingData):
    """The job, and what its attempt had come to where the cancellation overtook another end."""

    usage = AsIs(UsageOut, allow_none=True)


class BatchData(EventData):
    """The batch as the event left it."""

    batch_id = PublicId("batch", required=True)
    status = fields.String(required=True, validate=validate.OneOf(list(BatchStatus)))
    progress = AsIs(ProgressOut, required=True)
    counts = AsIs(CountsOut, required=True)
    error = AsIs(ErrorOut)


class WebhookTestData(EventData):
    """The endpoint that is tested."""

    webhook_endpoint_id = PublicId("we", required=True)
    message = fields.String(required=True)
    event_type = fields.String(metadata={"description": "The type that was to be shown; left out: none."})
    sample = fields.Dict(metadata={"description": "The `data` of such an event."})


class WebhookEndpointDisabledData(EventData):
    """The endpoint, and why it gets nothing from here on."""

    webhook_endpoint_id = PublicId("we", required=True)
    url = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(list(DisabledReason)))
    failing_since = Time(
        required=True, allow_none=True, metadata={"description": "The first failure after the last success."}
    )
    last_error = fields.String(required=True, allow_none=True)
