"""Projects, the tenants, and who belongs to them."""

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, Select, SmallInteger, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record
from models.job import Store


class MemberRole(StrEnum):
    """What a member may do in a project."""

    OWNER = "owner"
    MEMBER = "member"


class Project(Record):
    """A tenant: everything a customer has lives in one; soft-deleted.

    `weight` is its share against others when workers are scarce; a limit that is null is the installation's default.
    """

    __tablename__ = "projects"
    prefix = "proj"

    name: Mapped[str]
    deleted_at: Mapped[datetime | None]
    weight: Mapped[int] = mapped_column(SmallInteger, default=1, server_default=text("1"))
    max_running: Mapped[int | None] = mapped_column(Integer)
    max_queued: Mapped[int | None] = mapped_column(Integer)
    retention_days: Mapped[int | None] = mapped_column(Integer)
    store: Mapped[str] = mapped_column(default=Store.FULL, server_default=Store.FULL)

    @classmethod
    def in_project(cls, project_id: UUID) -> Select[Self]:
        """Selects this one project, unless it is deleted."""
        return select(cls).where(cls.id == project_id, cls.deleted_at.is_(None))


class Membership(Record):
    """A person's place in a project."""

    __tablename__ = "memberships"
    __table_args__ = (UniqueConstraint("project_id", "user_id"), Index(None, "user_id"))
    prefix = "member"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str] = mapped_column(default=MemberRole.MEMBER)
