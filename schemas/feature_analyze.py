"""Input and result of a job that finds features in traces."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.base import AsIs, Flag, PublicId, Text, Time

MOST_TRACES = 10_000


class FeatureAnalyzeIn(Schema):
    """Which traces are analysed. Left out: all that have been quiet for a while, and were not yet."""

    trace_ids = fields.List(
        PublicId("trace"),
        validate=validate.Length(min=1, max=MOST_TRACES),
        metadata={"description": "These, quiet or not. Those that the project does not have are skipped."},
    )
    since = Time(metadata={"description": "Those that began then or later."})
    until = Time(metadata={"description": "Those that began before that."})
    again = Flag(
        load_default=False,
        metadata={"description": "Also those that were analysed already. What a person assigned stays where it is."},
    )
    model = Text(
        at_least=1,
        at_most=300,
        allow_none=True,
        metadata={
            "description": "`provider/model` that names new features, and decides where resemblance alone is in doubt. "
            "Left out: no model is asked.",
            "example": "sandbox",
        },
    )

    @validates_schema
    def _one_choice(self, data: dict[str, Any], **_: Any) -> None:
        if "trace_ids" in data and ("since" in data or "until" in data):
            raise ValidationError("Give either trace_ids or a time.", "trace_ids")
        if "since" in data and "until" in data and data["since"] >= data["until"]:
            raise ValidationError("Must be after since.", "until")


class AssignedOut(Schema):
    """A feature that got traces."""

    feature_id = fields.String(required=True)
    traces = fields.Integer(required=True)


class FeatureAnalyzeOut(Schema):
    """What was found."""

    features = fields.List(
        AsIs(AssignedOut), required=True, metadata={"description": "Which features got how many of the traces."}
    )
    new = fields.List(fields.String(), required=True, metadata={"description": "Ids of features not known before."})
    at_risk = fields.List(fields.String(), required=True, metadata={"description": "Ids of features."})
    drift = fields.List(fields.String(), required=True, metadata={"description": "Ids of the drifts that were found."})
    traces = fields.Integer(required=True, metadata={"description": "How many were analysed."})
    unassigned = fields.Integer(required=True, metadata={"description": "Those of them without a feature."})
    skipped = fields.Integer(
        required=True, metadata={"description": "Those that are gone, or could not be understood."}
    )
    model_calls = fields.Integer(required=True)
    warnings = fields.List(fields.String(), required=True, metadata={"description": "Why a model was asked no more."})
