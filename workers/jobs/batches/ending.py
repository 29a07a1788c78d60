"""What must happen to batches although nobody asks: they are counted, cancelled, ended, and their uploads taken away.

Each step is a transaction of its own, and bounded; any number of processes may do this at the same time.
"""

import time
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, storage
from infra.clock import now
from infra.errors import Unavailable
from models import BATCH_FINAL, Batch, BatchStatus, JobStatus
from schemas.batch import progress_view
from schemas.event import BATCH_CANCELLED, BATCH_COMPLETED, BATCH_FAILED
from workers.jobs import lifecycle, outbox
from workers.jobs.batches.queries import counts_of
from workers.jobs.batches.telling import tell
from workers.jobs.lifecycle import Move

CANCEL_SECONDS = 5.0
CANCELLED_A_STEP = 500
ENDED_A_STEP = 20
FILES_A_STEP = 20
COUNTED_A_STEP = 5
PROGRESS_STEPS = 10

# The row says who is at it: another process takes the next batch.
CANCELLING = text("""
SELECT b.id FROM batches b WHERE b.finished_at IS NULL AND b.status = 'cancelling' AND EXISTS (
  SELECT FROM jobs j WHERE j.batch_id = b.id AND (j.status IN ('scheduled', 'queued')
    OR j.status = 'running' AND j.cancel_requested_at IS NULL))
ORDER BY b.id LIMIT 1 FOR UPDATE OF b SKIP LOCKED
""")
WAITING = text("""
SELECT id, status FROM jobs WHERE batch_id = :batch_id AND status IN ('scheduled', 'queued') LIMIT :at_most
""")
# Never waits: whoever holds a job now might wait for one that this transaction holds.
REQUEST_CANCEL = text("""
UPDATE jobs SET cancel_requested_at = now() WHERE id IN (
  SELECT id FROM jobs WHERE batch_id = :batch_id AND status = 'running' AND cancel_requested_at IS NULL
  FOR UPDATE SKIP LOCKED)
""")
OPEN = text("""
SELECT id, project_id FROM batches WHERE finished_at IS NULL ORDER BY random() LIMIT :at_most
""")
DONE = text("""
SELECT b.id, b.project_id FROM batches b
WHERE b.finished_at IS NULL AND b.status IN ('running', 'cancelling') AND NOT EXISTS (
  SELECT FROM jobs j WHERE j.batch_id = b.id AND j.status IN ('scheduled', 'queued', 'running'))
ORDER BY b.id LIMIT :at_most FOR UPDATE OF b SKIP LOCKED
""")
NOT_NEEDED = text("""
SELECT id, file_key FROM batches WHERE file_key IS NOT NULL AND status <> 'reading' ORDER BY id LIMIT :at_most
""")
FORGET_FILE = text("UPDATE batches SET file_key = NULL WHERE id = :id")

log = structlog.get_logger(__name__)


def sweep_batches() -> int:
    """All that batches need although nobody asks; returns how many jobs and batches were moved."""
    give_up_at = time.monotonic() + CANCEL_SECONDS
    moved = 0
    while (cancelled := _in_transaction(_cancel_some)) and time.monotonic() < give_up_at:
        moved += cancelled
    _in_transaction(_count_some)
    moved += _in_transaction(_end_done)
    _remove_uploads()
    return moved


def _in_transaction(step: Callable[[Session], int]) -> int:
    with db.transaction() as session:
        return step(session)


def _cancel_some(session: Session) -> int:
    """Cancels waiting jobs of a batch, and asks the workers of the running ones to stop."""
    batch_id = session.execute(CANCELLING).scalar_one_or_none()
    if batch_id is None:
        return 0
    rows = session.execute(WAITING, {"batch_id": batch_id, "at_most": CANCELLED_A_STEP}).all()
    outbox.hold(session, [row.id for row in rows])
    moves = [Move(row.id, JobStatus(row.status), JobStatus.CANCELLED, "job.cancelled") for row in rows]
    cancelled = outbox.tell(session, lifecycle.move(session, moves))
    requested = session.execute(REQUEST_CANCEL, {"batch_id": batch_id})
    return len(cancelled) + int(getattr(requested, "rowcount", 0))


def _count_some(session: Session) -> int:
    """Counts a few open batches, each in its turn, and tells of every tenth of the way."""
    rows = session.execute(OPEN, {"at_most": COUNTED_A_STEP}).all()
    for row in sorted(rows):
        counts = counts_of(session, row.id)
        batch = session.scalars(Batch.in_project(row.project_id).where(Batch.id == row.id).with_for_update()).one()
        if batch.status in BATCH_FINAL or counts == batch.counts:
            continue
        before, batch.counts = _tenths(batch, batch.counts or {}), counts
        if before < _tenths(batch, counts) < PROGRESS_STEPS:
            tell(session, batch, "batch.progress", counts)
    session.flush()
    return len(rows)


def _tenths(batch: Batch, counts: Mapping[str, int]) -> int:
    progress = progress_view(batch, counts)["progress"]
    return int(progress["current"] * PROGRESS_STEPS // max(1, progress["total"]))


def _end_done(session: Session) -> int:
    """Ends the batches that have no job left to end, each with the one event that says so."""
    rows = session.execute(DONE, {"at_most": ENDED_A_STEP}).all()
    for row in rows:
        batch = session.scalars(Batch.in_project(row.project_id).where(Batch.id == row.id)).one()
        batch.status, event = _end_of(batch)
        batch.counts = counts_of(session, batch.id)
        batch.finished_at = now()
        tell(session, batch, event, batch.counts)
    return len(rows)


def _end_of(batch: Batch) -> tuple[BatchStatus, str]:
    if batch.status == BatchStatus.CANCELLING:
        return BatchStatus.CANCELLED, BATCH_CANCELLED
    if batch.error is not None:
        return BatchStatus.FAILED, BATCH_FAILED
    return BatchStatus.COMPLETED, BATCH_COMPLETED


def _remove_uploads() -> None:
    """Takes away the uploads that are read, or will not be."""
    with db.transaction() as session:
        rows = session.execute(NOT_NEEDED, {"at_most": FILES_A_STEP}).all()
    for row in rows:
        try:
            storage.store().delete(row.file_key)
        except Unavailable as error:
            log.warning("batch.storage_unavailable", error=error.detail)
            return
        with db.transaction() as session:
            session.execute(FORGET_FILE, {"id": row.id})
