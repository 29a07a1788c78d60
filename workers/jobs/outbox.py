"""The outbox: queued jobs that no worker has claimed, and the relay that hints at them again."""

from collections.abc import Iterable
from uuid import UUID

import structlog
from kombu.exceptions import OperationalError
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import broker, db
from models import JobStatus
from workers.jobs import live
from workers.jobs.happened import Happened
from workers.kinds import QUEUES
from workers.traces import own_jobs
from workers.webhooks import recording

HINTS_PER_QUEUE = 4

UNCLAIMED = text("""
SELECT q.queue, array(
  SELECT job_id FROM outbox o WHERE o.queue = q.queue AND o.ready
  AND coalesce(o.available_at, o.created_at) <= now() - interval '1 second' LIMIT :at_most) AS job_ids
FROM unnest(CAST(:queues AS text[])) AS q(queue)
""")

HOLD = text("SELECT job_id FROM outbox WHERE job_id = ANY(CAST(:job_ids AS uuid[])) ORDER BY job_id FOR UPDATE")

log = structlog.get_logger(__name__)


def hold(session: Session, job_ids: Iterable[UUID]) -> None:
    """Lets nobody claim these jobs until the commit; waits for a claim under way.

    A claim locks the entry and then the job. Who takes a job out of the queue must do so in the same order, or both
    wait for each other.
    """
    session.execute(HOLD, {"job_ids": [str(job_id) for job_id in job_ids]})


def announce_after_commit(session: Session, *, queue: str, job_id: UUID) -> None:
    """Hints to the workers as soon as the transaction that queued the job is committed."""
    db.after_commit(session, lambda: broker.announce(queue, job_id))


def tell(session: Session, happened: list[Happened]) -> list[Happened]:
    """Has the events sent to whom they matter: webhooks by rows written now, watchers after the commit; workers then
    hear of what was queued."""
    recording.record(session, happened)
    db.after_commit(session, lambda: live.announce(happened))
    if own_jobs.on():
        own_jobs.after(session, happened)
    for one in happened:
        if one.data.get("status") == JobStatus.QUEUED:
            announce_after_commit(session, queue=one.queue, job_id=one.job_id)
    return happened


def relay(session: Session) -> int:
    """Hints again at jobs that nobody has claimed for a second; returns how many ids were sent.

    A queue whose hints still wait in the broker gets no more: its workers are busy or away, not uninformed.
    """
    at_most = HINTS_PER_QUEUE * broker.IDS_PER_MESSAGE
    rows = session.execute(UNCLAIMED, {"at_most": at_most, "queues": list(QUEUES)}).all()
    try:
        return broker.send_hints({queue: [job_id.hex for job_id in job_ids] for queue, job_ids in rows if job_ids})
    except (OperationalError, OSError) as error:
        log.warning("outbox.broker_unreachable", error=str(error))
        return 0
