"""Input and result of a job that runs test cases."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from models import Verdict
from schemas.base import Flag, Number, PublicId, Text
from schemas.templated import variable_pairs

REPORTS = ("json", "junit", "html", "har")
MOST_CASES = 10_000
MOST_ROWS = 100_000
MOST_TIMES = 1_000
MOST_AT_ONCE = 100
MOST_SEED = 2**31 - 1
SELECTIONS = ("test_case_ids", "suite", "tags")


class RunDefaults(Schema):
    """How cases are executed. What is left out is as the suite has it, or as it is said here."""

    times = Number(
        at_least=1,
        at_most=MOST_TIMES,
        metadata={"description": "How often each case is executed with each of its data rows. Left out: once."},
    )
    concurrency = Number(
        at_least=1, at_most=MOST_AT_ONCE, metadata={"description": "Executions at the same time. Left out: 10."}
    )
    fail_fast = Flag(metadata={"description": "After the first execution that fails, nothing new begins."})
    retry_failed = Number(
        at_least=0,
        at_most=2,
        metadata={
            "description": "How often a data row that failed each of its times is executed once more, only to tell a "
            "flaky case from a broken one. Left out: never."
        },
    )
    reports = fields.List(
        fields.String(validate=validate.OneOf(REPORTS)),
        validate=validate.Length(max=len(REPORTS)),
        metadata={"description": "Left out: json, junit and html."},
    )


class RunJobIn(RunDefaults):
    """Which test cases are run, where, and how. Give one of `test_case_ids`, `suite` and `tags`."""

    test_case_ids = fields.List(PublicId("tc"), validate=validate.Length(min=1, max=MOST_CASES))
    suite = Text(at_least=1, at_most=200, metadata={"description": "A suite's id, or its name."})
    tags = fields.List(
        Text(at_least=1, at_most=100),
        validate=validate.Length(min=1, max=100),
        metadata={"description": "All cases that have one of these tags."},
    )
    environment = Text(
        at_least=1,
        at_most=200,
        allow_none=True,
        metadata={"description": "An environment's id, or its name. Left out: the suite's, if it has one."},
    )
    variables = variable_pairs(
        metadata={"description": "In place of variables of the same name of the suite and the environment."}
    )
    seed = Number(
        at_least=0,
        at_most=MOST_SEED,
        metadata={"description": "What the generators of templates begin with. Left out: another one for each run."},
    )
    include_drafts = Flag(load_default=False, metadata={"description": "Drafts are run, too."})
    rerun_of = PublicId("run", metadata={
        "type": "string", "pattern": "^run_[0-9a-f]{32}$", "description": "The run that this one repeats."
    })  # fmt: skip
    data_rows = fields.List(
        Number(at_least=0, at_most=MOST_ROWS - 1),
        validate=validate.Length(min=1, max=MOST_ROWS),
        metadata={"description": "Only these data rows, counted from 0; a case that has none of them is not run."},
    )

    @validates_schema
    def _one_selection(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in SELECTIONS if name in data]
        if len(given) != 1:
            at = given[1] if given else "_schema"
            raise ValidationError("Give one of test_case_ids, suite and tags.", at)


class RunJobOut(Schema):
    """How the run ended. Cases are counted by verdict; quarantined ones count in `quarantined` alone."""

    run_id = PublicId("run", required=True)
    verdict = fields.String(required=True, validate=validate.OneOf([one.value for one in Verdict]))
    reason = fields.String(required=True, allow_none=True)
    passed = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    errored = fields.Integer(required=True)
    flaky = fields.Integer(required=True)
    skipped = fields.Integer(required=True)
    cancelled = fields.Integer(required=True)
    quarantined = fields.Integer(required=True)
    total = fields.Integer(required=True, metadata={"description": "Cases."})
    executions = fields.Integer(
        required=True, metadata={"description": "Of cases with one data row each, those that tell flaky ones included."}
    )
    new_failures = fields.Integer(
        required=True, metadata={"description": "Failures that were not seen since the last green run."}
    )
    report_file_ids = fields.List(fields.String(), required=True)
    reports = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    warnings = fields.List(fields.String(), required=True, metadata={"description": "What did not work on the way."})
    milliseconds = fields.Float(required=True)
