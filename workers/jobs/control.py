"""What a person may still do with a job: cancel it, or have it tried again."""

from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import JobFinal, JobNotFinal
from models import FINAL, Job, JobStatus
from workers.jobs import lifecycle
from workers.jobs.lifecycle import Move
from workers.jobs.outbox import tell
from workers.jobs.queries import get_job

REPEATABLE = FINAL - {JobStatus.SUCCEEDED}


def cancel(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """Ends a waiting job at once; asks a running one's worker to stop, after which it can only end cancelled."""
    job = get_job(session, project_id, job_id)
    if not _cancel_waiting(session, job) and not lifecycle.request_cancel(session, job_id):
        # A worker may have taken the job, or given it back, between the two tries.
        session.refresh(job)
        if not _cancel_waiting(session, job):
            raise JobFinal(f"The job is {job.status} already.")
    session.refresh(job)
    return job


def _cancel_waiting(session: Session, job: Job) -> bool:
    source = JobStatus(job.status)
    if source not in (JobStatus.QUEUED, JobStatus.SCHEDULED):
        return False
    moves = [Move(job.id, source, JobStatus.CANCELLED, "job.cancelled")]
    return bool(tell(session, lifecycle.move(session, moves)))


def retry(session: Session, project_id: UUID, job_id: UUID) -> Job:
    """Queues a failed, cancelled or expired job for another attempt."""
    job = get_job(session, project_id, job_id)
    source = JobStatus(job.status)
    if source not in REPEATABLE:
        raise JobNotFinal(f"The job is {job.status}; only a failed, cancelled or expired job can be tried again.")
    extra = max(0, job.attempt + 1 - job.max_attempts)
    move = Move(job.id, source, JobStatus.QUEUED, "job.queued", extra_attempts=extra)
    if not tell(session, lifecycle.move(session, [move])):
        raise JobNotFinal("The job was queued again by somebody else just now.")
    session.refresh(job)
    return job
