"""Dead letters, the jobs that used up their attempts on errors that may pass, as clients ask for and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.errors import (
    BuildRunning,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderUnavailable,
    SwitchyardError,
    TargetTimeout,
    TargetUnreachable,
    TimedOut,
    Unavailable,
    WorkerLost,
)
from models import Job
from schemas.base import AsIs, Number, PublicId, Text, Time, page_query
from schemas.job import ErrorOut
from schemas.replay import SkippedOut

OTHER = "other"
# Why it failed, in classes that ask for different remedies, by error code.
REASONS: dict[str, tuple[str, ...]] = {
    "provider_rate_limit": (ProviderRateLimited.code,),
    "provider_unavailable": (ProviderUnavailable.code,),
    "timeout": (ProviderTimeout.code, TimedOut.code),
    "target_unavailable": (TargetUnreachable.code, TargetTimeout.code),
    "worker_lost": (WorkerLost.code,),
    "build_running": (BuildRunning.code,),
    "internal": (SwitchyardError.code, Unavailable.code),
}
CODES = tuple(code for codes in REASONS.values() for code in codes)
CHANGED_AT_MOST = 1000
_ID = "dl"


def reason_of(code: str | None) -> str:
    """The class of an error code."""
    return next((reason for reason, codes in REASONS.items() if code in codes), OTHER)


class DeadLetterFilter(Schema):
    """Which dead letters; all conditions must hold, and without any all are meant."""

    reason = fields.String(
        validate=validate.OneOf(list(dict.fromkeys((*REASONS, OTHER, *CODES)))),
        metadata={"description": "A class of reasons, or an error code."},
    )
    kind = Text(at_least=1, at_most=64)
    created_after = Time()
    created_before = Time()


class DeadLettersQuery(page_query(_ID), DeadLetterFilter):  # type: ignore[misc]
    """Filters of the list."""

    project_id = PublicId("proj")


class ReasonsQuery(Schema):
    """Whose dead letters are counted; a key sees its own project's."""

    project_id = PublicId("proj")


class DeadLettersIn(Schema):
    """Which dead letters: those that match the filter, the oldest first, or those named."""

    filter = fields.Nested(DeadLetterFilter, metadata={"description": "`{}` means all."})
    ids = fields.List(PublicId(_ID), validate=validate.Length(min=1, max=CHANGED_AT_MOST))
    limit = Number(
        at_least=1, at_most=CHANGED_AT_MOST, load_default=CHANGED_AT_MOST, metadata={"description": "Of the filter."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        if ("filter" in data) == ("ids" in data):
            raise ValidationError('Needs either a filter or ids; `"filter": {}` means all dead letters.')


class DeadLetterOut(Schema):
    """A job that failed for good on an error that may have passed since."""

    id = PublicId(_ID, required=True)
    object = fields.Constant("dead_letter", required=True)
    job_id = PublicId("job", required=True)
    kind = fields.String(required=True)
    queue = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.OneOf([*REASONS, OTHER]))
    error = AsIs(ErrorOut, required=True)
    attempts = fields.Integer(required=True)
    failed_at = Time(required=True)
    created_at = Time(required=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


def dead_letter_view(job: Job) -> dict[str, Any]:
    """What DeadLetterOut reads."""
    error = job.error or {}
    return {
        "id": job.id,
        "job_id": job.id,
        "kind": job.kind,
        "queue": job.queue,
        "reason": reason_of(error.get("code")),
        "error": error,
        "attempts": job.attempt,
        "failed_at": job.finished_at,
        "created_at": job.created_at,
        "metadata": job.labels,
    }


class ReasonCountOut(Schema):
    """How many failed for one reason."""

    reason = fields.String(required=True, validate=validate.OneOf([*REASONS, OTHER]))
    code = fields.String(required=True)
    kind = fields.String(required=True)
    count = fields.Integer(required=True)
    oldest_failed_at = Time(required=True)
    newest_failed_at = Time(required=True)


class ReasonsOut(Schema):
    """A project's dead letters by reason and kind, the most frequent first."""

    object = fields.Constant("dead_letter_reasons", required=True)
    count = fields.Integer(required=True)
    more = fields.Boolean(required=True, metadata={"description": "Counting ended with the newest; there are more."})
    data = fields.List(fields.Nested(ReasonCountOut), required=True)


class RedriveOut(Schema):
    """What was queued again."""

    object = fields.Constant("redrive", required=True)
    redriven = fields.Integer(required=True)
    job_ids = fields.List(PublicId("job"), required=True)
    skipped = fields.List(fields.Nested(SkippedOut), required=True)
    has_more = fields.Boolean(required=True, metadata={"description": "More match; ask again."})


class DiscardOut(Schema):
    """What is no dead letter any more; the jobs stay failed."""

    object = fields.Constant("discard", required=True)
    discarded = fields.Integer(required=True)
    job_ids = fields.List(PublicId("job"), required=True)
    skipped = fields.List(fields.Nested(SkippedOut), required=True)
    has_more = fields.Boolean(required=True, metadata={"description": "More match; ask again."})
