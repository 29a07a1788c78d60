"""Files: what clients upload and what jobs leave behind; their bytes are in object storage (infra/storage.py)."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, Index, Select, func, or_, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class FilePurpose(StrEnum):
    """What a file is for."""

    UPLOAD = "upload"
    EXPORT = "export"
    REPORT = "report"
    TEST_BODY = "test_body"


class StoredFile(Record, InProject):
    """One file. `media_type` is what its bytes say, `declared_type` what its sender said; `sha256` is in hex.

    The row is there before the object and until after it, so that no object is ever unknown: with a `removable_at` it
    is none for clients, and from then on the sweep takes away object and row.
    """

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "project_id", "id"),
        # For retention.
        Index("ix_files_expiring", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
        Index("ix_files_removable", "removable_at", postgresql_where=text("removable_at IS NOT NULL")),
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
    removable_at: Mapped[datetime | None]

    @classmethod
    def present(cls, project_id: UUID) -> Select[Self]:
        """Selects the project's files that are there for its clients."""
        return cls._present(cls.in_project(project_id))

    @classmethod
    def linked(cls, file_id: UUID) -> Select[Self]:
        """Selects the file for whoever has a link to it, of whichever project."""
        return cls._present(select(cls).where(cls.id == file_id))

    @classmethod
    def _present(cls, query: Select[Self]) -> Select[Self]:
        return query.where(cls.removable_at.is_(None), or_(cls.expires_at.is_(None), cls.expires_at > func.now()))
