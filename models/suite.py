"""Test cases, their immutable versions, and suites, which are lists of cases."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Index, Integer, Select, Text, UniqueConstraint, Uuid, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class CaseState(StrEnum):
    """Runs take approved cases. What was generated is a draft until a person approves or rejects it."""

    DRAFT = "draft"
    APPROVED = "approved"
    REJECTED = "rejected"


class CaseOrigin(StrEnum):
    """Where a case came from."""

    MANUAL = "manual"
    OPENAPI = "openapi"
    TRACE = "trace"
    DESCRIPTION = "description"
    IMPORT = "import"
    RUN = "run"


class Case(Record, InProject):
    """A test case; what it does is its newest version's content.

    `source` says how it came about (job, mode, explanation, seed, trace, the run it was made of); `operation` is the
    operation it tests, as `GET /users/{id}`, of the knowledge base; `content_hash` SHA-256 in hex of its content, by
    which a generator knows what it wrote before. A quarantined case runs, and its verdict does not count;
    `quarantine` says why and since which run.
    """

    __tablename__ = "test_cases"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "project_id", "content_hash"),
        Index("ix_test_cases_tags", "tags", postgresql_using="gin"),
        Index("ix_test_cases_feature", "feature_id", postgresql_where=text("feature_id IS NOT NULL")),
    )
    prefix = "tc"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    name: Mapped[str]
    description: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    state: Mapped[str] = mapped_column(default=CaseState.APPROVED)
    version: Mapped[int] = mapped_column(Integer, default=1)
    origin: Mapped[str] = mapped_column(default=CaseOrigin.MANUAL)
    source: Mapped[dict[str, Any]] = mapped_column(default=dict)
    operation: Mapped[str | None]
    knowledge_base_id: Mapped[UUID | None]
    feature_id: Mapped[UUID | None]
    content_hash: Mapped[str]
    quarantined_at: Mapped[datetime | None]
    quarantine: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class CaseVersion(Record, InProject):
    """What a case did at one time; never changed. `content` is its variables, data rows, setup, steps and teardown."""

    __tablename__ = "test_case_versions"
    __table_args__ = (UniqueConstraint("case_id", "number"),)
    prefix = "tcv"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    case_id: Mapped[UUID]
    number: Mapped[int] = mapped_column(Integer)
    note: Mapped[str | None]
    content: Mapped[dict[str, Any]] = mapped_column(deferred=True)


class Suite(Record, InProject):
    """Cases that run together: those that are named, in order, and then those that have one of `select_tags`.

    `content` is the setup and teardown around all of them, and variables; `defaults` are a run's wishes where it has
    none of its own. `badge_token` opens the suite's badge to whoever has it.
    """

    __tablename__ = "test_suites"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index("uq_test_suites_name", "project_id", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
    )
    prefix = "suite"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    name: Mapped[str]
    description: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    case_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    select_tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    environment_id: Mapped[UUID | None]
    content: Mapped[dict[str, Any]]
    defaults: Mapped[dict[str, Any]]
    badge_token: Mapped[str]

    @classmethod
    def badged(cls, suite_id: UUID) -> Select[Self]:
        """Selects the suite for whoever has its badge's address, of whichever project."""
        return select(cls).where(cls.id == suite_id, cls.deleted_at.is_(None))
