"""The life of a job: the only file that changes a job's status.

Every change is a set-based statement that moves many jobs at once, writes each one's next numbered event and keeps the
outbox in step, so a group of jobs costs one round trip and one commit. A change applies only from the statuses that
TRANSITIONS allows and, for a worker, only under its fencing number (`attempt`); what does not apply is left out of the
answer. A cancel that was asked for wins over any other end.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids, json
from models import Job, JobStatus
from workers.jobs import fair
from workers.jobs.happened import Happened
from workers.webhooks import recording

Json = dict[str, Any]
S = JobStatus

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    S.SCHEDULED: frozenset({S.QUEUED, S.CANCELLED, S.EXPIRED}),
    S.QUEUED: frozenset({S.RUNNING, S.CANCELLED, S.EXPIRED}),
    S.RUNNING: frozenset({S.RUNNING, S.SUCCEEDED, S.FAILED, S.QUEUED, S.CANCELLED, S.EXPIRED}),
    S.SUCCEEDED: frozenset(),
    # A person may ask for another attempt of a job that did not succeed; nothing else leaves a final status.
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset({S.QUEUED}),
    S.EXPIRED: frozenset({S.QUEUED}),
}


@dataclass(slots=True)
class Move:
    """One job's wanted change.

    `source` is the status it must have now, `attempt` the fencing number it must have (None: any), `sequence` the
    event number to use where a worker counts (deltas take numbers too), `delay_seconds` how long a queued job waits.
    """

    job_id: UUID
    source: JobStatus
    target: JobStatus
    event: str
    data: Json | None = None
    attempt: int | None = None
    sequence: int | None = None
    result: Json | None = None
    result_key: str | None = None
    error: Json | None = None
    usage: Json | None = None
    progress: Json | None = None
    delay_seconds: float = 0.0
    extra_attempts: int = 0
    dead_letter: bool = False

    def __post_init__(self) -> None:
        if self.target not in TRANSITIONS[self.source]:
            raise ValueError(f"a {self.source} job cannot become {self.target}")

    def row(self) -> Json:
        """The move as the statement reads it."""
        return {
            "id": self.job_id,
            "source": self.source,
            "target": self.target,
            "event": self.event,
            "event_id": ids.new_id(),
            "data": self.data or {},
            "attempt": self.attempt,
            "sequence": self.sequence,
            "result": self.result,
            "result_key": self.result_key,
            "error": self.error,
            "usage": self.usage,
            "progress": self.progress,
            "delay": self.delay_seconds,
            "extra_attempts": self.extra_attempts,
            "dead_letter": self.dead_letter,
        }


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job as its worker gets it; `started` is the event that tells of it."""

    job_id: UUID
    project_id: UUID
    kind: str
    payload: Json
    attempt: int
    max_attempts: int
    sequence: int
    deadline_at: datetime | None
    request_id: str | None
    store: str
    max_cost: Decimal | None
    spent: Decimal
    started: Happened


_FACTS = """jsonb_build_object('job_id', 'job_' || replace(j.id::text, '-', ''), 'kind', j.kind, 'status', j.status,
    'attempt', j.attempt)"""

# Plain statements in one message: half of PostgreSQL's time for one statement with all of them inside it.
JOB_COLUMNS = """id, project_id, created_by, kind, queue, status, priority, payload, metadata, attempt, max_attempts,
  event_sequence, run_at, deadline_at, dead_letter, request_id, created_at, concurrency_key, concurrency_limit,
  max_cost, store, payload_digest, lane, replay_of, schedule_id, batch_id, batch_line, callback_url,
  traceparent"""
EVENT_COLUMNS = "job_id, sequence, id, project_id, type, data, created_at"
QUEUE_COLUMNS = """job_id, project_id, queue, priority, attempt, ready, available_at, created_at, lane,
  concurrency_key, concurrency_limit"""
