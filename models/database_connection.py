"""Live databases: where a knowledge base reads tables from, and whom its queries are put to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class DatabaseConnection(Record, InProject):
    """One database of a knowledge base. The DSN, which has the password, is sealed (infra/crypto.py); `address` is what
    may be shown of it: host, port, database, user, sslmode. `schemas` null: all but the system's. `checked` is what the
    last test said, at `checked_at`."""

    __tablename__ = "database_connections"
    __table_args__ = (
        UniqueConstraint("knowledge_base_id", "name"),
        Index(None, "project_id", "knowledge_base_id", "id"),
    )
    prefix = "db"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    name: Mapped[str]
    dsn: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[dict[str, Any]]
    schemas: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    checked: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    checked_at: Mapped[datetime | None]
