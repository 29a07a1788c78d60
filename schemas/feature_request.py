"""What people decide about features, as clients send it."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.base import Flag, PublicId, Text, not_blank
from schemas.case import distinct, tag_list, title
from schemas.feature_analyze import FeatureAnalyzeIn
from schemas.job import RunAtIn, WishesIn
from schemas.trace import FeatureTraceFilters

Json = dict[str, Any]

_ANALYSIS = FeatureAnalyzeIn()

MOST_TRACES = 1000
MOST_FOUND = 10_000
MOST_EXAMPLES = 50


def trace_list(**kwargs: Any) -> fields.List[Any]:
    """A field for traces, each once."""
    return fields.List(PublicId("trace"), validate=[validate.Length(min=1, max=MOST_TRACES), distinct], **kwargs)


def _example() -> Text:
    field = Text(at_least=1, at_most=10_000)
    field.validators.append(not_blank)
    return field


class FeatureFields(Schema):
    """What a feature is called."""

    name = title(required=True, metadata={"example": "Track an order"})
    description = Text(at_most=10_000, load_default=None, allow_none=True)
    tags = tag_list(load_default=list)


class FeatureIn(FeatureFields):
    """A new feature. Traces that look like its examples are its own from then on."""

    key = fields.String(
        validate=[
            validate.Length(min=1, max=100),
            validate.Regexp("^[a-z][a-z0-9_]*\\Z", error="Must be a-z, 0-9 and _, and begin with a letter."),
        ],
        metadata={"description": "Its name for programs. Left out: made of the name.", "example": "track_an_order"},
    )
    inputs = fields.List(
        _example(),
        load_default=list,
        validate=validate.Length(max=MOST_EXAMPLES),
        metadata={"description": "What users say who want it.", "example": ["Where is my parcel?"]},
    )
    trace_ids = fields.List(
        PublicId("trace"),
        load_default=list,
        validate=[validate.Length(max=MOST_TRACES), distinct],
        metadata={"description": "Traces of it: they are assigned to it."},
    )


class FeaturePatch(FeatureFields):
    """What is to change; everything else stays. What a person named, nothing renames."""

    enabled = Flag()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class MergeIn(Schema):
    """Into which feature."""

    into = PublicId("feat", required=True)


class SplitIn(Schema):
    """Which of the feature's traces are another feature, named or found by a filter, and what that is called."""

    trace_ids = trace_list()
    filter = fields.Nested(FeatureTraceFilters, metadata={"description": f"At most {MOST_FOUND:,} traces."})
    name = title()
    description = Text(at_most=10_000, load_default=None, allow_none=True)

    @validates_schema
    def _one_of_both(self, data: Json, **_: Any) -> None:
        if ("trace_ids" in data) == ("filter" in data):
            raise ValidationError("Name the traces in `trace_ids`, or give a `filter`: one of both.")
        if "filter" in data and not data["filter"]:
            raise ValidationError("Say which traces are another feature.", "filter")


class FeatureTracesIn(Schema):
    """Which traces."""

    trace_ids = trace_list(required=True)


class DriftResolveIn(Schema):
    """Why it is settled."""

    note = Text(at_most=2000, load_default=None, allow_none=True)


class AnalyzeRequest(FeatureAnalyzeIn, WishesIn, RunAtIn):
    """Which traces are analysed, and how the job is to be treated."""


def input_of(body: Json) -> Json:
    """The job's input in a loaded AnalyzeRequest, as JSON."""
    names = FeatureAnalyzeIn._declared_fields
    shown: Json = _ANALYSIS.dump({name: value for name, value in body.items() if name in names})
    return shown