_ENTER = f"""
INSERT INTO jobs ({JOB_COLUMNS})
VALUES (:id, :project_id, :created_by, :kind, :queue, :status, :priority, CAST(:payload AS jsonb),
  CAST(:labels AS jsonb), 0, :max_attempts, 1, :run_at, :deadline_at, false, :request_id, :created_at,
  :concurrency_key, :concurrency_limit, :max_cost, :store, CAST(:payload_digest AS jsonb), :lane, :replay_of,
  :schedule_id, :batch_id, :batch_line, :callback_url, :traceparent);
INSERT INTO job_events ({EVENT_COLUMNS})
VALUES (:id, 1, :event_id, :project_id, :event_type, CAST(:facts AS jsonb), :created_at)"""
ENTER_LATER = text(f"{_ENTER};{recording.RECORD_ENTERED}")
ENTER_QUEUED = text(
    _ENTER
    + f""";
INSERT INTO outbox ({QUEUE_COLUMNS})
VALUES (:id, :project_id, :queue, :priority, 0, :ready, :available_at, :created_at, :lane, :concurrency_key,
  :concurrency_limit);{recording.RECORD_ENTERED}"""
)

# "wins" is the status the job gets: the cancel somebody asked for, or the wanted one. It reads only the row that the
# UPDATE locks, so a cancel committed a microsecond before still counts.
_WINS = """CASE WHEN j.cancel_requested_at IS NOT NULL AND j.status = 'running' AND i.target <> 'running'
    THEN 'cancelled' ELSE i.target END"""

_FINAL = "('succeeded', 'failed', 'cancelled', 'expired')"

MOVE = text(f"""
WITH i AS (
  SELECT * FROM jsonb_to_recordset(CAST(:moves AS jsonb)) AS x(
    id uuid, source text, target text, event text, event_id uuid, data jsonb, attempt int, sequence int, result jsonb,
    result_key text, error jsonb, usage jsonb, progress jsonb, delay float8, extra_attempts int, dead_letter bool)
), j AS (
  UPDATE jobs j SET
    status = {_WINS},
    event_sequence = GREATEST(coalesce(i.sequence, 0), j.event_sequence + 1),
    result = CASE WHEN i.source NOT IN {_FINAL} THEN coalesce(i.result, j.result) END,
    result_key = CASE WHEN i.source NOT IN {_FINAL} THEN coalesce(i.result_key, j.result_key) END,
    error = CASE WHEN {_WINS} = 'failed' OR i.target = 'queued' THEN i.error ELSE j.error END,
    usage = coalesce(i.usage, j.usage),
    progress = coalesce(i.progress, j.progress),
    max_attempts = j.max_attempts + i.extra_attempts,
    dead_letter = {_WINS} = 'failed' AND i.dead_letter,
    payload = CASE WHEN j.store <> 'full' AND {_WINS} IN {_FINAL} THEN coalesce(j.payload_digest, '{{}}')
      ELSE j.payload END,
    lease_expires_at = CASE WHEN i.target = 'running' THEN j.lease_expires_at END,
    worker = CASE WHEN i.target = 'running' THEN j.worker END,
    cancel_requested_at = CASE WHEN i.source IN ('running', 'queued', 'scheduled') THEN j.cancel_requested_at END,
    deadline_at = CASE WHEN i.source IN ('failed', 'cancelled', 'expired') THEN NULL ELSE j.deadline_at END,
    finished_at = CASE WHEN {_WINS} IN {_FINAL} THEN now() END
  FROM i
  WHERE j.id = i.id AND j.status = i.source AND (i.attempt IS NULL OR j.attempt = i.attempt)
  RETURNING j.*
), gone AS (
  DELETE FROM outbox o USING j WHERE o.job_id = j.id AND j.status IN ('cancelled', 'expired')
), waiting AS (
  INSERT INTO outbox ({QUEUE_COLUMNS})
  SELECT j.id, j.project_id, j.queue, j.priority, j.attempt, i.delay <= 0 AND j.concurrency_key IS NULL,
    CASE WHEN i.delay > 0 OR j.concurrency_key IS NULL THEN now() + make_interval(secs => i.delay) END, now(), j.lane,
    j.concurrency_key, j.concurrency_limit
  FROM j JOIN i USING (id) WHERE j.status = 'queued'
  ON CONFLICT (job_id) DO NOTHING
), e AS (
  INSERT INTO job_events ({EVENT_COLUMNS})
  SELECT j.id, j.event_sequence, i.event_id, j.project_id,
    CASE WHEN j.status = i.target THEN i.event ELSE 'job.' || j.status END, {_FACTS} || i.data, now()
  FROM j JOIN i USING (id)
  RETURNING *
)
SELECT e.job_id, e.sequence, e.id, e.project_id, e.type, e.data, e.created_at, j.queue, j.callback_url,
  {recording.LISTENED} AS listened, j.status, j.concurrency_key
FROM e JOIN j ON j.id = e.job_id
""")

