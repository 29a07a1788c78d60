"""People."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from sqlalchemy import Index, Select, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record


class UserRole(StrEnum):
    """What a person may do on the whole installation."""

    USER = "user"
    MODERATOR = "moderator"
    RESELLER = "reseller"
    ADMIN = "admin"


class User(Record):
    """A person; soft-deleted, so that what they made keeps its author."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", text("lower(email)"), unique=True, postgresql_where=text("deleted_at IS NULL")),
    )
    prefix = "user"

    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str] = mapped_column(default=UserRole.USER)
    deleted_at: Mapped[datetime | None]

    @classmethod
    def by_email(cls, email: str) -> Select[Self]:
        """Selects the living user with that address, however it is written."""
        return select(cls).where(func.lower(cls.email) == email.lower(), cls.deleted_at.is_(None))
