"""What approved test cases cover of an API."""

from marshmallow import Schema, fields, validate

from schemas.base import PublicId, QueryNumber, Text

MOST = 1000


class CoverageQuery(Schema):
    """Of which API, and by which cases."""

    knowledge_base_id = PublicId("kb", metadata={"description": "Left out: the project's own."})
    source = Text(at_least=1, at_most=100, metadata={"description": "Of several APIs, which one."})
    suite = Text(
        at_least=1, at_most=200, metadata={"description": "A suite's id or name: by its cases. Left out: by all."}
    )
    limit = QueryNumber(
        load_default=200,
        validate=validate.Range(min=1, max=MOST),
        metadata={"description": "How many operations are listed; the totals count all."},
    )
    offset = QueryNumber(load_default=0, validate=validate.Range(min=0, max=1_000_000))


class Share(Schema):
    """So many of so many; 100 percent of nothing."""

    total = fields.Integer(required=True)
    covered = fields.Integer(required=True)
    percent = fields.Float(required=True)


class CoverageTotals(Schema):
    """Everything together."""

    operations = fields.Nested(Share, required=True)
    statuses = fields.Nested(Share, required=True)
    parameters = fields.Nested(Share, required=True)
    keywords = fields.Nested(Share, required=True)


class OperationCoverage(Schema):
    """One operation. `omitted` are optional parameters that some step leaves out; a keyword is named with its place, as
    `limit maximum`. The first 100 of each list."""

    operation = fields.String(required=True)
    source = fields.String(required=True)
    entry_id = PublicId("api", required=True)
    covered = fields.Boolean(required=True)
    cases = fields.Integer(required=True)
    statuses = fields.Nested(Share, required=True)
    asserted = fields.List(fields.String(), required=True)
    not_asserted = fields.List(fields.String(), required=True)
    parameters = fields.Nested(Share, required=True)
    unused = fields.List(fields.String(), required=True)
    omitted = fields.List(fields.String(), required=True)
    keywords = fields.Nested(Share, required=True)
    keywords_missing = fields.List(fields.String(), required=True)


class CoverageOut(Schema):
    """What is covered, by how many `cases`; `unknown_steps` are those of their steps that are of no operation."""

    object = fields.Constant("test_coverage", required=True)
    knowledge_base_id = PublicId("kb", required=True)
    version = fields.Integer(required=True, allow_none=True, metadata={"description": "null: the draft's operations."})
    cases = fields.Integer(required=True)
    unknown_steps = fields.Integer(required=True)
    totals = fields.Nested(CoverageTotals, required=True)
    data = fields.List(fields.Nested(OperationCoverage), required=True)
    has_more = fields.Boolean(required=True)
