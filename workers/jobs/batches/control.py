"""Cancelling a batch."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import BatchFinal
from models import Batch
from workers.jobs.batches.queries import get_batch

CANCEL = text("""
UPDATE batches SET status = 'cancelling', cancel_requested_at = coalesce(cancel_requested_at, now())
WHERE id = :id AND finished_at IS NULL
""")


def cancel(session: Session, project_id: UUID, batch_id: UUID) -> Batch:
    """From here on no line is read; a sweep cancels the waiting jobs and asks the workers of the running ones to stop.

    Raises BatchFinal.
    """
    batch = get_batch(session, project_id, batch_id)
    if not getattr(session.execute(CANCEL, {"id": batch_id}), "rowcount", 0):
        session.refresh(batch)
        raise BatchFinal(f"The batch is {batch.status} already.")
    session.refresh(batch)
    return batch
