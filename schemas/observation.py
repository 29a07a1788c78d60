"""Observations as clients look for them and see them."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import ObservationKind, ObservationStatus
from schemas.base import AsIs, PublicId, QueryNumber, Text, Time

Json = dict[str, Any]

KINDS = [one.value for one in ObservationKind]
STATUSES = [one.value for one in ObservationStatus]
POSITIONS = ("root", "child", "orphan", "circle")
CURSOR = r"^obs_[0-9a-f]{80}$"
LONGEST = 500


class ObservationUsage(Schema):
    """Tokens as the span says them; null where it does not. Those in `input_tokens` and `output_tokens` are all."""

    input_tokens = fields.Integer(required=True, allow_none=True)
    output_tokens = fields.Integer(required=True, allow_none=True)
    cached_tokens = fields.Integer(required=True, allow_none=True)
    cache_write_tokens = fields.Integer(required=True, allow_none=True)
    reasoning_tokens = fields.Integer(required=True, allow_none=True)


class ObservationOut(Schema):
    """One span of a trace."""

    id = fields.String(required=True, metadata={"description": "The span's id: 16 hex digits, unique in its trace."})
    object = fields.Constant("observation", required=True)
    trace_id = PublicId("trace", required=True)
    parent_id = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    name = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    status_message = fields.String(required=True, allow_none=True)
    started_at = Time(required=True)
    duration_ms = fields.Float(required=True)
    received_at = Time(required=True)
    service = fields.String(required=True, allow_none=True)
    operation = fields.String(required=True, allow_none=True)
    provider = fields.String(required=True, allow_none=True)
    model = fields.String(required=True, allow_none=True)
    session_id = fields.String(required=True, allow_none=True)
    user_id = fields.String(required=True, allow_none=True)
    release = fields.String(required=True, allow_none=True)
    environment = fields.String(required=True, allow_none=True)
    usage = AsIs(ObservationUsage, required=True)
    cost_usd = fields.String(
        required=True, allow_none=True, metadata={"description": "Decimal, of its own usage; null: unknown price."}
    )
    counts = fields.Boolean(
        required=True, metadata={"description": "Whether its usage is in the trace's, and not that of others below it."}
    )
    input = fields.Raw(allow_none=True)
    output = fields.Raw(allow_none=True)
    truncated = fields.Boolean(metadata={"description": "A text of it is cut; `whole=true` shows all."})
    attributes = fields.Dict(metadata={"description": "All that the span says, by dotted names."})
    events = fields.List(fields.Dict())
    links = fields.List(fields.Dict())
    resource = fields.Dict(metadata={"description": "What sent it."})


class TreeObservationOut(ObservationOut):
    """An observation in the tree of its trace."""

    depth = fields.Integer(required=True, metadata={"description": "0 at the top."})
    position = fields.String(
        required=True,
        validate=validate.OneOf(POSITIONS),
        metadata={
            "description": "`orphan`: its parent is not there, and may still come; `circle`: its parents lead back to "
            "it, so it stands at the top."
        },
    )
    children = fields.Integer(required=True, metadata={"description": "How many are right below it."})


class ObservationsOfTraceQuery(Schema):
    """Which observations are listed, and how much of them."""

    kind = fields.String(validate=validate.OneOf(KINDS, error="Must be one of: {choices}."))
    name = Text(at_most=LONGEST)
    status = fields.String(validate=validate.OneOf(STATUSES, error="Must be one of: {choices}."))
    service = Text(at_most=LONGEST)
    operation = Text(at_most=LONGEST)
    provider = Text(at_most=LONGEST)
    model = Text(at_most=LONGEST)
    min_duration_ms = QueryNumber(validate=validate.Range(max=2**50))
    max_duration_ms = QueryNumber(validate=validate.Range(max=2**50))
    whole = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        load_default=False,
        metadata={"description": "With all of their texts, attributes, events and links; without it, none of them."},
    )
    limit = QueryNumber(
        load_default=20,
        validate=validate.Range(min=1, max=100),
        metadata={"description": "How many objects at most."},
    )
    after = fields.String(
        validate=validate.Regexp(CURSOR, error="Must be the `cursor` of a page."),
        metadata={"pattern": CURSOR, "description": "Continue behind this `cursor`."},
    )
    order = fields.String(
        load_default="desc",
        validate=validate.OneOf(["asc", "desc"]),
        metadata={"description": "`desc`: newest first."},
    )


class ObservationsQuery(ObservationsOfTraceQuery):
    """The same across traces."""

    started_after = Time(metadata={"type": "string", "format": "date-time", "description": "At this time or later."})
    started_before = Time(metadata={"type": "string", "format": "date-time", "description": "Before this time."})
    session_id = Text(at_most=LONGEST)
    user_id = Text(at_most=LONGEST)
    release = Text(at_most=LONGEST)
    environment = Text(at_most=LONGEST)


class ObservationPage(Schema):
    """Observations by time."""

    object = fields.Constant("list", required=True)
    data = fields.List(AsIs(ObservationOut), required=True)
    has_more = fields.Boolean(
        required=True, metadata={"description": "Go on with `cursor`; a page of rare ones may be short, or empty."}
    )
    first_id = fields.String(required=True, allow_none=True)
    last_id = fields.String(required=True, allow_none=True)
    cursor = fields.String(
        required=True,
        allow_none=True,
        metadata={"pattern": CURSOR, "description": "The place behind the page: what to give as `after`."},
    )
