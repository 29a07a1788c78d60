"""Test runs, what became of each case in them, their executions, and remembered failures, as clients see them."""

from typing import Any

from marshmallow import Schema, fields, validate

from infra import ids
from models import CaseResult, CaseRun, CaseRunDecision, Failure, Job, JobStatus, Run, Verdict
from schemas.base import AsIs, PublicId, Text, Time, page_query
from schemas.job import NO_PROGRESS, STATUSES, ErrorOut, ProgressOut

Json = dict[str, Any]

VERDICTS = [verdict.value for verdict in Verdict]
# What a person may say of a case.
JUDGEABLE = [Verdict.PASSED.value, Verdict.FAILED.value, Verdict.ERRORED.value, Verdict.FLAKY.value]
REPORTS = {"json": "application/json", "junit": "application/xml", "html": "text/html", "har": "application/json"}
RERUNS = ["all", "failed", "errored", "flaky"]
LONGEST_NOTE = 2000


class RunsQuery(page_query("run")):  # type: ignore[misc]
    """Which runs."""

    suite_id = PublicId("suite")
    environment_id = PublicId("env")
    verdict = fields.String(validate=validate.OneOf(VERDICTS))


class ReportOut(Schema):
    """Where a report is; `file_id` once it was written."""

    url = fields.String(required=True)
    file_id = fields.String(required=True, allow_none=True)


class RunOut(Schema):
    """A run of test cases."""

    id = PublicId("run", required=True)
    object = fields.Constant("test_run", required=True)
    project_id = PublicId("proj", required=True)
    job_id = PublicId("job", required=True, metadata={"description": "The job that runs it, while that is kept."})
    status = fields.String(
        required=True, validate=validate.OneOf(STATUSES), metadata={"description": "The job's; the verdict is beside."}
    )
    verdict = fields.String(
        required=True, allow_none=True, validate=validate.OneOf(VERDICTS), metadata={"description": "Null: not ended."}
    )
    reason = fields.String(required=True, allow_none=True)
    error = AsIs(ErrorOut, required=True, allow_none=True, metadata={"description": "Why the job failed."})
    suite_id = PublicId("suite", required=True, allow_none=True)
    environment_id = PublicId("env", required=True, allow_none=True)
    input = fields.Dict(keys=fields.String(), required=True)
    counts = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"description": "Cases by verdict."}
    )
    new_failures = fields.Integer(required=True, metadata={"description": "Not seen since the last green run."})
    total = fields.Integer(required=True, metadata={"description": "Executions: cases × data rows × times."})
    done = fields.Integer(required=True, metadata={"description": "Executions that have ended."})
    progress = AsIs(ProgressOut, required=True)
    seed = fields.Integer(required=True)
    attempt = fields.Integer(required=True)
    rerun_of = PublicId("run", required=True, allow_none=True)
    green_run_id = PublicId(
        "run", required=True, allow_none=True, metadata={"description": "The last run of the same that passed."}
    )
    reports = fields.Dict(keys=fields.String(), values=fields.Nested(ReportOut), required=True)
    created_at = Time(required=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)


class WholeRunOut(RunOut):
    """A run of test cases with what surrounded them."""

    around = fields.Dict(
        keys=fields.String(), required=True, metadata={"description": "The suite's own setup and teardown."}
    )


def _status(run: Run, job: Job | None) -> str:
    if job is not None:
        return job.status
    if run.verdict == Verdict.CANCELLED:
        return JobStatus.CANCELLED
    return JobStatus.FAILED if run.verdict is None else JobStatus.SUCCEEDED


def run_view(run: Run, job: Job | None, new_failures: int = 0) -> Json:
    """What RunOut reads; `job` is None once it is kept no longer."""
    shown = {name: getattr(run, name) for name in _AS_THEY_ARE}
    address = f"/v1/test_runs/{run.public_id}/report?format="
    return {
        **shown,
        "job_id": run.id,
        "status": _status(run, job),
        "error": job.error if job else None,
        "input": run.wishes,
        "new_failures": new_failures,
        "progress": (job and job.progress) or NO_PROGRESS,
        "reports": {name: {"url": address + name, "file_id": run.reports.get(name)} for name in REPORTS},
    }


