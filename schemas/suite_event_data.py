"""What the events of test cases and test runs say in their `data`."""

from marshmallow import fields, validate

from models import Verdict
from schemas.base import PublicId
from schemas.event_data import EventData

VERDICTS = [verdict.value for verdict in Verdict]


class RunData(EventData):
    """The run that it happened to."""

    run_id = PublicId("run", required=True)
    job_id = PublicId("job", required=True)
    suite_id = PublicId("suite", required=True, allow_none=True)
    environment_id = PublicId("env", required=True, allow_none=True)


class RunStartedData(RunData):
    """The run, and how much it will execute."""

    cases = fields.Integer(required=True)
    total = fields.Integer(required=True, metadata={"description": "Executions: cases × data rows × times."})


class RunCaseData(RunData):
    """A case that ended in the run."""

    test_case_id = PublicId("tc", required=True)
    name = fields.String(required=True)
    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    reason = fields.String(required=True, allow_none=True)
    counts = fields.Dict(keys=fields.String(), required=True, metadata={"description": "Executions by verdict."})
    new = fields.Boolean(required=True, metadata={"description": "A failure not seen since the last green run."})
    quarantined = fields.Boolean(required=True)


class RunFinishedData(RunData):
    """How the run ended; `counts` are cases by verdict."""

    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    reason = fields.String(required=True, allow_none=True)
    counts = fields.Dict(keys=fields.String(), required=True)
    new_failures = fields.Integer(required=True)
    previous_verdict = fields.String(
        required=True, allow_none=True, metadata={"description": "Of the run before of the same suite; null: none."}
    )
    report_file_ids = fields.List(fields.String(), required=True)


class CaseData(EventData):
    """The case that it happened to, and why."""

    test_case_id = PublicId("tc", required=True)
    name = fields.String(required=True)
    reason = fields.String(required=True)
    run_id = PublicId("run", required=True, allow_none=True)


class CasesGeneratedData(EventData):
    """Drafts that wait for a person; the event happens to the first of them."""

    job_id = PublicId("job", required=True)
    source = fields.String(required=True, metadata={"description": "openapi, trace or description."})
    drafts = fields.Integer(required=True)
    test_case_ids = fields.List(fields.String(), required=True, metadata={"description": "The first 100."})
