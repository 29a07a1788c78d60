"""Reading batches: one, and many."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import NotFound
from models import BATCH_FINAL, Batch
from workers.paging import PageOf, Window, page

COUNTS = text("SELECT status, count(*) AS jobs FROM jobs WHERE batch_id = :batch_id GROUP BY status ORDER BY status")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which batches are wanted; None and empty mean any."""

    status: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


def get_batch(session: Session, project_id: UUID, batch_id: UUID) -> Batch:
    """The project's batch of that id; raises NotFound."""
    batch = session.scalars(Batch.in_project(project_id).where(Batch.id == batch_id)).first()
    if batch is None:
        raise NotFound("There is no such batch.")
    return batch


def list_batches(session: Session, project_id: UUID, wanted: Filter, window: Window) -> PageOf[Batch]:
    """The project's batches, by time."""
    query = Batch.in_project(project_id)
    if wanted.status:
        query = query.where(Batch.status == wanted.status)
    if wanted.metadata:
        query = query.where(Batch.labels.contains(wanted.metadata))
    return page(session, query, Batch, window)


def counts(session: Session, batch: Batch) -> dict[str, int]:
    """The batch's jobs by status: as they are now, or were when it ended."""
    if batch.status in BATCH_FINAL and batch.counts is not None:
        return batch.counts
    return counts_of(session, batch.id)


def counts_of(session: Session, batch_id: UUID) -> dict[str, int]:
    """The jobs of a batch by status, counted now."""
    return {row.status: row.jobs for row in session.execute(COUNTS, {"batch_id": batch_id})}
