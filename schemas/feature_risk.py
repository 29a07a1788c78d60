"""What changed about features, the prompts they use, and the tests that tell, as clients see them."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import Case, CaseState, DriftSignal, DriftState, FeatureDrift, FeaturePrompt, PromptClass, RootCause
from schemas.base import AsIs, PublicId, Text, Time, page_query
from schemas.feature import FeatureOut

Json = dict[str, Any]

SIGNALS = [signal.value for signal in DriftSignal]
CAUSES = [cause.value for cause in RootCause]
CLASSES = [one.value for one in PromptClass]
DRIFT_STATES = [state.value for state in DriftState]


class DriftRerun(Schema):
    """A test run that was to say whether the feature is well. Null is the verdict of one that goes on."""

    run_id = fields.String(required=True)
    verdict = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    at = fields.String(required=True, metadata={"format": "date-time"})


class DriftOut(Schema):
    """Something about a feature that changed, since when, and why, as far as can be told."""

    id = PublicId("drift", required=True)
    object = fields.Constant("feature_drift", required=True)
    feature_id = PublicId("feat", required=True)
    call_site = fields.String(required=True, allow_none=True)
    signal = fields.String(required=True, validate=validate.OneOf(SIGNALS))
    root_cause = fields.String(required=True, validate=validate.OneOf(CAUSES))
    confidence = fields.Float(required=True)
    summary = fields.String(required=True)
    since = Time(required=True)
    before = fields.Dict(required=True, metadata={"description": "The prompt, or the figures, as they were."})
    after = fields.Dict(required=True)
    diff = fields.String(required=True, allow_none=True, metadata={"description": "Unified, of the two prompts."})
    evidence = fields.Dict(required=True, metadata={"description": "Traces of both sides, and the tests' figures."})
    state = fields.String(required=True, validate=validate.OneOf(DRIFT_STATES))
    resolved_at = Time(required=True, allow_none=True)
    resolution = fields.Dict(
        required=True,
        allow_none=True,
        metadata={"description": "`by` a person, green tests, or because it had recovered."},
    )
    reruns = fields.List(AsIs(DriftRerun), required=True, metadata={"description": "Newest last."})
    created_at = Time(required=True)


class DriftsQuery(page_query("drift")):  # type: ignore[misc]
    """Which of a feature's drifts."""

    signal = fields.String(validate=validate.OneOf(SIGNALS, error="Must be one of: {choices}."))
    root_cause = fields.String(validate=validate.OneOf(CAUSES, error="Must be one of: {choices}."))
    state = fields.String(validate=validate.OneOf(DRIFT_STATES, error="Must be one of: {choices}."))


class FeatureCaseOut(Schema):
    """A test case of a feature."""

    id = PublicId("tc", required=True)
    name = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf([one.value for one in CaseState]))
    quarantined = fields.Boolean(required=True)


class AtRiskOut(FeatureOut):
    """A feature at risk: what changed, and which tests tell whether it is well."""

    drifts = fields.List(fields.Nested(DriftOut), required=True, metadata={"description": "The open ones."})
    test_cases = fields.List(fields.Nested(FeatureCaseOut), required=True, metadata={"description": "Up to 100."})


class PromptOut(Schema):
    """A prompt that a feature uses at one of its call sites."""

    id = PublicId("fp", required=True)
    object = fields.Constant("feature_prompt", required=True)
    feature_id = PublicId("feat", required=True)
    call_site = fields.String(required=True, metadata={"description": "The place in the program that calls."})
    fingerprint = fields.String(
        required=True,
        metadata={"description": "SHA-256 in hex of the normalised system prompt, model, parameters and tools."},
    )
    template = fields.String(required=True, allow_none=True)
    provider = fields.String(required=True, allow_none=True)
    model = fields.String(required=True, allow_none=True)
    parameters = fields.Dict(required=True)
    tools = fields.List(fields.Raw(), required=True)
    classification = fields.String(required=True, validate=validate.OneOf(CLASSES))
    seen = fields.Integer(required=True)
    days = fields.Integer(required=True, metadata={"description": "On how many."})
    first_seen_at = Time(required=True)
    last_seen_at = Time(required=True)
    last_trace_id = PublicId("trace", required=True)


class PromptsQuery(page_query("fp")):  # type: ignore[misc]
    """Which of a feature's prompts."""

    classification = fields.String(validate=validate.OneOf(CLASSES, error="Must be one of: {choices}."))
    model = Text(at_most=200)
    call_site = Text(at_most=2000)


def drift_view(drift: FeatureDrift) -> Json:
    """What DriftOut reads."""
    return {name: getattr(drift, name) for name in DriftOut._declared_fields if name != "object"}


def prompt_view(prompt: FeaturePrompt) -> Json:
    """What PromptOut reads."""
    return {name: getattr(prompt, name) for name in PromptOut._declared_fields if name != "object"}


def feature_case_view(case: Case) -> Json:
    """What FeatureCaseOut reads."""
    shown = {name: getattr(case, name) for name in ("id", "name", "state")}
    return {**shown, "quarantined": case.quarantined_at is not None}
