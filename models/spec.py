"""What is kept of APIs beside their operations: every schema once, and what was read last."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject


class SpecSchema(Base, InProject):
    """A JSON Schema (2020-12) by the SHA-256 of its canonical JSON, in hex; it refers to others as `#/$defs/Name`.

    Or a closure: all schemas that an operation needs, `{name: SHA-256}`. Operations share those too: Stripe's 452 need
    490 schemas each, and there are 70 closures.
    """

    __tablename__ = "spec_schemas"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[Any] = mapped_column(JSONB)


class SpecSource(Base, InProject):
    """The last specification that was read into a source of a knowledge base.

    `fingerprint` is of its bytes and of how they were read, `draft` of the entries that the source had afterwards: as
    long as both are the same there is nothing to do. `report` is what was said of it.
    """

    __tablename__ = "spec_sources"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    draft: Mapped[str]
    report: Mapped[dict[str, Any]]
    job_id: Mapped[UUID | None]
    updated_at: Mapped[datetime]
