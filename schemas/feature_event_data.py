"""What the events of features say in their `data`."""

from marshmallow import fields, validate

from models import DriftSignal, RootCause
from schemas.base import PublicId
from schemas.event_data import EventData

CHANGES = ("created", "changed", "enabled", "disabled", "merged", "split", "dismissed", "removed")


class FeatureData(EventData):
    """The feature that it happened to."""

    feature_id = PublicId("feat", required=True)
    key = fields.String(required=True)
    name = fields.String(required=True)


class FeatureDetectedData(FeatureData):
    """A feature that the traces show, and was not known."""

    description = fields.String(required=True, allow_none=True)
    named_by = fields.String(required=True, validate=validate.OneOf(("rule", "model")))
    traces = fields.Integer(required=True, metadata={"description": "How many traces made it known."})
    trace_ids = fields.List(PublicId("trace"), required=True, metadata={"description": "Some of them."})
    job_id = PublicId("job", required=True)


class FeatureChangedData(FeatureData):
    """What a person did to it."""

    change = fields.String(required=True, validate=validate.OneOf(CHANGES))
    into = PublicId(
        "feat",
        required=True,
        allow_none=True,
        metadata={"description": "Of a merge, what it leads to; of a split, the new one."},
    )
    by = PublicId("key", required=True, allow_none=True)


class FeatureAtRiskData(FeatureData):
    """What changed about it, why as far as can be told, and which tests it has."""

    drift_id = PublicId("drift", required=True)
    signal = fields.String(required=True, validate=validate.OneOf([one.value for one in DriftSignal]))
    root_cause = fields.String(required=True, validate=validate.OneOf([one.value for one in RootCause]))
    confidence = fields.Float(required=True)
    summary = fields.String(required=True)
    test_case_ids = fields.List(PublicId("tc"), required=True)


class FeatureResolvedData(FeatureData):
    """The drift that is open no more; the feature is at risk as long as others are."""

    drift_id = PublicId("drift", required=True)
    at_risk = fields.Boolean(required=True)
    resolution = fields.String(required=True, validate=validate.OneOf(("person", "tests", "recovered")))