_AS_THEY_ARE = (
    "id",
    "project_id",
    "verdict",
    "reason",
    "suite_id",
    "environment_id",
    "counts",
    "total",
    "done",
    "seed",
    "attempt",
    "rerun_of",
    "green_run_id",
    "around",
    "created_at",
    "started_at",
    "finished_at",
)


class OverrideIn(Schema):
    """What a person says of a case's end."""

    verdict = fields.String(required=True, validate=validate.OneOf(JUDGEABLE))
    note = Text(at_least=1, at_most=LONGEST_NOTE, required=True, metadata={"example": "The limit was raised."})


class NoteIn(Schema):
    """Why."""

    note = Text(at_most=LONGEST_NOTE, load_default="")


class AcceptIn(NoteIn):
    """Which of several executions, and why."""

    case_run_id = PublicId("crun", metadata={"description": "Whose answers; needed where they differ."})


class RerunIn(Schema):
    """Which cases are run again."""

    which = fields.String(data_key="only", validate=validate.OneOf(RERUNS), load_default="all")


class OverrideOut(Schema):
    """A person's verdict; null where it was taken back."""

    verdict = fields.String(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)
    by = fields.String(required=True)
    at = fields.String(required=True, metadata={"format": "date-time"})


class DecisionOut(Schema):
    """What a person made of what came back. `case_version` is the version that expects it, `test_case_id` the case
    that was made of it."""

    decision = fields.String(required=True, validate=validate.OneOf([one.value for one in CaseRunDecision]))
    note = fields.String(required=True, allow_none=True)
    by = fields.String(required=True)
    at = fields.String(required=True, metadata={"format": "date-time"})
    case_version = fields.Integer()
    test_case_id = fields.String()


class CaseResultsQuery(page_query("tc")):  # type: ignore[misc]
    """Which cases of a run; they come in its order unless `desc` is asked for."""

    order = fields.String(load_default="asc", validate=validate.OneOf(["asc", "desc"]))
    verdict = fields.String(validate=validate.OneOf(VERDICTS))
    new = fields.Boolean(metadata={"description": "Only those with, or without, a failure that is new."})


class CaseResultOut(Schema):
    """What became of a case in a run; `id` is the case's."""

    id = PublicId("tc", required=True)
    object = fields.Constant("test_case_result", required=True)
    run_id = PublicId("run", required=True)
    test_case_id = PublicId("tc", required=True)
    case_version = fields.Integer(required=True)
    position = fields.Integer(required=True)
    name = fields.String(required=True)
    verdict = fields.String(
        required=True, validate=validate.OneOf(VERDICTS), metadata={"description": "The one that counts."}
    )
    found = fields.String(required=True, metadata={"description": "The verdict before a person gave another."})
    reason = fields.String(required=True, allow_none=True)
    counts = fields.Dict(keys=fields.String(), required=True, metadata={"description": "Executions by verdict."})
    milliseconds = fields.Float(required=True)
    quarantined = fields.Boolean(required=True, metadata={"description": "Its verdict does not count."})
    new = fields.Boolean(required=True)
    fingerprints = fields.List(fields.String(), required=True)
    new_fingerprints = fields.List(fields.String(), required=True)
    override = AsIs(OverrideOut, required=True, allow_none=True)
    overrides = fields.List(AsIs(OverrideOut), required=True, metadata={"description": "All of them, oldest first."})
    decision = AsIs(DecisionOut, required=True, allow_none=True)
    decisions = fields.List(AsIs(DecisionOut), required=True, metadata={"description": "All of them, oldest first."})
    finished_at = Time(required=True)


