"""Why a job is not done yet: one stable word, until when where that is known, and a sentence for a person.

Whatever the number of jobs, `explain` asks PostgreSQL once and Redis at most twice a half second and process. Counts of
who goes first end at a bound. Final jobs cost nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now, rfc3339
from infra.settings import settings
from models import FINAL, Job, JobStatus
from schemas.stats import Reason
from workers.jobs import presence
from workers.jobs.presence import Crew
from workers.providers import pace

COUNT_AHEAD_OF_ONE = 1000
COUNT_AHEAD_OF_MANY = 20


class Waiting(NamedTuple):
    """The answer for one job: what it shows as `waiting_for` and `waiting_detail`."""

    reason: str
    detail: str


# How many of the same project, or of the same key, go first. Each half is one range of an index, and its order keeps
# the planner to that index.
_FIRST = """(SELECT count(*) FROM (SELECT FROM outbox o WHERE {same} AND o.priority > m.priority
    ORDER BY o.priority DESC, o.job_id LIMIT :bound) higher)
  + (SELECT count(*) FROM (SELECT FROM outbox o WHERE {same} AND o.priority = m.priority AND o.job_id < m.job_id
    ORDER BY o.priority DESC, o.job_id LIMIT :bound) older)"""
_FIRST_OF_PROJECT = _FIRST.format(same="o.queue = m.queue AND o.project_id = m.project_id AND o.ready")
_FIRST_OF_KEY = _FIRST.format(
    same="o.project_id = m.project_id AND o.concurrency_key = m.concurrency_key AND NOT o.ready"
)

QUEUED = text(f"""
WITH m AS MATERIALIZED (
  SELECT job_id, project_id, queue, priority, ready, available_at, lane, concurrency_key, concurrency_limit
  FROM outbox WHERE job_id = ANY(CAST(:ids AS uuid[]))
), limits AS MATERIALIZED (
  SELECT l.project_id, l.max_running, CASE WHEN l.max_running IS NOT NULL THEN (
    SELECT count(*) FROM jobs r WHERE r.project_id = l.project_id AND r.status = 'running') END AS running
  FROM (SELECT d.project_id, coalesce(p.max_running, :max_running) AS max_running
    FROM (SELECT DISTINCT project_id FROM m) d LEFT JOIN projects p ON p.id = d.project_id) l
), keys AS MATERIALIZED (
  SELECT k.project_id, k.concurrency_key, (SELECT count(*) FROM jobs r
      WHERE r.project_id = k.project_id AND r.concurrency_key = k.concurrency_key AND r.status = 'running')
    + (SELECT count(*) FROM outbox o
      WHERE o.project_id = k.project_id AND o.concurrency_key = k.concurrency_key AND o.ready) AS taken
  FROM (SELECT DISTINCT project_id, concurrency_key FROM m
    WHERE NOT ready AND available_at IS NULL AND concurrency_key IS NOT NULL) k
)
SELECT m.*, limits.max_running, limits.running, keys.taken,
  CASE WHEN NOT m.ready AND m.available_at IS NULL THEN {_FIRST_OF_KEY} ELSE {_FIRST_OF_PROJECT} END AS first