CLAIM = text(f"""
{fair.WAITING_PROJECTS}
WITH {fair.PICKED}, taken AS (
  DELETE FROM outbox USING picked WHERE outbox.job_id = picked.job_id RETURNING outbox.job_id
), j AS (
  UPDATE jobs j SET status = 'running', attempt = j.attempt + 1, event_sequence = j.event_sequence + 1,
    worker = :worker,
    lease_expires_at = now() + make_interval(secs => :lease), started_at = now(), error = NULL, progress = NULL
  FROM taken WHERE j.id = taken.job_id AND j.status = 'queued'
  RETURNING j.*
), e AS (
  INSERT INTO job_events ({EVENT_COLUMNS})
  SELECT j.id, j.event_sequence, (CAST(:event_ids AS uuid[]))[row_number() OVER ()], j.project_id, 'job.started',
    {_FACTS}, now()
  FROM j
  RETURNING *
)
SELECT j.id, j.project_id, j.kind, j.payload, j.attempt, j.max_attempts, j.event_sequence, j.deadline_at,
  j.request_id, j.store, j.max_cost, CASE WHEN j.max_cost IS NOT NULL AND j.attempt > 1
    THEN (SELECT coalesce(sum(u.cost_usd), 0) FROM usage u WHERE u.job_id = j.id) ELSE 0 END AS spent,
  e.id AS event_id, e.data AS event_data, e.created_at AS event_created_at, {recording.LISTENED} AS listened
FROM j JOIN e ON e.job_id = j.id
""")

EXTEND = text("""
UPDATE jobs SET lease_expires_at = now() + make_interval(secs => :lease)
WHERE id = ANY(CAST(:ids AS uuid[])) AND worker = :worker AND status = 'running' RETURNING id
""")

CANCEL_REQUESTED = text("""
SELECT id FROM jobs
WHERE status = 'running' AND cancel_requested_at IS NOT NULL AND id = ANY(CAST(:ids AS uuid[]))
""")

REQUEST_CANCEL = text("""
UPDATE jobs SET cancel_requested_at = coalesce(cancel_requested_at, now())
WHERE id = :id AND status = 'running' RETURNING id
""")


def enter(session: Session, job: Job) -> None:
    """Writes a new job, its first event with its deliveries and, unless it is scheduled for later, its place in the
    queue."""
    wanted = (
        session.execute(ENTER_QUEUED if job.status == JobStatus.QUEUED else ENTER_LATER, _entry(job)).scalars().all()
    )
    recording.hint(session, wanted)
    if job.status == JobStatus.QUEUED and job.concurrency_key is not None:
        fair.admit_later(session, [(job.project_id, job.concurrency_key)])


