"""Files: what clients upload and what jobs leave behind; their bytes are in object storage (infra/storage.py)."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class FilePurpose(StrEnum):
    """What a file is for."""

    UPLOAD = "upload"
    EXPORT = "export"


class StoredFile(Record, InProject):
    """One file. `media_type` is what its bytes say, `declared_type` what its sender said; `sha256` is in hex."""

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "project_id", "id"),
        # For retention.
        Index("ix_files_expiring", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    )
    prefix = "file"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    filename: Mapped[str]
    purpose: Mapped[str] = mapped_column(default=FilePurpose.UPLOAD)
    media_type: Mapped[str]
    declared_type: Mapped[str | None]
    size: Mapped[int] = mapped_column("bytes", BigInteger)
    sha256: Mapped[str]
    key: Mapped[str]
    labels: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    expires_at: Mapped[datetime | None]
