"""Webhooks: where a project wants its events sent, and every delivery with its attempts."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Computed, Double, Index, Integer, LargeBinary, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record

# As PostgreSQL shows it again, so that Alembic finds both the same.
HOST = """COALESCE(lower("substring"(url, '://([^/?#]*)'::text)), ''::text)"""


class Payload(StrEnum):
    """How much a delivery says: the event, or also the object it is about."""

    THIN = "thin"
    FULL = "full"


class DisabledReason(StrEnum):
    """Why an endpoint gets nothing."""

    MANUAL = "manual"
    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    """Where a delivery is: waiting for an attempt, accepted by its receiver, or given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookEndpoint(Record, InProject):
    """A receiver. Without a `url` it is the project's own for jobs with a `callback_url`: each delivery has its own
    address then, and this row the secret and the rate.

    `event_types` are exact types, `<family>.*` or `*`. Secrets and headers are sealed (infra/crypto.py); the old secret
    signs too, until `old_secret_until`. `tokens` at `refilled_at` are the deliveries that may leave at once.
    `failing_since` is the first failure after the last success.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index("ix_webhook_endpoints_callback", "project_id", unique=True, postgresql_where=text("url IS NULL")),
    )
    prefix = "we"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    url: Mapped[str | None]
    description: Mapped[str | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    payload: Mapped[str] = mapped_column(default=Payload.THIN)
    headers: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None]
    rate_per_second: Mapped[int] = mapped_column(Integer)
    tokens: Mapped[float] = mapped_column(Double, default=0.0)
    refilled_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    event_sequence: Mapped[int] = mapped_column(Integer, default=0)


class WebhookDelivery(Record, InProject):
    """One event for one receiver, written in the event's own transaction. The id follows from event and endpoint, so
    that there is never a second one.

    `host` is that of its own `url`, and empty where the endpoint's counts: deliveries of one endpoint and host wait in
    line together. While a sender has it, `next_attempt_at` is when others may take it. `attempts` is its log, oldest
    first: `[{"at", "milliseconds", "status", "error", "body"}]`; `attempt` counts those of the present round.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "endpoint_id", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "host",
            "next_attempt_at",
            postgresql_where=text("status = 'pending'"),
        ),
        # What became of a job's events; for retention: whether they are still awaited.
        Index(None, "subject_id"),
        # And what ended first.
        Index(
            "ix_webhook_deliveries_finished",
            "project_id",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
        # Few among many: what is looked for after an outage.
        Index("ix_webhook_deliveries_failed", "endpoint_id", "id", postgresql_where=text("status = 'failed'")),
        Index("ix_webhook_deliveries_project_failed", "project_id", "id", postgresql_where=text("status = 'failed'")),
        {
            "postgresql_with": {
                "autovacuum_vacuum_scale_factor": "0.01",
                "autovacuum_vacuum_threshold": "5000",
            }
        },
    )
    prefix = "wd"

    project_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    url: Mapped[str | None]
    host: Mapped[str] = mapped_column(Computed(HOST, persisted=True))
    subject_id: Mapped[UUID]
    event_sequence: Mapped[int] = mapped_column(Integer)
    event_id: Mapped[UUID]
    event_type: Mapped[str]
    status: Mapped[str] = mapped_column(default=DeliveryStatus.PENDING, server_default=DeliveryStatus.PENDING)
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0, server_default=text("0"))
    attempts: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    next_attempt_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
