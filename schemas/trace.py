"""Traces as clients look for them and see them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from models import Assigned, Feature, ObservationStatus, Trace
from schemas.base import AsIs, Flag, Money, PublicId, QueryNumber, Text, Time, page_query
from schemas.observation import TreeObservationOut

Json = dict[str, Any]

STATUSES = [one.value for one in ObservationStatus]
LONGEST = 500
MOST_DELETED = 1000
BIGGEST = 2**53
_TOKENS = {"description": "In and out together."}
_ERRORS = {"description": "Whether any of its observations is an error."}


class QueryAmount(fields.Field[Decimal]):
    """A number of 0 or more, also as text."""

    def __init__(self, **kwargs: Any) -> None:
        described = kwargs.pop("metadata", {})
        super().__init__(metadata={"type": "number", "minimum": 0, **described}, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        plain = str(value)[:40] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
        try:
            amount = Decimal(plain if plain.isascii() and "_" not in plain else "nan")
        except InvalidOperation:
            amount = Decimal("nan")
        if not (amount.is_finite() and 0 <= amount <= BIGGEST):
            raise ValidationError("Must be a number, 0 or more.")
        return amount


class FeatureTraceFilters(Schema):
    """Which of a feature's traces are wanted; all that is said must hold."""

    started_after = Time(metadata={"type": "string", "format": "date-time", "description": "At this time or later."})
    started_before = Time(metadata={"type": "string", "format": "date-time", "description": "Before this time."})
    session_id = Text(at_most=LONGEST)
    user_id = Text(at_most=LONGEST)
    name = Text(at_most=LONGEST)
    model = Text(at_most=LONGEST, metadata={"description": "A model that was called in it."})
    status = fields.String(validate=validate.OneOf(STATUSES, error="Must be one of: {choices}."))
    service = Text(at_most=LONGEST)
    environment = Text(at_most=LONGEST)
    release = Text(at_most=LONGEST)
    tag = Text(at_most=LONGEST)
    min_duration_ms = QueryAmount()
    max_duration_ms = QueryAmount()
    min_cost_usd = QueryAmount()
    max_cost_usd = QueryAmount(metadata={"description": "Traces of unknown cost have neither much nor little."})
    min_tokens = fields.Integer(strict=True, validate=validate.Range(0, BIGGEST), metadata=_TOKENS)
    has_errors = Flag(metadata=_ERRORS)
    q = Text(at_most=LONGEST, metadata={"description": "Words that its name, input or output has."})


class TraceFilters(FeatureTraceFilters):
    """Which traces are wanted; all that is said must hold."""

    feature_id = PublicId(
        "feat", metadata={"description": "One that was merged stands for the one that it was merged into."}
    )


class InAQuery(Schema):
    """What is written differently in a query, where all is text."""

    min_tokens = QueryNumber(validate=validate.Range(max=BIGGEST), metadata=_TOKENS)
    has_errors = fields.Boolean(truthy={"true"}, falsy={"false"}, metadata=_ERRORS)


class TracesQuery(InAQuery, TraceFilters, page_query("trace")):  # type: ignore[misc]
    """Which traces are listed."""


class FeatureTracesQuery(InAQuery, FeatureTraceFilters, page_query("trace")):  # type: ignore[misc]
    """Which of a feature's traces are listed."""


class TraceQuery(Schema):
    """How much of a trace is shown."""

    whole = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "Texts in full; without it long ones are cut, and say so."},
    )


class ExportQuery(InAQuery, TraceFilters):  # type: ignore[misc]
    """Which traces are exported, and how."""

    format = fields.String(
        load_default="jsonl",
        validate=validate.OneOf(["jsonl", "otlp"], error="Must be one of: {choices}."),
        metadata={
            "description": "`jsonl`: a trace a line, as the API shows it, with its observations. `otlp`: each line is "
            "a request that an OTLP receiver takes (POST /otlp/v1/traces), so that the same spans are there again."
        },
    )