def _entry(job: Job) -> Json:
    facts = {"job_id": job.public_id, "kind": job.kind, "status": job.status, "attempt": 0}
    return {
        "id": job.id,
        "project_id": job.project_id,
        "created_by": job.created_by,
        "kind": job.kind,
        "queue": job.queue,
        "status": job.status,
        "priority": job.priority,
        "payload": json.dumps(job.payload),
        "labels": json.dumps(job.labels),
        "max_attempts": job.max_attempts,
        "run_at": job.run_at,
        "deadline_at": job.deadline_at,
        "request_id": job.request_id,
        "created_at": job.created_at,
        "event_id": ids.new_id(),
        "event_type": f"job.{job.status}",
        "facts": json.dumps(facts),
        "lane": job.lane,
        "ready": job.concurrency_key is None,
        "available_at": job.created_at if job.concurrency_key is None else None,
        "concurrency_key": job.concurrency_key,
        "concurrency_limit": job.concurrency_limit,
        "max_cost": job.max_cost,
        "store": job.store,
        "payload_digest": None if job.payload_digest is None else json.dumps(job.payload_digest),
        "replay_of": job.replay_of,
        "schedule_id": job.schedule_id,
        "batch_id": job.batch_id,
        "batch_line": job.batch_line,
        "callback_url": job.callback_url,
        "traceparent": job.traceparent,
    }


def move(session: Session, moves: Sequence[Move]) -> list[Happened]:
    """Applies the moves that still may happen; returns their events, in no order. Each job at most once a call."""
    if not moves:
        return []
    rows = session.execute(MOVE, {"moves": json.dump_for_postgres([one.row() for one in moves])}).all()
    freed = [row for row in rows if row.concurrency_key is not None and row.status != "running"]
    fair.admit_later(session, [(row.project_id, row.concurrency_key) for row in freed])
    return [Happened(*row[:10]) for row in rows]


def claim(
    session: Session,
    *,
    queues: Sequence[str],
    limit: int,
    worker: str,
    lease_seconds: float,
    closed_lanes: Collection[str] = (),
    max_running: int | None = None,
) -> list[Claimed]:
    """Takes up to `limit` ready jobs of these queues in fair shares (fair.py); skips what others take at this moment.

    `max_running` is the limit of projects that have none of their own.
    """
    if limit <= 0 or not queues:
        return []
    parameters = {
        **fair.picking(limit=limit, closed_lanes=closed_lanes, max_running=max_running),
        "queues": list(queues),
        "worker": worker,
        "lease": lease_seconds,
        "event_ids": [str(ids.new_id()) for _ in range(limit)],
    }
    return [_claimed(row) for row in session.execute(CLAIM, parameters)]


def _claimed(row: Any) -> Claimed:
    started = Happened(
        row.id,
        row.event_sequence,
        row.event_id,
        row.project_id,
        "job.started",
        row.event_data,
        row.event_created_at,
        listened=row.listened,
    )
    return Claimed(
        row.id,
        row.project_id,
        row.kind,
        row.payload,
        row.attempt,
        row.max_attempts,
        row.event_sequence,
        row.deadline_at,
        row.request_id,
        row.store,
        row.max_cost,
        row.spent,
        started,
    )


def extend_leases(session: Session, *, worker: str, job_ids: Sequence[UUID], lease_seconds: float) -> set[UUID]:
    """Extends this worker's leases in one statement; returns those it still holds."""
    parameters = {"ids": [str(job_id) for job_id in job_ids], "worker": worker, "lease": lease_seconds}
    return set(session.execute(EXTEND, parameters).scalars())


def cancel_requested(session: Session, job_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these running jobs somebody wants cancelled."""
    return set(session.execute(CANCEL_REQUESTED, {"ids": [str(job_id) for job_id in job_ids]}).scalars())


def request_cancel(session: Session, job_id: UUID) -> bool:
    """Asks the worker that runs it to stop; False if the job is not running."""
    return session.execute(REQUEST_CANCEL, {"id": job_id}).first() is not None
