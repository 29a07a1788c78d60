"""Dead letters: jobs that used up their attempts on errors that may pass. Seen, counted, queued again, or discarded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, text
from sqlalchemy.orm import Session, load_only

from infra.errors import NotFound, NotStored
from models import Job, Store
from schemas.dead_letter import CODES, OTHER, REASONS, reason_of
from workers.jobs.bounds import require_room
from workers.jobs.control import again, retry
from workers.jobs.queries import created_between
from workers.jobs.replay import skip
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

COUNTED_AT_MOST = 100_000
MISSING = "There is no such dead letter; it may have been queued again or discarded."
# No job's status changes with it: the flag only says that somebody should look.
CLEAR = text("UPDATE jobs SET dead_letter = false WHERE id = ANY(CAST(:job_ids AS uuid[]))")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are wanted; None means any. `reason` is a class or an error code."""

    reason: str | None = None
    kind: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Those that match a filter, the oldest `limit` of them, or those named."""

    filter: Filter | None
    ids: Sequence[UUID] = ()
    limit: int = 0

    @property
    def most(self) -> int:
        """How many that can be."""
        return len(self.ids) if self.filter is None else self.limit


@dataclass(frozen=True, slots=True)
class Changed:
    """The jobs that were changed, and why others were not."""

    job_ids: list[UUID]
    skipped: list[Json]
    has_more: bool


def list_dead_letters(session: Session, project_id: UUID, wanted: Filter, window: Window) -> PageOf[Job]:
    """The project's dead letters, by the time their jobs were submitted."""
    return page(session, _matching(project_id, wanted), Job, window)


def get_dead_letter(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """One of them; raises NotFound, also where the job is no dead letter any more."""
    job = session.scalars(_matching(project_id, Filter()).where(Job.id == job_id)).first()
    if job is None:
        raise NotFound(MISSING)
    return job


COUNTS = text("""
SELECT error->>'code' AS code, kind, count(*) AS jobs, min(finished_at) AS oldest, max(finished_at) AS newest
FROM (SELECT error, kind, finished_at FROM jobs WHERE project_id = :project_id AND dead_letter
  ORDER BY id DESC LIMIT :at_most) d
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
""")


def reasons(session: Session, project_id: UUID) -> Json:
    """What ReasonsOut reads."""
    rows = session.execute(COUNTS, {"project_id": project_id, "at_most": COUNTED_AT_MOST}).all()
    count = sum(row.jobs for row in rows)
    data = [
        {
            "reason": reason_of(row.code),
            "code": row.code,
            "kind": row.kind,
            "count": row.jobs,
            "oldest_failed_at": row.oldest,
            "newest_failed_at": row.newest,
        }
        for row in rows
    ]
    return {"count": count, "more": count >= COUNTED_AT_MOST, "data": data}


def redrive(session: Session, project_id: UUID, chosen: Chosen) -> Changed:
    """Queues them again, each as one more attempt of the same job; those whose input is gone are skipped.

    Raises QueueFull, with nothing changed, where they would pass a bound.
    """
    found = _locked(session, project_id, chosen)
    taken = found[: chosen.most]
    able = [job for job in taken if job.store == Store.FULL]
    gone = [skip(job.id, NotStored()) for job in taken if job.store != Store.FULL]
    if able:
        require_room(session, project_id, len(able))
    has_more = len(found) > chosen.most and found[chosen.most].store == Store.FULL
    return Changed(again(session, able), gone + _missing(chosen, found), has_more)


def redrive_one(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """Queues one again; raises NotFound, NotStored, QueueFull."""
    get_dead_letter(session, project_id, job_id)
    return retry(session, project_id, job_id)


def discard(session: Session, project_id: UUID, chosen: Chosen) -> Changed:
    """They are no dead letters any more; their jobs stay failed."""
    found = _locked(session, project_id, chosen)
    job_ids = sorted(job.id for job in found[: chosen.most])
    _clear(session, job_ids)
    return Changed(job_ids, _missing(chosen, found), has_more=len(found) > chosen.most)


def discard_one(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """The failed job that was a dead letter until now; raises NotFound."""
    job = get_dead_letter(session, project_id, job_id)
    _clear(session, [job.id])
    session.refresh(job)
    return job


def _clear(session: Session, job_ids: Sequence[UUID]) -> None:
    session.execute(CLEAR, {"job_ids": [str(job_id) for job_id in job_ids]})


def _locked(session: Session, project_id: UUID, chosen: Chosen) -> list[Job]:
    """Those chosen, without their inputs, and one more if there is one; first those that can run again, then by age."""
    query = _matching(project_id, chosen.filter or Filter())
    if chosen.filter is None:
        query = query.where(Job.id.in_(chosen.ids))
    query = query.options(load_only(Job.id, Job.status, Job.store, Job.attempt, Job.max_attempts))
    query = query.order_by(Job.store != Store.FULL, Job.id).limit(chosen.most + 1).with_for_update(skip_locked=True)
    return list(session.scalars(query))


def _missing(chosen: Chosen, found: Sequence[Job]) -> list[Json]:
    """The ids that name no dead letter of the project."""
    missing = set(chosen.ids) - {job.id for job in found}
    return [skip(job_id, NotFound(MISSING)) for job_id in sorted(missing)]


def _matching(project_id: UUID, wanted: Filter) -> Select[Job]:
    query = Job.in_project(project_id).where(Job.dead_letter)
    query = created_between(query, wanted.created_after, wanted.created_before)
    if wanted.kind:
        query = query.where(Job.kind == wanted.kind)
    code = Job.error["code"].astext
    if wanted.reason == OTHER:
        query = query.where(code.not_in(CODES))
    elif wanted.reason:
        query = query.where(code.in_(REASONS.get(wanted.reason, (wanted.reason,))))
    return query