class TracesDeleteIn(Schema):
    """Which traces are deleted: those that are named, or those that a filter finds."""

    trace_ids = fields.List(PublicId("trace"), validate=validate.Length(min=1, max=MOST_DELETED))
    filter = fields.Nested(TraceFilters)

    @validates_schema
    def _one_of_both(self, data: Json, **_: Any) -> None:
        if ("trace_ids" in data) == ("filter" in data):
            raise ValidationError("Name the traces in `trace_ids`, or give a `filter`: one of both.")
        if "filter" in data and not data["filter"]:
            raise ValidationError("Say which traces; `started_before` alone takes all that are older.", "filter")


class TracesDeleteOut(Schema):
    """What is gone."""

    object = fields.Constant("trace_deletion", required=True)
    deleted = fields.Integer(required=True, metadata={"description": "How many traces were deleted."})
    observations = fields.Integer(required=True, metadata={"description": "How many observations they had."})
    has_more = fields.Boolean(
        required=True, metadata={"description": "There was no time for all of them; ask again for the rest."}
    )


class SuggestIn(Schema):
    """What the tests of a trace are compared with."""

    knowledge_base_id = PublicId(
        "kb",
        allow_none=True,
        metadata={
            "description": "Whose operations the requests may be of. Left out: the project's own, if it has any."
        },
    )


class TraceFeature(Schema):
    """The feature that a trace belongs to, and how that was found."""

    id = fields.String(required=True)
    key = fields.String(required=True)
    name = fields.String(required=True)
    assigned_by = fields.String(
        required=True, allow_none=True, validate=validate.OneOf([one.value for one in Assigned])
    )
    confidence = fields.Float(required=True, allow_none=True)


class TraceOut(Schema):
    """A trace, as it adds up to now."""

    id = PublicId("trace", required=True)
    object = fields.Constant("trace", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    started_at = Time(required=True)
    ended_at = Time(required=True)
    duration_ms = fields.Float(required=True)
    service = fields.String(required=True, allow_none=True)
    session_id = fields.String(required=True, allow_none=True)
    user_id = fields.String(required=True, allow_none=True)
    release = fields.String(required=True, allow_none=True)
    environment = fields.String(required=True, allow_none=True)
    models = fields.List(fields.String(), required=True)
    tags = fields.List(fields.String(), required=True)
    observations = fields.Integer(required=True, metadata={"description": "How many it has."})
    generations = fields.Integer(required=True, metadata={"description": "How many of them are calls of models."})
    errors = fields.Integer(required=True)
    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    cost_usd = Money(required=True, allow_none=True, metadata={"description": "Decimal; null: unknown price."})
    unpriced = fields.Integer(required=True, metadata={"description": "How many calls have no known price."})
    input = fields.String(required=True, allow_none=True)
    output = fields.String(required=True, allow_none=True)
    feature = AsIs(TraceFeature, required=True, allow_none=True)
    received_at = Time(required=True, metadata={"description": "When something of it came last."})
    pending = fields.Boolean(required=True, metadata={"description": "Something has come that is not added up yet."})


class TraceDetailOut(TraceOut):
    """A trace with its observations."""

    tree = fields.List(
        AsIs(TreeObservationOut),
        required=True,
        metadata={"description": "Each observation right before those below it, as `depth` says."},
    )
    tree_complete = fields.Boolean(
        required=True, metadata={"description": "False: it has more, which are at …/observations."}
    )


def trace_view(trace: Trace, features: Mapping[UUID, Feature]) -> Json:
    """What TraceOut reads; `features` by the id that the trace has."""
    names = ("id", "project_id", "name", "status", "started_at", "duration_ms", "service", "session_id", "user_id",
             "release", "environment", "models", "tags", "observations", "generations", "errors", "input_tokens",
             "output_tokens", "unpriced", "input", "output", "received_at")  # fmt: skip
    shown = {name: getattr(trace, name) for name in names}
    feature = None if trace.feature_id is None else features.get(trace.feature_id)
    return shown | {
        "ended_at": _ended_at(trace),
        "cost_usd": trace.cost,
        "pending": trace.rolled_up < trace.revision,
        "feature": feature
        and {
            "id": feature.public_id,
            "key": feature.key,
            "name": feature.name,
            "assigned_by": trace.assigned_by,
            "confidence": trace.confidence,
        },
    }


def _ended_at(trace: Trace) -> datetime:
    try:
        return trace.started_at + timedelta(milliseconds=trace.duration_ms)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
