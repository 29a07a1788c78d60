"""Environments that test cases run in, and their secrets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject, Record


class Environment(Record, InProject):
    """Where tests go: a base URL, variables, headers, named ways to authenticate (`auth`; `default_auth` is taken by
    steps that name none), and the knowledge base whose operations answers must conform to."""

    __tablename__ = "test_environments"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(
            "uq_test_environments_name", "project_id", "name", unique=True, postgresql_where=text("deleted_at IS NULL")
        ),
    )
    prefix = "env"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    name: Mapped[str]
    description: Mapped[str | None]
    base_url: Mapped[str | None]
    variables: Mapped[dict[str, Any]]
    headers: Mapped[dict[str, Any]]
    auth: Mapped[dict[str, Any]]
    default_auth: Mapped[str | None]
    knowledge_base_id: Mapped[UUID | None]


class EnvironmentSecret(Base, InProject):
    """A secret of an environment, sealed (infra/crypto.py) for `env_…/<name>`; nobody is shown it again."""

    __tablename__ = "test_environment_secrets"

    environment_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    updated_at: Mapped[datetime]
