"""Metrics of traces and of observations over time, as clients ask for them and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from models import ObservationKind, ObservationStatus
from schemas.base import AsIs, PublicId, QueryNumber, Text, Time

Json = dict[str, Any]

KINDS = [one.value for one in ObservationKind]
STATUSES = [one.value for one in ObservationStatus]
OF = ["traces", "observations"]
INTERVALS = ["minute", "hour", "day", "week", "month", "all"]
MEASURES = ["count", "errors", "error_rate", "p50_ms", "p95_ms", "p99_ms", "input_tokens", "output_tokens", "cost_usd",
            "unpriced"]  # fmt: skip
# What metrics are kept by (models/trace_metrics.py: TraceSeries), and what is counted anew for each question.
OF_BOTH = ("feature_id", "model", "name", "status", "service", "release", "environment")
OF_OBSERVATIONS = ("kind", "operation", "provider")
COUNTED = ("user_id", "session_id", "tag")
ATTRIBUTE = "attributes."
LONGEST = 200
MOST_DIMENSIONS = 3
MOST_GROUPS = 100


class Listed(fields.Field[list[str]]):
    """Several words with commas between them."""

    def __init__(self, allowed: list[str] | None = None, **kwargs: Any) -> None:
        described = kwargs.pop("metadata", {})
        super().__init__(metadata={"type": "string", **described}, **kwargs)
        self.allowed = allowed

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        found = [one.strip() for one in value.split(",")] if isinstance(value, str) else [""]
        for one in found:
            if not one or (self.allowed is not None and one not in self.allowed):
                raise ValidationError(f"{one!r} is none of: {', '.join(self.allowed or ())}.")
        if len(set(found)) < len(found):
            raise ValidationError("Says the same twice.")
        return found


class Grouping(Listed):
    """What figures are counted apart by."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        found = super()._deserialize(value, attr, data, **kwargs)
        named = (*OF_BOTH, *OF_OBSERVATIONS, *COUNTED)
        for one in found:
            if one not in named and not (one.startswith(ATTRIBUTE) and len(ATTRIBUTE) < len(one) <= LONGEST):
                raise ValidationError(f"{one!r} is none of: {', '.join(named)}, {ATTRIBUTE}<name>.")
        if len(found) > MOST_DIMENSIONS:
            raise ValidationError(f"At most {MOST_DIMENSIONS} at once.")
        return found


class TraceMetricsQuery(Schema):
    """What is counted, over which time, and how it is divided."""

    of = fields.String(load_default="traces", validate=validate.OneOf(OF), metadata={"description": "What is counted."})
    begin = Time(
        data_key="from",
        metadata={
            "type": "string",
            "format": "date-time",
            "description": "The beginning, included; a day before the end if left out. Widened to whole intervals, "
            "with `interval=all` to whole hours.",
        },
    )
    end = Time(
        data_key="to",
        metadata={"type": "string", "format": "date-time", "description": "The end, excluded; now if left out."},
    )
    interval = fields.String(
        validate=validate.OneOf(INTERVALS),
        metadata={"description": "In UTC. Left out: hours up to a week, days beyond. `all`: one figure for all."},
    )
    group_by = Grouping(
        load_default=list,
        metadata={
            "description": "Up to three of feature_id, model, name, status, service, release, environment, of "
            "observations also kind, operation, provider; and, counted anew and so for a shorter time, user_id, "
            "session_id, tag, of observations also attributes.<name>.",
            "example": "feature_id,model",
        },
    )
    measure = Listed(
        MEASURES,
        load_default=lambda: list(MEASURES),
        metadata={"description": f"Some of {', '.join(MEASURES)}; all if left out."},
    )
    limit = QueryNumber(
        load_default=20,
        validate=validate.Range(min=1, max=MOST_GROUPS),
        metadata={"description": "How many groups at most: those with the highest counts."},
    )
    feature_id = PublicId("feat")
    model = Text(at_most=LONGEST)
    name = Text(at_most=LONGEST)
    status = fields.String(validate=validate.OneOf(STATUSES))
    service = Text(at_most=LONGEST)
    release = Text(at_most=LONGEST)
    environment = Text(at_most=LONGEST)
    kind = fields.String(validate=validate.OneOf(KINDS), metadata={"description": "Of observations."})
    operation = Text(at_most=LONGEST, metadata={"description": "Of observations."})
    provider = Text(at_most=LONGEST, metadata={"description": "Of observations."})
    user_id = Text(at_most=LONGEST, metadata={"description": "Counted anew."})
    session_id = Text(at_most=LONGEST, metadata={"description": "Counted anew."})
    tag = Text(at_most=LONGEST, metadata={"description": "Counted anew."})


class FiguresOut(Schema):
    """What was asked for of: how many, how many failed and their share, percentiles of durations in milliseconds (at
    most 2 % off where metrics are kept), tokens, US dollars, and calls of models whose price is not known. Null where
    there is nothing to tell: no durations, or no call with a known price."""

    count = fields.Integer()
    errors = fields.Integer()
    error_rate = fields.Float()
    p50_ms = fields.Float(allow_none=True)
    p95_ms = fields.Float(allow_none=True)
    p99_ms = fields.Float(allow_none=True)
    input_tokens = fields.Integer()
    output_tokens = fields.Integer()
    cost_usd = fields.String(allow_none=True, metadata={"description": "Decimal."})
    unpriced = fields.Integer()


class PointOut(FiguresOut):
    """The figures of one interval, which begins at `at`."""

    at = fields.String(required=True, metadata={"format": "date-time"})


class GroupOut(Schema):
    """One group: its values of what it is grouped by, null where traces have none and `(other)` for those beyond what
    metrics are kept of; its figures over all of the time, and for each interval that has any."""

    group = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True), required=True)
    totals = fields.Nested(FiguresOut, required=True)
    points = fields.List(fields.Nested(PointOut), required=True)


class TraceMetricsOut(Schema):
    """Figures over time, the group with the highest count first."""

    object = fields.Constant("trace_metrics", required=True)
    of = fields.String(required=True, validate=validate.OneOf(OF))
    begin = Time(data_key="from", required=True)
    end = Time(data_key="to", required=True)
    interval = fields.String(required=True, validate=validate.OneOf(INTERVALS))
    group_by = fields.List(fields.String(), required=True)
    data = fields.List(AsIs(GroupOut), required=True)
    has_more = fields.Boolean(required=True, metadata={"description": "There are more groups than `limit`."})
