"""Every type of event there is: the one list behind `GET /v1/event_types`, the OpenAPI and AsyncAPI documents, the
patterns of webhook endpoints and docs/events.md."""

from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from schemas.event_data import (
    BatchData,
    JobCancelledData,
    JobData,
    JobDeltaData,
    JobFailedData,
    JobProgressData,
    JobRetryingData,
    JobSucceededData,
    WebhookEndpointDisabledData,
    WebhookTestData,
)
from schemas.feature_event_data import (
    FeatureAtRiskData,
    FeatureChangedData,
    FeatureDetectedData,
    FeatureResolvedData,
)
from schemas.kb_event_data import (
    KbActivatedData,
    KbBuildFailedData,
    KbBuiltData,
    KbDiscardedData,
    KbExportedData,
    KbImportedData,
    KbIngestedData,
    KbReviewData,
    SpecBreakingData,
)
from schemas.suite_event_data import CaseData, CasesGeneratedData, RunCaseData, RunFinishedData, RunStartedData

Json = dict[str, Any]

_JOB = {"job_id": "job_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f", "kind": "completion"}
_RUNNING: Json = {**_JOB, "status": "running", "attempt": 1}
_ERROR = {
    "code": "provider_unavailable",
    "message": "openai answered 503",
    "retryable": True,
    "provider": "openai",
    "model": "gpt-4o-mini",
    "provider_status": 503,
}
_USAGE = {
    "calls": 1,
    "input_tokens": 12,
    "output_tokens": 34,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
    "cost_usd": "0.0000222",
}
_ENDPOINT = "we_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"
_KB = {"knowledge_base_id": "kb_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"}
_KB_JOB = {**_KB, "job_id": _JOB["job_id"]}
_BY = {"by": "key_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"}
_REVIEW = {**_KB, **_BY, "draft_serial": 12}
_RUN = {
    "run_id": "run_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
    "job_id": _JOB["job_id"],
    "suite_id": "suite_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
    "environment_id": None,
}
_CASE = {"test_case_id": "tc_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f", "name": "an order can be read"}
_FAILED: Json = {
    **_RUN,
    "verdict": "failed",
    "reason": "1 of 12 cases failed.",
    "counts": {"passed": 11, "failed": 1, "errored": 0, "flaky": 0, "skipped": 0},
    "new_failures": 1,
    "previous_verdict": "passed",
    "report_file_ids": ["file_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"],
}
_FEATURE = {"feature_id": "feat_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f", "key": "track_an_order", "name": "Track an order"}
_DRIFT = {"drift_id": "drift_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"}
_FILE = {"file_id": "file_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"}


