"""Batches: many jobs in one call."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject, Record


class BatchStatus(StrEnum):
    """Where a batch is in its life."""

    READING = "reading"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


BATCH_FINAL = frozenset({BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.FAILED})


class Batch(Record, InProject):
    """One batch. Its lines wait in a file (`file_key`) until all are jobs; `lines_read` and `bytes_read` say how far
    that is. `counts` are its jobs by status when somebody last counted; of a batch that has ended, for good."""

    __tablename__ = "batches"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "project_id", "finished_at"),
        Index("ix_batches_open", "id", postgresql_where=text("finished_at IS NULL")),
        # Uploads that nobody needs any more.
        Index("ix_batches_file", "id", postgresql_where=text("file_key IS NOT NULL AND status <> 'reading'")),
    )
    prefix = "batch"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    status: Mapped[str]
    file_key: Mapped[str | None]
    lines: Mapped[int | None] = mapped_column(Integer)
    lines_read: Mapped[int] = mapped_column(Integer, default=0)
    bytes_read: Mapped[int] = mapped_column(BigInteger, default=0)
    accepted: Mapped[int] = mapped_column(Integer, default=0)
    rejected: Mapped[int] = mapped_column(Integer, default=0)
    options: Mapped[dict[str, Any]]
    labels: Mapped[dict[str, Any]] = mapped_column("metadata")
    counts: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    event_sequence: Mapped[int] = mapped_column(Integer, default=0)
    request_id: Mapped[str | None]
    callback_url: Mapped[str | None]
    cancel_requested_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class BatchLine(Base, InProject):
    """What is to be remembered of a line beside its job: the caller's own id, or why it could not become a job."""

    __tablename__ = "batch_lines"

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    project_id: Mapped[UUID]
    custom_id: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
