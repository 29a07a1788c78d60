"""Reading jobs: one, and many."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.orm import Session

from infra import ids, json, storage
from infra.errors import NotFound
from models import FINAL, Batch, Job, Store
from workers.jobs import privacy
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
    schedule_id: UUID | None = None
    batch_id: UUID | None = None
    after: UUID | None = None


def get_job(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """The project's job of that id; raises NotFound."""
    job = session.scalars(Job.in_project(project_id).where(Job.id == job_id)).first()
    if job is None:
        raise NotFound("There is no such job.")
    return job


def maker_of(session: Session, project_id: UUID, subject: UUID, of: type[Job | Batch]) -> UUID | None:
    """The key that made the project's job or batch; None where nobody's did, and where there is none."""
    found: Any = of.in_project(project_id).with_only_columns(of.created_by).where(of.id == subject)
    maker: UUID | None = session.scalar(found)
    return maker


def stored_result(job: Job) -> Json | None:
    """The result that is not in the row: one too large for it, or a private job's, which is there for ten minutes."""
    if job.store != Store.FULL:
        return privacy.handed_over(job.id, job.attempt) if job.status in FINAL else None
    if job.result_key is None:
        return None
    result: Json = json.loads(storage.store().get(job.result_key))
    return result


def list_jobs(session: Session, project_id: UUID, wanted: Filter, window: Window) -> PageOf[Job]:
    """The project's jobs, by time."""
    return page(session, matching(project_id, wanted), Job, window)


def matching(project_id: UUID, wanted: Filter) -> Select[Job]:
    """Selects the project's jobs that are wanted."""
    query = created_between(Job.in_project(project_id), wanted.created_after, wanted.created_before)
    if wanted.kind:
        query = query.where(Job.kind == wanted.kind)
    if wanted.status:
        query = query.where(Job.status == wanted.status)
    if wanted.metadata:
        query = query.where(Job.labels != {}, Job.labels.contains(wanted.metadata))
    if wanted.schedule_id:
        query = query.where(Job.schedule_id == wanted.schedule_id)
    if wanted.batch_id:
        query = query.where(Job.batch_id == wanted.batch_id)
    if wanted.after:
        query = query.where(Job.id > wanted.after)
    return query


def created_between(query: Select[Job], after: datetime | None, before: datetime | None) -> Select[Job]:
    """Only jobs of that time: a range of ids, which begin with their time."""
    if after:
        query = query.where(Job.id >= ids.lowest_id_at(after), Job.created_at >= after)
    if before:
        query = query.where(Job.id < ids.lowest_id_after(before), Job.created_at < before)
    return query


# The outbox is the queue, and far narrower than the jobs in it.
QUEUES = text("""
SELECT queue, 'queued' AS status, count(*) AS jobs, extract(epoch FROM now() - min(created_at))::float8 AS oldest
FROM outbox GROUP BY queue
UNION ALL
SELECT queue, status, count(*), extract(epoch FROM now() - min(created_at))::float8
FROM jobs WHERE status = 'running' GROUP BY queue, status
UNION ALL
SELECT queue, status, count(*), extract(epoch FROM now() - min(created_at))::float8
FROM jobs WHERE status = 'scheduled' GROUP BY queue, status
""")

DEAD_LETTERS_COUNTED = 10_000

# With many dead letters the first ten thousand say enough.
DEAD_LETTERS = text("""
SELECT kind, count(*) AS jobs FROM (SELECT kind FROM jobs WHERE dead_letter LIMIT :at_most) d GROUP BY kind
""")
