"""Jobs, their numbered events, and the outbox of those that wait for a worker."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, Numeric, Select, SmallInteger, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject, Record


class JobStatus(StrEnum):
    """Where a job is in its life; workers/jobs/lifecycle.py says what may follow what."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Store(StrEnum):
    """What is kept of a job's input and result once it has ended: all, their SHA-256 and size, or nothing."""

    FULL = "full"
    HASHES = "hashes"
    NONE = "none"


POSITION = text("event_position()")
FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED})


class Job(Record, InProject):
    """One piece of work. No foreign keys here and below: projects are never hard-deleted while they have jobs, and
    the check would lock the same project row for every submit of a tenant."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_project", "project_id", "id"),
        Index("ix_jobs_project_kind", "project_id", "kind", "id"),
        Index("ix_jobs_status", "project_id", "status", "id"),
        Index(
            "ix_jobs_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
            postgresql_where=text("metadata <> '{}'::jsonb"),
        ),
        # For fair shares and limits: what each project, and each concurrency key, has running.
        Index("ix_jobs_running", "project_id", "concurrency_key", postgresql_where=text("status = 'running'")),
        # For retention: what ended first.
        Index("ix_jobs_finished", "project_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index("ix_jobs_dead_letter", "project_id", "id", postgresql_where=text("dead_letter")),
        # A schedule runs once at each of its times, whoever tries.
        Index(
            "ix_jobs_schedule",
            "schedule_id",
            "run_at",
            unique=True,
            postgresql_where=text("schedule_id IS NOT NULL"),
        ),
        Index("ix_jobs_batch", "batch_id", "batch_line", unique=True, postgresql_where=text("batch_id IS NOT NULL")),
        Index(
            "ix_jobs_batch_open",
            "batch_id",
            postgresql_where=text("batch_id IS NOT NULL AND status IN ('scheduled', 'queued', 'running')"),
        ),
        Index("ix_jobs_lease", "lease_expires_at", postgresql_where=text("status = 'running'")),
        Index(
            "ix_jobs_cancel_requested",
            "id",
            postgresql_where=text("status = 'running' AND cancel_requested_at IS NOT NULL"),
        ),
        Index("ix_jobs_run_at", "run_at", postgresql_where=text("status = 'scheduled'")),
        Index(
            "ix_jobs_deadline",
            "deadline_at",
            postgresql_where=text("deadline_at IS NOT NULL AND status IN ('scheduled', 'queued')"),
        ),
    )
    prefix = "job"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    kind: Mapped[str]
    queue: Mapped[str]
    status: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    payload: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    result_key: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    usage: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any] | None]
    labels: Mapped[dict[str, Any]] = mapped_column("metadata")
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0)
    max_attempts: Mapped[int] = mapped_column(SmallInteger)
    event_sequence: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    run_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    dead_letter: Mapped[bool] = mapped_column(default=False)
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    lane: Mapped[str | None]
    concurrency_key: Mapped[str | None]
    concurrency_limit: Mapped[int | None] = mapped_column(SmallInteger)
    max_cost: Mapped[Decimal | None] = mapped_column(Numeric(20, 10))
    store: Mapped[str] = mapped_column(default=Store.FULL, server_default=Store.FULL)
    payload_digest: Mapped[dict[str, Any] | None]
    replay_of: Mapped[UUID | None]
    schedule_id: Mapped[UUID | None]
    batch_id: Mapped[UUID | None]
    batch_line: Mapped[int | None] = mapped_column(Integer)
    callback_url: Mapped[str | None]

    @classmethod
    def running_under_lease(cls, worker: str) -> Select[Self]:
        """Selects what that worker process holds, of all projects."""
        return select(cls).where(cls.worker == worker, cls.status == JobStatus.RUNNING)


class JobEvent(Base, InProject):
    """Something that happened to a job; `sequence` counts from 1 without gap, deltas (kept in Redis) included. What
    happens to other things (a batch, a webhook endpoint) stands here too, under their id.

    `position` is the writing transaction's number, or the highest that had ended at that moment if it is higher.
    Ordered by it, a project's events never change what stands before a position below that of the oldest transaction
    still open: so a reader who stays behind it misses nothing (workers/jobs/feed.py). An event stands never before one
    that its transaction saw, as the events of a job see those before them; where they share a position, `sequence`
    tells.
    """

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_position", "project_id", "position", "sequence", "id"),)

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID]
    project_id: Mapped[UUID]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    position: Mapped[int] = mapped_column(BigInteger, server_default=POSITION)


class OutboxEntry(Base, InProject):
    """A queued job that no worker has claimed: written with the job, deleted by the claim. The queue itself.

    Only a `ready` entry may be claimed. The others wait for their time (`available_at`) or, where that is null, for a
    free place under their concurrency key. `lane` is the provider/model that the job will call.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_ready", "queue", "project_id", "ready", text("priority DESC"), "job_id"),
        Index("ix_outbox_available", "available_at", postgresql_where=text("NOT ready")),
        Index(
            "ix_outbox_concurrency",
            "project_id",
            "concurrency_key",
            "ready",
            text("priority DESC"),
            "job_id",
            postgresql_where=text("concurrency_key IS NOT NULL"),
        ),
        # Thousands of rows a second come and go; vacuum by count, not by share of the table.
        {
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": "0",
                "autovacuum_vacuum_threshold": "2000",
                "autovacuum_vacuum_cost_delay": "0",
            }
        },
    )

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    attempt: Mapped[int] = mapped_column(SmallInteger)
    ready: Mapped[bool] = mapped_column(server_default=text("true"))
    available_at: Mapped[datetime | None]
    lane: Mapped[str | None]
    concurrency_key: Mapped[str | None]
    concurrency_limit: Mapped[int | None] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
