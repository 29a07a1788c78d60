"""How a test case came out over time."""

from marshmallow import Schema, fields, validate

from schemas.base import PublicId, QueryNumber, Time


class HistoryQuery(Schema):
    """How far back."""

    limit = QueryNumber(
        load_default=50, validate=validate.Range(min=1, max=500), metadata={"description": "How many runs at most."}
    )
    environment_id = PublicId("env", metadata={"description": "Only runs in this environment."})


class OutcomeOut(Schema):
    """How the case came out in a run."""

    run_id = PublicId("run", required=True)
    verdict = fields.String(required=True)
    found = fields.String(required=True, metadata={"description": "The verdict before a person gave another."})
    case_version = fields.Integer(required=True)
    counts = fields.Dict(keys=fields.String(), required=True)
    milliseconds = fields.Float(required=True)
    new = fields.Boolean(required=True)
    reason = fields.String(required=True, allow_none=True)
    finished_at = Time(required=True)


class HistoryOut(Schema):
    """A case's outcomes, newest first, and what they say of it."""

    object = fields.Constant("test_case_history", required=True)
    test_case_id = PublicId("tc", required=True)
    runs = fields.Integer(required=True, metadata={"description": "Those that decided: passed, failed or flaky."})
    flaky = fields.Integer(
        required=True,
        metadata={"description": "In which the case was flaky: in themselves, or failed between two that passed."},
    )
    flake_rate = fields.Float(required=True, metadata={"description": "The share of flaky runs, 0 to 1."})
    flake_probability = fields.Float(
        required=True, metadata={"description": "That it is flaky in more than one run of twenty, 0 to 1."}
    )
    passed_in_a_row = fields.Integer(required=True, metadata={"description": "The newest runs."})
    quarantined_at = Time(required=True, allow_none=True)
    data = fields.List(fields.Nested(OutcomeOut), required=True)
