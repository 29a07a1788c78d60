"""Saved queries with the entries they must find, and how well versions answered them."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class KbQuery(Record, InProject):
    """A question and what it must find: `expected` is a list of {entry_id, relevance}."""

    __tablename__ = "kb_queries"
    __table_args__ = (Index(None, "knowledge_base_id", "id"),)
    prefix = "kbq"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    query: Mapped[str]
    expected: Mapped[list[Any]]
    filters: Mapped[dict[str, Any]]
    tags: Mapped[list[Any]]


class KbEvaluation(Record, InProject):
    """How a version answered the saved queries: `metrics` are means over them, `queries` the figures of each.

    `query_set` is a hash of the questions, what they expect, and the k of recall@k: evaluations with the same can be
    compared."""

    __tablename__ = "kb_evaluations"
    __table_args__ = (Index(None, "knowledge_base_id", "id"),)
    prefix = "kbe"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Integer)
    job_id: Mapped[UUID | None]
    query_set: Mapped[str]
    metrics: Mapped[dict[str, Any]]
    queries: Mapped[list[Any]]
