"""Inbound hooks: addresses at which outside events start jobs, and the inbox of what came."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Select, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, undefer_group

from models.base import InProject, Record


class SignatureScheme(StrEnum):
    """How the sender signs."""

    STANDARD_WEBHOOKS = "standard_webhooks"
    GITHUB = "github"
    STRIPE = "stripe"
    HMAC = "hmac"


class InboxStatus(StrEnum):
    """What became of a message: it waits, is a job, or cannot become one."""

    RECEIVED = "received"
    SUBMITTED = "submitted"
    FAILED = "failed"


class Hook(Record, InProject):
    """One address. `payload` is the input of its jobs, with places for values of the event; `options` their wishes;
    `scheme_options` says, for plain HMAC, which header, hash and encoding. Secrets are sealed (infra/crypto.py); the
    old one is believed too, until `old_secret_until`."""

    __tablename__ = "hooks"
    __table_args__ = (Index(None, "project_id", "id"),)
    prefix = "hook"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    name: Mapped[str]
    scheme: Mapped[str]
    scheme_options: Mapped[dict[str, Any]]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None]
    event_types: Mapped[list[Any]]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    paused_at: Mapped[datetime | None]

    @classmethod
    def addressed(cls, hook_id: UUID, *, unchanged: bool = False) -> Select[Self]:
        """Selects the hook that an event was sent to: its sender knows no project. If it must stay `unchanged` until
        the commit, nobody pauses, resumes or deletes it meanwhile."""
        query = select(cls).where(cls.id == hook_id)
        return query.with_for_update(read=True).execution_options(populate_existing=True) if unchanged else query


class InboxMessage(Record, InProject):
    """What came once: `external_id` is the sender's own id of the event, unique per hook.

    While it is `received`, a job is tried for at `retry_at`; where that is null, its hook is paused. `waiting_since` is
    when the trying began. `headers` are those that the hook's input names.
    """

    __tablename__ = "inbox_messages"
    __table_args__ = (
        Index(None, "hook_id", "external_id", unique=True),
        Index(None, "hook_id", "id"),
        Index("ix_inbox_messages_waiting", "hook_id", "retry_at", postgresql_where=text("status = 'received'")),
        # For retention.
        Index("ix_inbox_messages_done", "project_id", "created_at", postgresql_where=text("status <> 'received'")),
    )
    prefix = "inmsg"

    project_id: Mapped[UUID]
    hook_id: Mapped[UUID]
    external_id: Mapped[str]
    event_type: Mapped[str | None]
    body: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True), deferred=True, deferred_group="event")
    headers: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB(none_as_null=True), deferred=True, deferred_group="event"
    )
    status: Mapped[str] = mapped_column(default=InboxStatus.RECEIVED)
    job_id: Mapped[UUID | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    retry_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime]

    @classmethod
    def first(cls, hook_id: UUID, external_id: str) -> Select[Self]:
        """Selects what came under that id."""
        return select(cls).where(cls.hook_id == hook_id, cls.external_id == external_id)

    @classmethod
    def due(cls, hook_id: UUID, moment: datetime, at_most: int) -> Select[Self]:
        """Selects and locks the hook's messages that are to be tried again, and leaves out what others have locked."""
        due = select(cls).where(cls.hook_id == hook_id, cls.status == InboxStatus.RECEIVED, cls.retry_at <= moment)
        return due.order_by(cls.id).limit(at_most).options(undefer_group("event")).with_for_update(skip_locked=True)

    @classmethod
    def whole(cls, project_id: UUID, message_id: UUID) -> Select[Self]:
        """Selects one message of the project together with its event."""
        return cls.in_project(project_id).where(cls.id == message_id).options(undefer_group("event"))
