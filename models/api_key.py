"""API keys: what a program shows instead of a person."""

from collections.abc import Collection
from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, Select, Text, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class ApiKey(Record, InProject):
    """A key of one project. The key itself is shown once and never stored.

    `hint` is its readable start (found by it, shown in lists), `digest` the SHA-256 of the whole: the key holds 190
    random bits, so a slow password hash would add nothing but time.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "hint", unique=True), Index(None, "project_id", "id"))
    prefix = "key"

    project_id: Mapped[UUID] = mapped_column(ForeignKey("projects.id"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    hint: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @classmethod
    def by_hint(cls, hint: str) -> Select[Self]:
        """Selects the key that begins like this, whatever its project: the caller is not known yet."""
        return select(cls).where(cls.hint == hint)

    @classmethod
    def by_id(cls, key_id: UUID) -> Select[Self]:
        """Selects a key that is known to be the caller's own."""
        return select(cls).where(cls.id == key_id)

    @classmethod
    def by_ids(cls, key_ids: Collection[UUID]) -> Select[Self]:
        """Selects keys that have shown themselves before, whatever their projects."""
        return select(cls).where(cls.id.in_(key_ids))

    def usable_at(self, moment: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > moment)
