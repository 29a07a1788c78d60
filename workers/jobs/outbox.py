"""The outbox: queued jobs that no worker has claimed, and the relay that hints at them again."""

from uuid import UUID

import structlog
from kombu.exceptions import OperationalError
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import broker, db
from models import JobStatus
from workers.jobs import live
from workers.jobs.lifecycle import Happened

HINTS_PER_QUEUE = 4

UNCLAIMED = text("""
SELECT queue, array_agg(job_id ORDER BY priority DESC, job_id) FROM (
  SELECT queue, job_id, priority,
    row_number() OVER (PARTITION BY queue ORDER BY priority DESC, job_id) AS place
  FROM outbox WHERE available_at <= now() - interval '1 second'
) AS ready WHERE place <= :at_most GROUP BY queue
""")

log = structlog.get_logger(__name__)


def announce_after_commit(session: Session, *, queue: str, job_id: UUID) -> None:
    """Hints to the workers as soon as the transaction that queued the job is committed."""
    db.after_commit(session, lambda: broker.announce(queue, job_id))


def tell(session: Session, happened: list[Happened]) -> list[Happened]:
    """After the commit: watchers hear of the events, workers of what was queued."""
    db.after_commit(session, lambda: live.announce(happened))
    for one in happened:
        if one.data.get("status") == JobStatus.QUEUED:
            announce_after_commit(session, queue=one.queue, job_id=one.job_id)
    return happened


def relay(session: Session) -> int:
    """Hints again at jobs that nobody has claimed for a second; returns how many ids were sent.

    A queue whose hints still wait in the broker gets no more: its workers are busy or away, not uninformed.
    """
    at_most = HINTS_PER_QUEUE * broker.IDS_PER_MESSAGE
    rows = session.execute(UNCLAIMED, {"at_most": at_most}).all()
    try:
        return broker.send_hints({queue: [job_id.hex for job_id in job_ids] for queue, job_ids in rows})
    except (OperationalError, OSError) as error:
        log.warning("outbox.broker_unreachable", error=str(error))
        return 0
