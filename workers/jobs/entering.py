"""Hundreds of new jobs in one statement: what lifecycle.enter does for one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from models import Job
from workers.jobs import live
from workers.jobs.happened import Happened
from workers.jobs.lifecycle import EVENT_COLUMNS, JOB_COLUMNS, QUEUE_COLUMNS
from workers.webhooks import callbacks, recording

Json = dict[str, Any]

ENTER_MANY = text(f"""
WITH i AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS x(
    id uuid, project_id uuid, created_by uuid, kind text, queue text, status text, priority smallint, payload jsonb,
    metadata jsonb, max_attempts smallint, run_at timestamptz, deadline_at timestamptz, request_id text,
    created_at timestamptz, concurrency_key text, concurrency_limit smallint, max_cost numeric, store text,
    payload_digest jsonb, lane text, replay_of uuid, schedule_id uuid, batch_id uuid, batch_line int,
    callback_url text, traceparent text, event_id uuid, facts jsonb)
), j AS (
  INSERT INTO jobs ({JOB_COLUMNS})
  SELECT id, project_id, created_by, kind, queue, status, priority, payload, metadata, 0, max_attempts, 1, run_at,
    deadline_at, false, request_id, created_at, concurrency_key, concurrency_limit, max_cost, store, payload_digest,
    lane, replay_of, schedule_id, batch_id, batch_line, callback_url, traceparent FROM i
), e AS (
  INSERT INTO job_events ({EVENT_COLUMNS})
  SELECT id, 1, event_id, project_id, 'job.' || status, facts, created_at FROM i
)
INSERT INTO outbox ({QUEUE_COLUMNS})
SELECT id, project_id, queue, priority, 0, concurrency_key IS NULL,
  CASE WHEN concurrency_key IS NULL THEN created_at END, created_at, lane, concurrency_key, concurrency_limit
FROM i WHERE status = 'queued'
""")

_COPIED = (
    "id", "project_id", "created_by", "kind", "queue", "status", "priority", "payload", "max_attempts", "run_at",
    "deadline_at", "request_id", "created_at", "concurrency_key", "concurrency_limit", "max_cost", "store",
    "payload_digest", "lane", "replay_of", "schedule_id", "batch_id", "batch_line", "callback_url", "traceparent",
)  # fmt: skip


def enter_many(session: Session, jobs: Sequence[Job]) -> None:
    """Writes new jobs, the first event of each with its deliveries, and a place in the queue for those that are not
    scheduled for later.

    Jobs with a concurrency key wait there until fair.admit_later is called with their keys.
    """
    if not jobs:
        return
    entered = [_event(job) for job in jobs]
    rows = [_row(job, event) for job, event in zip(jobs, entered, strict=True)]
    for project_id in {job.project_id for job in jobs if job.callback_url is not None}:
        callbacks.expect(session, project_id)
    session.execute(ENTER_MANY, {"jobs": json.dumps(rows)})
    recording.record(session, entered)
    db.after_commit(session, lambda: live.notice(*{job.project_id for job in jobs}))


def _event(job: Job) -> Happened:
    facts = {"job_id": job.public_id, "kind": job.kind, "status": job.status, "attempt": 0}
    return Happened(job.id, 1, ids.new_id(), job.project_id, f"job.{job.status}", facts, job.created_at)


def _row(job: Job, event: Happened) -> Json:
    row = {name: getattr(job, name) for name in _COPIED}
    return {**row, "metadata": job.labels, "event_id": event.id, "facts": event.data}