def result_view(result: CaseResult) -> Json:
    """What CaseResultOut reads."""
    shown = {name: getattr(result, name) for name in _OF_A_RESULT}
    overrides, decisions = _history(result.override), _history(result.decision)
    override = overrides[-1] if overrides and overrides[-1]["verdict"] else None
    return {
        **shown,
        "id": result.case_id,
        "test_case_id": result.case_id,
        "verdict": result.stands,
        "found": result.verdict,
        "new": bool(result.new_fingerprints),
        "override": override,
        "overrides": overrides,
        "decision": decisions[-1] if decisions else None,
        "decisions": decisions,
    }


def _history(kept: Json | None) -> list[Json]:
    if kept is None:
        return []
    return [*kept.get("history", ()), {name: value for name, value in kept.items() if name != "history"}]


_OF_A_RESULT = (
    "run_id",
    "case_version",
    "position",
    "name",
    "reason",
    "counts",
    "milliseconds",
    "quarantined",
    "fingerprints",
    "new_fingerprints",
    "finished_at",
)


class CaseRunsQuery(page_query("crun")):  # type: ignore[misc]
    """Which executions of a run."""

    case_id = PublicId("tc")
    verdict = fields.String(validate=validate.OneOf(VERDICTS))


class CaseRunOut(Schema):
    """One execution of a case; its steps are at its own address."""

    id = PublicId("crun", required=True)
    object = fields.Constant("test_case_run", required=True)
    run_id = PublicId("run", required=True)
    test_case_id = PublicId("tc", required=True, attribute="case_id")
    case_version = fields.Integer(required=True)
    data_row = fields.Integer(required=True)
    repetition = fields.Integer(required=True)
    attempt = fields.Integer(required=True)
    verdict = fields.String(required=True, validate=validate.OneOf(VERDICTS))
    reason = fields.String(required=True, allow_none=True)
    fingerprint = fields.String(required=True, allow_none=True)
    trace_id = fields.String(required=True, metadata={"description": "Sent as `traceparent` with its requests."})
    milliseconds = fields.Float(required=True)
    created_at = Time(required=True)


class WholeCaseRunOut(CaseRunOut):
    """One execution of a case with what each step sent, what came back, and how that was judged."""

    steps = fields.List(fields.Dict(keys=fields.String()), required=True)


def case_run_view(run: CaseRun, *, whole: bool = False) -> Json:
    """What CaseRunOut reads, or WholeCaseRunOut."""
    names = [one for one in CaseRunOut._declared_fields if one not in ("object", "test_case_id")]
    return {**{name: getattr(run, name) for name in names}, "case_id": run.case_id} | (
        {"steps": run.steps} if whole else {}
    )


class FailuresQuery(page_query("fail")):  # type: ignore[misc]
    """Which failures."""

    case_id = PublicId("tc")
    state = fields.String(validate=validate.OneOf(["open", "resolved"]))


class FailureOut(Schema):
    """A failure of a case, known by its fingerprint."""

    id = PublicId("fail", required=True)
    object = fields.Constant("test_failure", required=True)
    test_case_id = PublicId("tc", required=True, attribute="case_id")
    state = fields.String(required=True, validate=validate.OneOf(["open", "resolved"]))
    fingerprint = fields.String(required=True)
    step = fields.String(required=True)
    reason = fields.String(required=True)
    occurrences = fields.Integer(required=True)
    first_run_id = PublicId("run", required=True)
    first_seen_at = Time(required=True)
    last_run_id = PublicId("run", required=True)
    last_seen_at = Time(required=True)
    resolved_at = Time(required=True, allow_none=True)


def failure_view(failure: Failure) -> Json:
    """What FailureOut reads."""
    names = [one for one in FailureOut._declared_fields if one not in ("object", "test_case_id", "state")]
    shown = {name: getattr(failure, name) for name in names}
    return {**shown, "case_id": failure.case_id, "state": "open" if failure.resolved_at is None else "resolved"}


class ReportQuery(Schema):
    """Which report."""

    format = fields.String(load_default="html", validate=validate.OneOf(list(REPORTS)))


def by(principal_id: Any) -> str:
    """Who, as an id."""
    return ids.show("key", principal_id)
