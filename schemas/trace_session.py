"""Sessions of traces as clients look for them and see them."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import TraceSession
from schemas.base import Money, PageQuery, Text, Time, page_of, page_query
from schemas.trace import LONGEST, TraceOut

Json = dict[str, Any]


class TraceSessionsQuery(PageQuery):
    """Which sessions are listed."""

    after = Text(at_most=LONGEST, metadata={"description": "Continue after this session."})
    user_id = Text(at_most=LONGEST)
    environment = Text(at_most=LONGEST)
    seen_after = Time(
        metadata={"type": "string", "format": "date-time", "description": "Last seen at this time or later."}
    )
    seen_before = Time(metadata={"type": "string", "format": "date-time", "description": "Last seen before this time."})
    has_errors = fields.Boolean(
        truthy={"true"}, falsy={"false"}, metadata={"description": "Whether any of its traces failed."}
    )


class TraceSessionQuery(page_query("trace")):  # type: ignore[misc]
    """Which session, and which part of its traces; they come in the order of time unless `desc` is asked for."""

    session_id = Text(at_least=1, at_most=LONGEST, required=True, metadata={"description": "As its traces call it."})
    order = fields.String(
        load_default="asc",
        validate=validate.OneOf(["asc", "desc"]),
        metadata={"description": "`asc`: oldest first."},
    )


class TraceSessionOut(Schema):
    """What the traces of a session add up to."""

    id = fields.String(required=True, metadata={"description": "As its traces call it: any text."})
    object = fields.Constant("trace_session", required=True)
    first_seen_at = Time(required=True, metadata={"description": "When its first trace began."})
    last_seen_at = Time(required=True, metadata={"description": "When the trace that began last had ended."})
    duration_ms = fields.Float(required=True, metadata={"description": "From first to last seen."})
    user_id = fields.String(required=True, allow_none=True, metadata={"description": "The newest that it names."})
    environment = fields.String(required=True, allow_none=True, metadata={"description": "Of the newest trace."})
    traces = fields.Integer(required=True, metadata={"description": "How many it has."})
    observations = fields.Integer(required=True)
    errors = fields.Integer(required=True, metadata={"description": "How many of its traces failed."})
    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    cost_usd = Money(required=True, allow_none=True, metadata={"description": "Decimal; null: unknown price."})
    unpriced = fields.Integer(required=True, metadata={"description": "How many calls have no known price."})


class TraceSessionDetailOut(TraceSessionOut):
    """A session with a page of its traces."""

    page = fields.Nested(page_of(TraceOut), required=True, metadata={"description": "Its traces in the order of time."})


def session_view(found: TraceSession) -> Json:
    """What TraceSessionOut reads."""
    names = ("id", "first_seen_at", "last_seen_at", "user_id", "environment", "traces", "observations", "errors",
             "input_tokens", "output_tokens", "unpriced")  # fmt: skip
    return {
        **{name: getattr(found, name) for name in names},
        "duration_ms": round((found.last_seen_at - found.first_seen_at).total_seconds() * 1000, 3),
        "cost_usd": found.cost if found.priced else None,
    }
