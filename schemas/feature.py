"""Features as clients see them: listed, by their key, in figures."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from models import Feature, FeatureState
from schemas.base import AsIs, Money, PublicId, QueryNumber, Text, Time, page_query

Json = dict[str, Any]

STATES = [state.value for state in FeatureState]
NO_TESTS = {"approved": 0, "drafts": 0}


def truth(**kwargs: Any) -> fields.Boolean:
    """`true` or `false` in a query."""
    return fields.Boolean(truthy={"true"}, falsy={"false"}, **kwargs)


class EvidenceOut(Schema):
    """Some traces by which it is known, and what users typically say there."""

    trace_ids = fields.List(fields.String(), required=True)
    inputs = fields.List(fields.String(), required=True)


class FeatureTests(Schema):
    """How many test cases it has."""

    approved = fields.Integer(required=True)
    drafts = fields.Integer(required=True)


class FeatureOut(Schema):
    """Something that users of the product do, known by its traces."""

    id = PublicId("feat", required=True)
    object = fields.Constant("feature", required=True)
    project_id = PublicId("proj", required=True)
    key = fields.String(required=True, metadata={"description": "Its name for programs; never changes."})
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    tags = fields.List(fields.String(), required=True)
    state = fields.String(
        required=True,
        validate=validate.OneOf(STATES),
        metadata={
            "description": "`detected` by the analysis; `confirmed` by a person; `merged` into another; `dismissed`: "
            "not proposed again."
        },
    )
    enabled = fields.Boolean(required=True, metadata={"description": "The flag that clients read."})
    named_by = fields.String(required=True, validate=validate.OneOf(["rule", "model", "person"]))
    merged_into = PublicId("feat", required=True, allow_none=True)
    at_risk = fields.Boolean(required=True, metadata={"description": "Whether a drift of it is open."})
    traces = fields.Integer(required=True)
    first_seen_at = Time(required=True, allow_none=True)
    last_seen_at = Time(required=True, allow_none=True)
    evidence = AsIs(EvidenceOut, required=True)
    tests = AsIs(FeatureTests, required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class FeaturesQuery(page_query("feat")):  # type: ignore[misc]
    """Which features are listed."""

    state = fields.String(
        validate=validate.OneOf([*STATES, "all"], error="Must be one of: {choices}."),
        metadata={"description": "Left out: detected and confirmed ones."},
    )
    at_risk = truth()
    enabled = truth()
    tag = Text(at_most=100)
    key = Text(at_most=100)
    q = Text(at_most=200, metadata={"description": "A part of the name or the description."})


class FeatureQuery(Schema):
    """Which feature is shown."""

    follow = truth(load_default=False, metadata={"description": "Of a merged one, the feature that it leads to."})


class FlagsOut(Schema):
    """Every feature's flag by its key; the key of a merged feature has the flag of what it leads to."""

    object = fields.Constant("feature_flags", required=True)
    flags = fields.Dict(keys=fields.String(), values=fields.Boolean(), required=True)


class OverviewQuery(Schema):
    """Of which time; the last 7 days if nothing is said."""

    since = Time()
    until = Time()
    limit = QueryNumber(
        load_default=100,
        validate=validate.Range(min=1, max=1000),
        metadata={"description": "How many features at most."},
    )


class TrafficShare(Schema):
    """Some of the time's traces."""

    traces = fields.Integer(required=True)
    share = fields.Float(required=True, allow_none=True, metadata={"description": "Of all traces, 0 to 1."})


class OverviewTests(FeatureTests):
    """Its test cases, and how the approved ones ended when they last ran."""

    passed = fields.Integer(required=True)
    failed = fields.Integer(required=True, metadata={"description": "Failed, errored or flaky."})
    never_run = fields.Integer(required=True)
    last_run_at = Time(required=True, allow_none=True)


class OverviewRow(TrafficShare):
    """A feature in that time. Costs are US dollars, null where no call's price is known; latencies milliseconds."""

    feature_id = PublicId("feat", required=True)
    key = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    enabled = fields.Boolean(required=True)
    at_risk = fields.Boolean(required=True)
    open_drifts = fields.Integer(required=True)
    cost_usd = Money(required=True, allow_none=True)
    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    error_share = fields.Float(required=True, allow_none=True)
    p50_ms = fields.Float(required=True, allow_none=True)
    p95_ms = fields.Float(required=True, allow_none=True)
    trend = fields.Float(
        required=True,
        allow_none=True,
        metadata={"description": "Traffic against as long a time before: 0.5 is half as much again; null: none then."},
    )
    tests = fields.Nested(OverviewTests, required=True)
    last_seen_at = Time(required=True, allow_none=True)


class OverviewOut(Schema):
    """All features of a project in figures, those with the most traffic first."""

    object = fields.Constant("feature_overview", required=True)
    since = Time(required=True)
    until = Time(required=True)
    traces = fields.Integer(required=True)
    at_risk = fields.Integer(required=True, metadata={"description": "How many features are."})
    unassigned = fields.Nested(
        TrafficShare, required=True, metadata={"description": "Traces of no feature, or of one that was dismissed."}
    )
    features = fields.List(fields.Nested(OverviewRow), required=True)
    has_more = fields.Boolean(required=True)


def feature_view(feature: Feature, tests: Mapping[str, int] | None = None) -> Json:
    """What FeatureOut reads; `tests` are how many test cases it has, by `approved` and `drafts`."""
    evidence = feature.evidence or {}
    shown = {name: getattr(feature, name) for name in _AS_THEY_ARE}
    shown["evidence"] = {name: [*evidence.get(name, ())] for name in ("trace_ids", "inputs")}
    return {**shown, "tests": {**NO_TESTS, **(tests or {})}}


_AS_THEY_ARE = (
    "id",
    "project_id",
    "key",
    "name",
    "description",
    "tags",
    "state",
    "enabled",
    "named_by",
    "merged_into",
    "at_risk",
    "traces",
    "first_seen_at",
    "last_seen_at",
    "created_at",
    "updated_at",
)
