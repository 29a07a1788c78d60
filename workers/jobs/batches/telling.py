"""The events of a batch: numbered without gap like a job's, and told to whoever watches."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from models import Batch
from schemas.batch import progress_view
from workers import events
from workers.jobs.happened import Happened


def tell(session: Session, batch: Batch, type: str, counts: Mapping[str, int]) -> None:
    """Writes the batch's next event; the caller holds the batch's row, or has just made it."""
    batch.event_sequence += 1
    data = {"batch_id": batch.public_id, "status": batch.status, **progress_view(batch, counts)}
    if batch.error is not None:
        data["error"] = batch.error
    told = Happened(
        batch.id,
        batch.event_sequence,
        ids.new_id(),
        batch.project_id,
        type,
        data,
        now(),
        callback_url=batch.callback_url,
    )
    events.write(session, told)