def _batch(status: str, *, ended: int, **more: Any) -> Json:
    counts = dict.fromkeys(("scheduled", "queued", "running", "succeeded", "failed", "cancelled", "expired"), 0)
    return {
        "batch_id": "batch_01980a4e1f7a7c3e9d3b5f6a7c8d9e0f",
        "status": status,
        "progress": {"current": ended, "total": 100, "message": None},
        "counts": {**counts, "rejected": 0, "succeeded": ended, **more},
    }


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of event. `data` is the shape of the envelope's `data`, `example` one of those; `webhooks` says whether
    webhooks deliver it, too."""

    name: str
    description: str
    data: type[Schema]
    example: Json
    webhooks: bool = True

    @property
    def family(self) -> str:
        """What its name begins with: `job` of `job.succeeded`."""
        return self.name.partition(".")[0]


EVENT_TYPES: tuple[EventType, ...] = (
    EventType(
        "job.scheduled",
        "A job was accepted, and waits for its `run_at`.",
        JobData,
        {**_JOB, "status": "scheduled", "attempt": 0},
    ),
    EventType(
        "job.queued",
        "A job waits for a worker: it is new, its time has come, or somebody had it tried again.",
        JobData,
        {**_JOB, "status": "queued", "attempt": 0},
    ),
    EventType("job.started", "A worker began an attempt of a job.", JobData, _RUNNING),
    EventType(
        "job.progress",
        "A running job said how far it is.",
        JobProgressData,
        {**_RUNNING, "progress": {"current": 3, "total": 10, "message": "page 3"}},
    ),
    EventType(
        "job.delta",
        "A piece of a streamed answer. Kept while the job is live and 10 minutes after.",
        JobDeltaData,
        {"job_id": _JOB["job_id"], "delta": {"content": "Hello"}},
        webhooks=False,
    ),
    EventType(
        "job.retrying",
        "An attempt ended without a result, and the job is queued again.",
        JobRetryingData,
        {**_JOB, "status": "queued", "attempt": 1, "error": _ERROR, "delay_seconds": 1.25},
    ),
    EventType(
        "job.succeeded",
        "A job has its result.",
        JobSucceededData,
        {**_JOB, "status": "succeeded", "attempt": 1, "usage": _USAGE},
    ),
    EventType(
        "job.failed",
        "A job ended without a result.",
        JobFailedData,
        {**_JOB, "status": "failed", "attempt": 3, "error": _ERROR, "usage": None},
    ),
    EventType(
        "job.cancelled",
        "A job was cancelled before its end.",
        JobCancelledData,
        {**_JOB, "status": "cancelled", "attempt": 1},
    ),
    EventType(
        "job.expired",
        "A job was not done within its `deadline_s`.",
        JobData,
        {**_JOB, "status": "expired", "attempt": 0},
    ),
    EventType("batch.created", "A batch was accepted; its lines become jobs.", BatchData, _batch("reading", ended=0)),
    EventType(
        "batch.progress",
        "Another tenth of a batch's jobs ended.",
        BatchData,
        _batch("running", ended=20, running=10, queued=70),
    ),
    EventType("batch.completed", "All jobs of a batch ended.", BatchData, _batch("completed", ended=100)),
    EventType(
        "batch.cancelled", "A batch was cancelled; none of its jobs goes on.", BatchData, _batch("cancelled", ended=20)
    ),
    EventType(
        "batch.failed",
        "The lines of a batch could not all be read; the jobs it had ended.",
        BatchData,
        {
            **_batch("failed", ended=20),
            "error": {"code": "internal_error", "message": "The uploaded lines are gone.", "retryable": False},
        },
    ),
    EventType(
        "webhook_endpoint.disabled",
        "A webhook endpoint gets nothing any more: it answered 410, or failed for five days.",
        WebhookEndpointDisabledData,
        {
            "webhook_endpoint_id": _ENDPOINT,
            "url": "https://example.com/hooks",
            "reason": "failing",
            "failing_since": "2026-06-26T12:00:00.000000Z",
            "last_error": "The receiver answered 500.",
        },
    ),
    EventType(
        "webhook.test",
        "Somebody asked for it, to see whether an endpoint works; only that endpoint is sent it.",
        WebhookTestData,
        {"webhook_endpoint_id": _ENDPOINT, "message": "This is a test."},
    ),
    EventType(
        "kb.ingested",
        "A job wrote into the draft of a knowledge base.",
        KbIngestedData,
        {
            **_KB_JOB,
            "kind": "openapi.ingest",
            "source": "default",
            "added": 3,
            "changed": 1,
            "removed": 0,
            "unchanged": 96,
        },
    ),
    EventType(
        "kb.submitted",
        "The draft of a knowledge base waits for a review.",
        KbReviewData,
        {**_REVIEW, "note": "Orders API 2.1"},
    ),
    EventType("kb.approved", "A submitted draft was approved.", KbReviewData, {**_REVIEW, "note": None}),
    EventType(
        "kb.rejected",
        "A submitted draft was rejected.",
        KbReviewData,
        {**_REVIEW, "note": "The table of prices is last year's."},
    ),
    EventType(
        "kb.built",
        "A version of a knowledge base is ready to be activated.",
        KbBuiltData,
        {**_KB_JOB, "version": 4, "stats": {"entries": 100, "chunks": 240}, "evaluation": {"recall_at_k": 0.95}},
    ),
    EventType(
        "kb.build_failed",
        "A version of a knowledge base could not be built.",
        KbBuildFailedData,
        {**_KB_JOB, "version": 4, "error": _ERROR},
    ),
    EventType(
        "kb.activated",
        "Another version of a knowledge base is served.",
        KbActivatedData,
        {**_KB, **_BY, "version": 4, "previous": 3, "forced": False},
    ),
    EventType(
        "kb.rolled_back",
        "An earlier version of a knowledge base is served again.",
        KbActivatedData,
        {**_KB, **_BY, "version": 3, "previous": 4, "forced": False},
    ),
    EventType(
        "kb.discarded",
        "The draft of a knowledge base was given up for what its active version says.",
        KbDiscardedData,
        {**_KB, **_BY, "version": 3, "draft_serial": 13},
    ),
    EventType(
        "kb.exported",
        "A version of a knowledge base was written to a file.",
        KbExportedData,
        {**_KB_JOB, **_FILE, "version": 3},
    ),
    EventType(
        "kb.imported",
        "A file was read into the draft of a knowledge base.",
        KbImportedData,
        {**_KB_JOB, **_FILE, "entries": 100},
    ),
    EventType(
        "spec.breaking",
        "An API in a knowledge base changed in a way that breaks its clients.",
        SpecBreakingData,
        {
            **_KB_JOB,
            "source": "default",
            "count": 1,
            "changes": [
                {
                    "id": "api-removed-without-deprecation",
                    "level": "error",
                    "operation": "GET /orders",
                    "text": "The operation was removed without being deprecated before.",
                    "pointer_before": "",
                    "pointer_after": None,
                    "what_to_do": "Keep the operation and mark it as deprecated before it goes.",
                }
            ],
            "affected": {"operations": ["GET /orders"]},
        },
    ),
    EventType("testrun.started", "A run of test cases began.", RunStartedData, {**_RUN, "cases": 12, "total": 120}),
    EventType(
        "testrun.case_finished",
        "A test case was executed as often as the run wants it.",
        RunCaseData,
        {
            **_RUN,
            **_CASE,
            "verdict": "failed",
            "reason": "The status is 500, not 200.",
            "counts": {"passed": 0, "failed": 10, "errored": 0},
            "new": True,
            "quarantined": False,
        },
    ),
    EventType("testrun.finished", "A run of test cases ended, however it did.", RunFinishedData, _FAILED),
    EventType("testrun.failed", "A run ended failed or errored; beside testrun.finished.", RunFinishedData, _FAILED),
    EventType(
        "test_case.quarantined",
        "A test case is so often flaky that its verdict counts no more.",
        CaseData,
        {**_CASE, "reason": "It was flaky in 6 of its last 20 runs.", "run_id": _RUN["run_id"]},
    ),
    EventType(
        "test_case.released",
        "The verdict of a test case counts again.",
        CaseData,
        {**_CASE, "reason": "It passed 20 times in a row.", "run_id": _RUN["run_id"]},
    ),
    EventType(
        "test_case.generated",
        "Test cases were written, and wait for a person's approval.",
        CasesGeneratedData,
        {
            "job_id": _JOB["job_id"],
            "source": "openapi",
            "drafts": 1,
            "test_case_ids": [_CASE["test_case_id"]],
        },
    ),
    EventType(
        "feature.detected",
        "Traces show a feature that was not known.",
        FeatureDetectedData,
        {
            **_FEATURE,
            "description": "Users ask where their order is.",
            "named_by": "rule",
            "traces": 12,
            "trace_ids": ["trace_5b8efff798038103d269b633813fc60c"],
            "job_id": _JOB["job_id"],
        },
    ),
    EventType(
        "feature.changed",
        "A person made, changed, enabled, disabled, merged, split, dismissed or removed a feature.",
        FeatureChangedData,
        {**_FEATURE, **_BY, "change": "disabled", "into": None},
    ),
    EventType(
        "feature.at_risk",
        "A feature behaves differently than it did.",
        FeatureAtRiskData,
        {
            **_FEATURE,
            **_DRIFT,
            "signal": "prompt",
            "root_cause": "SYSTEM_CHANGED",
            "confidence": 0.95,
            "summary": "The system prompt of chat gpt-4o-mini changed.",
            "test_case_ids": [_CASE["test_case_id"]],
        },
    ),
    EventType(
        "feature.resolved",
        "What had put a feature at risk is settled.",
        FeatureResolvedData,
        {**_FEATURE, **_DRIFT, "at_risk": False, "resolution": "tests"},
    ),
)
BY_NAME: dict[str, EventType] = {one.name: one for one in EVENT_TYPES}


def matching(pattern: str) -> tuple[EventType, ...]:
    """The types that an exact name, `<family>.*` or `*` means; none if the pattern means nothing."""
    if pattern == "*":
        return EVENT_TYPES
    family = pattern.removesuffix(".*")
    if family != pattern:
        return tuple(one for one in EVENT_TYPES if one.family == family)
    return (BY_NAME[pattern],) if pattern in BY_NAME else ()
