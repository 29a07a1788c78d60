"""What a person may still do with a job: cancel it, or have it tried again."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import Conflict, JobFinal, JobNotFinal, NotStored
from models import FINAL, Job, JobStatus, Store
from workers.jobs import lifecycle
from workers.jobs.bounds import require_room
from workers.jobs.lifecycle import Move
from workers.jobs.outbox import hold, tell
from workers.jobs.queries import get_job

REPEATABLE = FINAL - {JobStatus.SUCCEEDED}
WAITING = frozenset({JobStatus.QUEUED, JobStatus.SCHEDULED})
TRIES = 10


def cancel(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """Ends a waiting job at once; asks a running one's worker to stop, after which it can only end cancelled."""
    job = get_job(session, project_id, job_id)
    # A worker may take the job, or give it back, between a look and what follows from it; each try looks again.
    for _ in range(TRIES):
        if job.status in FINAL:
            raise JobFinal(f"The job is {job.status} already.")
        done = _cancel_waiting(session, job) if job.status in WAITING else lifecycle.request_cancel(session, job_id)
        session.refresh(job)
        if done:
            return job
    raise Conflict("The job goes to and fro between queue and worker; ask again.")


def _cancel_waiting(session: Session, job: Job) -> bool:
    hold(session, [job.id])
    moves = [Move(job.id, JobStatus(job.status), JobStatus.CANCELLED, "job.cancelled")]
    return bool(tell(session, lifecycle.move(session, moves)))


def retry(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """Queues a failed, cancelled or expired job for another attempt; raises NotStored, QueueFull."""
    job = get_job(session, project_id, job_id)
    if job.status not in REPEATABLE:
        raise JobNotFinal(f"The job is {job.status}; only a failed, cancelled or expired job can be tried again.")
    require_input(job)
    require_room(session, project_id)
    if not again(session, [job]):
        raise JobNotFinal("The job was queued again by somebody else just now.")
    session.refresh(job)
    return job


def require_input(job: Job) -> None:
    """Raises NotStored for a job whose input went with its end."""
    if job.store != Store.FULL and job.status in FINAL:
        raise NotStored


def again(session: Session, jobs: Iterable[Job]) -> list[UUID]:
    """Queues these final jobs for one more attempt; returns the ids of those for which nobody else just did."""
    moves = [
        Move(
            job.id,
            JobStatus(job.status),
            JobStatus.QUEUED,
            "job.queued",
            extra_attempts=max(0, job.attempt + 1 - job.max_attempts),
        )
        for job in jobs
    ]
    return sorted(one.job_id for one in tell(session, lifecycle.move(session, moves)))
