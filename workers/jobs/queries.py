"""Reading jobs: one, many, and in figures."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids, json, storage
from infra.errors import NotFound
from models import Job
from workers.paging import PageOf, Window, page

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are wanted; None and empty mean any."""

    kind: str | None = None
    status: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def get_job(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """The project's job of that id; raises NotFound."""
    job = session.scalars(Job.in_project(project_id).where(Job.id == job_id)).first()
    if job is None:
        raise NotFound("There is no such job.")
    return job


def stored_result(job: Job) -> Json | None:
    """The result of a job whose result was too large for its row."""
    if job.result_key is None:
        return None
    result: Json = json.loads(storage.store().get(job.result_key))
    return result


def list_jobs(session: Session, project_id: UUID, wanted: Filter, window: Window) -> PageOf[Job]:
    """The project's jobs, by time; a time filter is a range of ids, which begin with their time."""
    query = Job.in_project(project_id)
    if wanted.kind:
        query = query.where(Job.kind == wanted.kind)
    if wanted.status:
        query = query.where(Job.status == wanted.status)
    if wanted.created_after:
        query = query.where(Job.id >= ids.lowest_id_at(wanted.created_after), Job.created_at >= wanted.created_after)
    if wanted.created_before:
        last = ids.lowest_id_after(wanted.created_before)
        query = query.where(Job.id < last, Job.created_at < wanted.created_before)
    if wanted.metadata:
        query = query.where(Job.labels != {}, Job.labels.contains(wanted.metadata))
    return page(session, query, Job, window)


COUNTS = text("""
SELECT kind, status, count(*) AS count FROM jobs WHERE project_id = :project_id GROUP BY kind, status ORDER BY 1, 2
""")

FIGURES = text("""
WITH recent AS (
  SELECT extract(epoch FROM started_at - greatest(created_at, run_at)) AS waited,
    extract(epoch FROM finished_at - started_at) AS ran,
    finished_at
  FROM jobs
  WHERE project_id = :project_id AND finished_at > now() - interval '1 hour' AND id >= :since
)
SELECT
  (SELECT extract(epoch FROM now() - min(created_at)) FROM jobs WHERE project_id = :project_id AND status = 'queued')
    AS oldest_queued,
  count(*) FILTER (WHERE finished_at > now() - interval '1 minute') AS last_minute,
  count(*) AS last_hour,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) AS waited,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ran) AS ran
FROM recent
""")


def stats(session: Session, project_id: UUID, since: datetime) -> Json:
    """Counts by kind and status; throughput and percentiles (seconds) of the last hour.

    `since` bounds how old a job may be that finished in that hour, so that the query reads a range and not the table.
    """
    counts = session.execute(COUNTS, {"project_id": project_id})
    row = session.execute(FIGURES, {"project_id": project_id, "since": ids.lowest_id_at(since)}).one()
    return {
        "counts": [dict(one._mapping) for one in counts],
        "oldest_queued_seconds": None if row.oldest_queued is None else float(row.oldest_queued),
        "finished_last_minute": row.last_minute,
        "finished_last_hour": row.last_hour,
        "wait_seconds": _percentiles(row.waited),
        "run_seconds": _percentiles(row.ran),
    }


def _percentiles(pair: list[float | None] | None) -> Json:
    p50, p95 = pair or (None, None)
    return {"p50": p50, "p95": p95}


QUEUES = text("""
SELECT queue, status, count(*) AS jobs, extract(epoch FROM now() - min(created_at))::float8 AS oldest FROM jobs
WHERE status <> 'succeeded' AND status IN ('scheduled', 'queued', 'running') GROUP BY queue, status
""")
