"""What every table shares: naming, UUIDv7 keys, aware times, and the finder that knows its tenant."""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from sqlalchemy import DateTime, MetaData, Select, Text, Uuid, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from infra import ids
from infra.clock import now

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        UUID: Uuid,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Record(Base):
    """A row with an id of its own; `prefix` is how that id begins outside."""

    __abstract__ = True
    prefix: ClassVar[str]

    id: Mapped[UUID] = mapped_column(primary_key=True, default=ids.new_id)
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def public_id(self) -> str:
        """The id as clients see it."""
        return ids.show(self.prefix, self.id)


class InProject:
    """A row that belongs to a project; whoever looks for one says in which."""

    project_id: Mapped[UUID]

    @classmethod
    def in_project(cls, project_id: UUID) -> Select[Self]:
        """Selects the rows of that project only."""
        return select(cls).where(cls.project_id == project_id)
