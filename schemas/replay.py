"""Replays: jobs run again as new jobs, as clients ask for and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.base import Number, Pairs, PublicId, Text, Time
from schemas.job import STATUSES, RunAtIn, WishesIn

REPLAYED_AT_MOST = 1000
LEFT_ALONE = "Left out: the first job's."


class ReplayIn(WishesIn, RunAtIn):
    """What is to be different from the first job. Null takes a wish away; the time of a past `run_at` is not kept."""

    input = fields.Dict(
        keys=fields.String(),
        metadata={
            "description": "A JSON merge patch (RFC 7396) of the input: null removes a field, a list replaces a list.",
            "example": {"model": "openai/gpt-4.1", "temperature": None},
        },
    )
    priority = Number(at_least=0, at_most=9, metadata={"description": LEFT_ALONE})
    metadata = Pairs(
        keys=Text(at_least=1, at_most=64),
        values=Text(at_most=512),
        validate=validate.Length(max=16, error="At most 16 pairs."),
        metadata={"description": LEFT_ALONE},
    )

    def _limit_has_a_key(self, data: dict[str, Any], **_: Any) -> None:
        """The key may be the first job's; workers/jobs/replay.py sees both."""


class ReplayFilterIn(Schema):
    """Which jobs; all conditions must hold."""

    kind = Text(at_least=1, at_most=64)
    status = fields.String(validate=validate.OneOf(STATUSES))
    created_after = Time()
    created_before = Time()
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), validate=validate.Length(min=1))
    schedule_id = PublicId("sched")
    batch_id = PublicId("batch")
    after = PublicId(
        "job", metadata={"description": "Only jobs younger than this one: the `last_id` of the answer before."}
    )

    @validates_schema(skip_on_field_errors=True)
    def _not_everything(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Needs at least one condition, so that not every job runs again by accident.")


class ReplayManyIn(ReplayIn):
    """Jobs to run again, the oldest first, and what is to be different."""

    filter = fields.Nested(ReplayFilterIn, required=True)
    limit = Number(at_least=1, at_most=REPLAYED_AT_MOST, load_default=100)


class SkippedOut(Schema):
    """An object that was left as it is, and why."""

    job_id = PublicId("job", required=True)
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ReplayOut(Schema):
    """The new jobs, in the order of the old ones."""

    object = fields.Constant("replay", required=True)
    count = fields.Integer(required=True)
    job_ids = fields.List(PublicId("job"), required=True)
    skipped = fields.List(fields.Nested(SkippedOut), required=True)
    last_id = PublicId(
        "job", required=True, allow_none=True, metadata={"description": "The newest old job that was looked at."}
    )
    has_more = fields.Boolean(
        required=True, metadata={"description": "More jobs match; go on with the filter's `after` = `last_id`."}
    )
