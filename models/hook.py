"""Inbound hooks: addresses at which outside events start jobs, and the inbox of what came."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

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
    `scheme_options` says, for plain HMAC, which header, hash and encoding. The secret is sealed (infra/crypto.py)."""

    __tablename__ = "hooks"
    __table_args__ = (Index(None, "project_id", "id"),)
    prefix = "hook"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    name: Mapped[str]
    scheme: Mapped[str]
    scheme_options: Mapped[dict[str, Any]]
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    event_types: Mapped[list[Any]]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    paused_at: Mapped[datetime | None]
    last_received_at: Mapped[datetime | None]


class InboxMessage(Record, InProject):
    """What came once: `external_id` is the sender's own id of the event, unique per hook."""

    __tablename__ = "inbox_messages"
    __table_args__ = (
        Index(None, "hook_id", "external_id", unique=True),
        Index(None, "hook_id", "id"),
        Index("ix_inbox_messages_received", "id", postgresql_where=text("status = 'received'")),
    )
    prefix = "inmsg"

    project_id: Mapped[UUID]
    hook_id: Mapped[UUID]
    external_id: Mapped[str]
    event_type: Mapped[str | None]
    body: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(default=InboxStatus.RECEIVED)
    job_id: Mapped[UUID | None]
    error: Mapped[dict[str, Any] | None]
    retry_at: Mapped[datetime | None]
