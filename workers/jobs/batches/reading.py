"""Turning the lines of accepted batches into jobs, a few hundred a transaction.

A batch's place in its file moves on in the transaction that writes the jobs, so a reader that dies is followed by one
that neither repeats nor leaves out a line. Projects take turns by lot; inside one the batch of which the fewest lines
are read goes first, so that a small one never waits for a large one. Where the queue is full, a batch waits and no line
is refused for it.
"""

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO
from uuid import UUID

import structlog
from sqlalchemy import insert, text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from infra import broker, db, storage
from infra.errors import BadInput, NotFound, QueueFull, SwitchyardError, Unavailable
from infra.process import PerProcess
from infra.settings import settings
from models import Batch, BatchLine, BatchStatus, Job, JobStatus
from workers.jobs import fair
from workers.jobs.batches.lines import Line, problem, read_line
from workers.jobs.bounds import require_room
from workers.jobs.entering import enter_many

PASS_SECONDS = 10.0
# A full queue may have room for fewer.
LINES_A_STEP = (500, 100, 20, 4, 1)
BYTES_A_STEP = 4 * 1024 * 1024

NEXT = text("""
SELECT id, project_id, file_key, lines_left, bytes_read FROM (
  SELECT DISTINCT ON (project_id) id, project_id, file_key, lines - lines_read AS lines_left, bytes_read FROM batches
  WHERE finished_at IS NULL AND status = 'reading' AND id <> ALL(CAST(:passed_over AS uuid[]))
  ORDER BY project_id, lines_read, id) first_of_each
ORDER BY random() LIMIT 1
""")

log = structlog.get_logger(__name__)
# One batch is read at a time in a process, so that its other work goes on.
_reading = PerProcess(threading.Lock)


@dataclass(frozen=True, slots=True)
class Unread:
    """A batch that has lines left, and where they begin."""

    id: UUID
    project_id: UUID
    file_key: str
    lines_left: int
    bytes_read: int


@dataclass(frozen=True, slots=True)
class Raw:
    """A line as it is in the file, None where it is too long, and the byte after it."""

    line: bytes | None
    end: int


def read_batches(seconds: float = PASS_SECONDS) -> int:
    """Reads what there is, for at most about that long; returns how many lines. Does nothing where this process reads
    already."""
    if not _reading().acquire(blocking=False):
        return 0
    try:
        return _read_until(time.monotonic() + seconds)
    finally:
        _reading().release()


def _read_until(give_up_at: float) -> int:
    read = 0
    passed_over: set[UUID] = set()
    while time.monotonic() < give_up_at:
        with db.transaction() as session:
            unread = _next(session, passed_over)
        if unread is None:
            break
        step = _step(unread)
        read += step
        if not step:
            passed_over.add(unread.id)
    return read


def _next(session: Session, passed_over: Collection[UUID]) -> Unread | None:
    row = session.execute(NEXT, {"passed_over": [str(one) for one in passed_over]}).first()
    return None if row is None else Unread(*row)


def _step(unread: Unread) -> int:
    """Reads the batch's next lines; 0 where it must wait, or another process was faster."""
    try:
        with storage.store().open(unread.file_key, unread.bytes_read) as body:
            piece = _piece(body, unread)
    except Unavailable as error:
        log.warning("batch.storage_unavailable", error=error.detail)
        return 0
    except NotFound:
        piece = []
    with db.transaction() as session:
        own = Batch.in_project(unread.project_id).where(Batch.id == unread.id, Batch.status == BatchStatus.READING)
        batch = session.scalars(own.where(Batch.bytes_read == unread.bytes_read).with_for_update()).first()
        if batch is None:
            return 0
        if not piece:
            _give_up(session, batch)
            return 0
        return _take(session, batch, piece)


def _piece(body: BinaryIO, unread: Unread) -> list[Raw]:
    """The next lines, bounded in number and in bytes."""
    longest = settings().max_body_bytes
    found: list[Raw] = []
    end = unread.bytes_read
    while len(found) < min(LINES_A_STEP[0], unread.lines_left) and end - unread.bytes_read < BYTES_A_STEP:
        line: bytes | None = body.readline(longest + 1)
        if not line:
            break
        end += len(line)
        if len(line) > longest and not line.endswith(b"\n"):
            line = None
            end += _skip_line(body)
        found.append(Raw(line, end))
    return found


def _skip_line(body: BinaryIO) -> int:
    skipped = 0
    while piece := body.readline(storage.PIECE):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _give_up(session: Session, batch: Batch) -> None:
    """What was read runs on, and then the batch fails."""
    log.error("batch.upload_gone", batch_id=batch.public_id, line=batch.lines_read + 1)
    sentence = f"The uploaded lines from {batch.lines_read + 1} on are gone from storage; send them as a new batch."
    batch.error = SwitchyardError(sentence).as_json()
    batch.status = BatchStatus.RUNNING
    session.flush()


def _take(session: Session, batch: Batch, piece: list[Raw]) -> int:
    piece = _with_room(session, batch.project_id, piece)
    if not piece:
        return 0
    first = batch.lines_read + 1
    lines = [read_line(session, batch, number, raw.line) for number, raw in enumerate(piece, start=first)]
    _enter(session, lines)
    _remember(session, batch, lines)
    rejected = sum(line.error is not None for line in lines)
    batch.lines_read += len(lines)
    batch.bytes_read = piece[-1].end
    batch.rejected += rejected
    batch.accepted += len(lines) - rejected
    if batch.lines_read == batch.lines:
        batch.status = BatchStatus.RUNNING
    session.flush()
    return len(lines)


def _with_room(session: Session, project_id: UUID, piece: list[Raw]) -> list[Raw]:
    """As many of these lines as may wait in the queue."""
    for size in (len(piece), *(size for size in LINES_A_STEP if size < len(piece))):
        try:
            require_room(session, project_id, jobs=size)
        except QueueFull:
            continue
        return piece[:size]
    return []


def _enter(session: Session, lines: Sequence[Line]) -> None:
    """Writes the jobs, and has the workers told. A line whose own values the database refuses is rejected, and none
    beside it."""
    try:
        with session.begin_nested():
            enter_many(session, [line.job for line in lines if line.job is not None])
    except DataError:
        for line in lines:
            _enter_alone(session, line)
    jobs = [line.job for line in lines if line.job is not None and line.job.status == JobStatus.QUEUED]
    fair.admit_later(
        session, [(job.project_id, job.concurrency_key) for job in jobs if job.concurrency_key is not None]
    )
    _hint(session, jobs)


def _enter_alone(session: Session, line: Line) -> None:
    if line.job is None:
        return
    try:
        with session.begin_nested():
            enter_many(session, [line.job])
    except DataError as error:
        log.warning("batch.line_refused", line=line.number, exception=type(error.orig).__name__)
        line.job, line.error = None, problem(BadInput("The line has a value that cannot be stored."))


def _hint(session: Session, jobs: Sequence[Job]) -> None:
    """One job of each queue is enough: a worker that hears of it takes what it can."""
    queues = {job.queue: job.id for job in jobs if job.concurrency_key is None}
    for queue, job_id in queues.items():
        db.after_commit(session, partial(broker.announce, queue, job_id))


def _remember(session: Session, batch: Batch, lines: Sequence[Line]) -> None:
    rows = [
        {
            "batch_id": batch.id,
            "project_id": batch.project_id,
            "line": line.number,
            "custom_id": line.custom_id,
            "error": line.error,
        }
        for line in lines
        if line.custom_id is not None or line.error is not None
    ]
    if rows:
        session.execute(insert(BatchLine), rows)
