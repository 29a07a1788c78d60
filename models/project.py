"""Projects, the tenants, and who belongs to them."""

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Record


class MemberRole(StrEnum):
    """What a member may do in a project."""

    OWNER = "owner"
    MEMBER = "member"


class Project(Record):
    """A tenant: everything a customer has lives in one; soft-deleted."""

    __tablename__ = "projects"
    prefix = "proj"

    name: Mapped[str]
    deleted_at: Mapped[datetime | None]

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