FROM m JOIN limits USING (project_id) LEFT JOIN keys USING (project_id, concurrency_key)
""")


def explain(session: Session, jobs: Iterable[Job]) -> dict[UUID, Waiting]:
    """Why each of these jobs is not final; final ones are left out."""
    unfinished = [job for job in jobs if job.status not in FINAL]
    queued = [job for job in unfinished if job.status == JobStatus.QUEUED]
    rows = _queued(session, queued) if queued else {}
    # A scheduled job needs no worker yet.
    crews = presence.crews({job.queue for job in unfinished if job.status != JobStatus.SCHEDULED})
    closed = pace.closed() if any(row.lane for row in rows.values()) else {}
    moment = now()
    found = {}
    for job in unfinished:
        if job.status == JobStatus.SCHEDULED:
            found[job.id] = scheduled(job)
        elif job.status == JobStatus.RUNNING:
            found[job.id] = running(job, crews[job.queue] if crews else None, moment)
        else:
            found[job.id] = _queued_for(job, rows.get(job.id), crews, closed, moment)
    return found


def _queued(session: Session, jobs: Sequence[Job]) -> dict[UUID, Any]:
    bound = COUNT_AHEAD_OF_ONE if len(jobs) == 1 else COUNT_AHEAD_OF_MANY
    parameters = {"ids": [str(job.id) for job in jobs], "bound": bound}
    parameters["max_running"] = settings().project_max_running or None
    return {row.job_id: row for row in session.execute(QUEUED, parameters)}


def scheduled(job: Job) -> Waiting:
    """What a job for later waits for."""
    until = _until(job.run_at)
    return Waiting(f"{Reason.SCHEDULE}{until}", f"It was submitted to run not before its run_at{until}.")


def running(job: Job, crew: Crew | None, moment: datetime) -> Waiting:
    """What a running job waits for."""
    until = _until(job.lease_expires_at)
    silent = crew is not None and job.worker not in crew.alive
    if silent or (job.lease_expires_at is not None and job.lease_expires_at < moment):
        detail = (
            f"Its worker shows no sign of life; when its lease is over the job goes back to the queue, "
            f"or fails after its last attempt (this is {job.attempt} of {job.max_attempts})."
        )
        return Waiting(f"{Reason.LOST_WORKER}{until}", detail)
    if job.cancel_requested_at is not None:
        return Waiting(Reason.CANCELLING, "Somebody asked to cancel it; its worker stops it at its next checkpoint.")
    since = f"since {rfc3339(job.started_at)}" if job.started_at else "now"
    if job.lane is not None:
        return Waiting(
            Reason.PROVIDER, f"Attempt {job.attempt} of {job.max_attempts} runs {since} and asks {job.lane}."
        )
    return Waiting(Reason.WORKER, f"Attempt {job.attempt} of {job.max_attempts} runs {since}.")


def for_a_place(crew: Crew | None, *, at_limit: bool) -> Reason:
    """What a job waits for that may be claimed at any moment: the first of these that is so."""
    if crew is None:
        return Reason.WORKERS_UNKNOWN
    if not crew.alive:
        return Reason.NO_WORKER
    return Reason.PROJECT_CONCURRENCY if at_limit else Reason.WORKERS_BUSY


def _queued_for(
    job: Job, row: Any, crews: Mapping[str, Crew] | None, closed: Mapping[str, datetime], moment: datetime
) -> Waiting:
    """`row` is the job's place in the queue, of QUEUED."""
    if row is None:
        return Waiting(Reason.STARTING, "It left the queue at this moment; ask again.")
    if not row.ready and row.available_at is not None and row.available_at > moment:
        return _for_its_time(job, max(row.available_at, closed.get(row.lane, row.available_at)))
    crew = crews[job.queue] if crews else None
    if crew is not None and not crew.alive:
        return _no_worker(job.queue, crew)
    if not row.ready and row.available_at is None:
        return _for_its_key(row)
    if row.lane in closed:
        return _closed(row.lane, closed[row.lane])
    at_limit = row.max_running is not None and row.running >= row.max_running
    return _for_a_place(row, crew, for_a_place(crew, at_limit=at_limit))


def _for_its_time(job: Job, until: datetime) -> Waiting:
    if job.error is None:  # only a call that was never sent costs no attempt and leaves no error
        return _closed(job.lane or "a model", until)
    detail = (
        f"Attempt {job.attempt} of {job.max_attempts} failed with {job.error.get('code')}, which may pass; "
        f"the next begins at {rfc3339(until)}."
    )
    return Waiting(f"{Reason.RETRY_BACKOFF}{_until(until)}", detail)


def _closed(lane: str, until: datetime) -> Waiting:
    detail = (
        f"The provider's rate limit leaves no room for {lane} until {rfc3339(until)}; then the job goes on by itself."
    )
    return Waiting(f"{Reason.PROVIDER_RATE_LIMIT}{_until(until)}", detail)


def _no_worker(queue: str, crew: Crew) -> Waiting:
    since = "for over a minute" if crew.silent_seconds is None else f"for {crew.silent_seconds:.0f} s"
    return Waiting(Reason.NO_WORKER, f"No worker has listened to the queue {queue!r} {since}; start one for it.")


def _for_its_key(row: Any) -> Waiting:
    detail = (
        f"{row.taken} jobs with the concurrency_key {row.concurrency_key!r} run or are about to, and its "
        f"concurrency_limit is {row.concurrency_limit}; {_jobs(row.first)} with that key wait before it."
    )
    return Waiting(Reason.CONCURRENCY_KEY, detail)


def _for_a_place(row: Any, crew: Crew | None, reason: Reason) -> Waiting:
    ahead = f"{_jobs(row.first)} of the project wait before it"
    if reason == Reason.WORKERS_UNKNOWN:
        detail = f"Redis does not answer, so it is not known whether a worker listens to {row.queue!r}; {ahead}."
    elif reason == Reason.PROJECT_CONCURRENCY:
        detail = (
            f"The project has {row.running} jobs running and its max_running is {row.max_running}; {ahead}. "
            "The operator may raise the limit."
        )
    else:
        alive = len(crew.alive) if crew else 0
        detail = f"It runs when a worker of the queue {row.queue!r} has a free place (alive: {alive}); {ahead}."
    return Waiting(reason, detail)


def _jobs(count: int) -> str:
    """A count that may have ended at its bound."""
    if count >= COUNT_AHEAD_OF_MANY:
        return f"at least {count} jobs"
    return f"{count} job{'' if count == 1 else 's'}"


def _until(moment: datetime | None) -> str:
    return "" if moment is None else f" until {rfc3339(moment)}"
