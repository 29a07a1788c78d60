"""First answers, kept so that a repeated request gets the same one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Delete, Index, LargeBinary, SmallInteger, delete, select, tuple_
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject


class IdempotencyKey(Base, InProject):
    """One answered request of a principal; `fingerprint` is the SHA-256 of method, path and body."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "created_at"),)

    principal_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    location: Mapped[str | None]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]

    @classmethod
    def older_than(cls, moment: datetime, at_most: int) -> Delete:
        """Deletes up to so many of all projects' old keys."""
        old = select(cls.principal_id, cls.key).where(cls.created_at < moment).limit(at_most)
        return delete(cls).where(tuple_(cls.principal_id, cls.key).in_(old))
