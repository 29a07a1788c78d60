"""Suites as clients send and see them."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import Suite
from schemas.base import Flag, Number, PublicId, QueryNumber, Text, Time, page_query
from schemas.case import distinct, tag_list, title
from schemas.step import MOST_STEPS, step_list
from schemas.templated import variable_pairs

Json = dict[str, Any]

MOST_CASES = 10_000
REPORTS = ("json", "junit", "html", "har")


class SuiteDefaults(Schema):
    """A run's wishes, where it has none of its own."""

    times = Number(at_least=1, at_most=1000, metadata={"description": "Executions of each case, with each row."})
    concurrency = Number(at_least=1, at_most=100)
    fail_fast = Flag(metadata={"description": "The first failure ends the run."})
    include_drafts = Flag()
    retry_failed = Number(at_least=0, at_most=2)
    reports = fields.List(fields.String(validate=validate.OneOf(REPORTS, error="Must be one of: {choices}.")))


class SuiteFields(Schema):
    """Which cases run together, in what surroundings."""

    name = title(required=True, metadata={"example": "Smoke"})
    description = Text(at_most=10_000, load_default=None, allow_none=True)
    tags = tag_list(load_default=list)
    case_ids = fields.List(
        PublicId("tc"),
        load_default=list,
        validate=[validate.Length(max=MOST_CASES), distinct],
        metadata={"description": "These cases, in this order."},
    )
    select_tags = tag_list(load_default=list, metadata={"description": "And then all that have one of these tags."})
    environment_id = PublicId("env", load_default=None, allow_none=True)
    variables = variable_pairs(load_default=dict)
    setup = step_list(
        load_default=list,
        validate=validate.Length(max=MOST_STEPS),
        metadata={"description": "Before all cases; what it extracts, they have."},
    )
    teardown = step_list(
        load_default=list,
        validate=validate.Length(max=MOST_STEPS),
        metadata={"description": "After all cases, however they ended."},
    )
    defaults = fields.Nested(SuiteDefaults, load_default=dict)


class SuiteIn(SuiteFields):
    """A new suite."""


class SuitePatch(SuiteFields):
    """What is to change; everything else stays."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class SuiteOut(Schema):
    """A suite."""

    id = PublicId("suite", required=True)
    object = fields.Constant("suite", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    tags = fields.List(fields.String(), required=True)
    case_ids = fields.List(PublicId("tc"), required=True)
    select_tags = fields.List(fields.String(), required=True)
    environment_id = PublicId("env", required=True, allow_none=True)
    variables = fields.Dict(required=True)
    setup = fields.List(fields.Dict(), required=True)
    teardown = fields.List(fields.Dict(), required=True)
    defaults = fields.Dict(required=True)
    badge_token = fields.String(required=True, metadata={"description": "Whoever has it may see the suite's badge."})
    created_at = Time(required=True)
    updated_at = Time(required=True)


class SuitesQuery(page_query("suite")):  # type: ignore[misc]
    """Which suites are listed."""

    tag = Text(at_most=100)
    q = Text(at_most=200, metadata={"description": "A part of the name."})


class SuiteCasesQuery(Schema):
    """How to walk a suite's cases, in the order in which they run."""

    limit = QueryNumber(
        load_default=20,
        validate=validate.Range(min=1, max=100),
        metadata={"description": "How many objects at most."},
    )
    after = PublicId("tc", metadata={"description": "Continue after this case."})
    include_drafts = fields.Boolean(load_default=False, truthy={"true"}, falsy={"false"})


def suite_view(suite: Suite) -> Json:
    """What SuiteOut reads."""
    names = ("id", "project_id", "name", "description", "tags", "case_ids", "select_tags", "environment_id", "defaults",
             "badge_token", "created_at", "updated_at")  # fmt: skip
    return {name: getattr(suite, name) for name in names} | suite.content
