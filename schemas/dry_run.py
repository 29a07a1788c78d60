"""Dry runs: what would become of a job, as clients see it."""

from marshmallow import Schema, fields, validate

from schemas.base import Money

ACCEPTED, WOULD_WAIT, WOULD_BE_REFUSED = VERDICTS = ("accepted", "would_wait", "would_be_refused")


class SubmitQuery(Schema):
    """How to submit a job."""

    dry_run = fields.Boolean(
        load_default=False,
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "Check the job and say what would become of it; nothing is stored."},
    )


class TokensOut(Schema):
    """What one attempt would take; null where the kind counts no tokens or nothing limits the output."""

    input = fields.Integer(required=True, allow_none=True)
    output_max = fields.Integer(required=True, allow_none=True)


class CostRangeOut(Schema):
    """US dollars for one attempt; null where a price is not known."""

    low = Money(required=True, allow_none=True)
    high = Money(required=True, allow_none=True)


class QueueEstimateOut(Schema):
    """When it would start."""

    ahead = fields.Integer(required=True, metadata={"description": "The project's jobs that go first."})
    starts_in_seconds = fields.Float(
        required=True, allow_none=True, metadata={"description": "Null where nothing says when."}
    )
    workers = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Worker processes; null where Redis is away."}
    )


class ReasonOut(Schema):
    """Why it would wait, be refused, or not get far."""

    code = fields.String(required=True)
    detail = fields.String(required=True)


class LimitsOut(Schema):
    """Whether it would be accepted, and start at once."""

    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    reasons = fields.List(fields.Nested(ReasonOut), required=True)


class DryRunOut(Schema):
    """What would become of a job."""

    object = fields.Constant("dry_run", required=True)
    kind = fields.String(required=True)
    queue = fields.String(required=True)
    tokens = fields.Nested(TokensOut, required=True)
    cost_usd = fields.Nested(CostRangeOut, required=True)
    queue_estimate = fields.Nested(QueueEstimateOut, required=True)
    limits = fields.Nested(LimitsOut, required=True)
    assumptions = fields.List(fields.String(), required=True)
