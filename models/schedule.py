"""Schedules: jobs that are submitted again and again, at the times a cron expression names."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Index, Select, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class CatchUp(StrEnum):
    """What happens with the times that passed while nobody could run them."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


class Schedule(Record, InProject):
    """One schedule. `options` are the submitted job's wishes (priority, metadata, …); `next_run_at` is the first time
    that has not run, null while the schedule is paused or has no time left. Nobody looks at it before `retry_at`."""

    __tablename__ = "schedules"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index("ix_schedules_next_run_at", "next_run_at", postgresql_where=text("next_run_at IS NOT NULL")),
    )
    prefix = "sched"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    name: Mapped[str]
    cron: Mapped[str]
    timezone: Mapped[str]
    catch_up: Mapped[str] = mapped_column(default=CatchUp.LAST)
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    paused_at: Mapped[datetime | None]
    next_run_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    last_job_id: Mapped[UUID | None]
    last_error: Mapped[dict[str, Any] | None]

    @classmethod
    def due(cls, moment: datetime, at_most: int) -> Select[Self]:
        """Selects and locks those whose time has come, of all projects, and leaves out what others have locked.

        Who was looked at goes to the end of the line, so that one with much to catch up on holds up nobody.
        """
        waits_since = func.coalesce(cls.retry_at, cls.next_run_at)
        due = select(cls).where(cls.next_run_at <= moment, waits_since <= moment)
        return due.order_by(waits_since, cls.id).limit(at_most).with_for_update(skip_locked=True)
