"""Reviews of drafts: who submitted one, and what another member said."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class ReviewState(StrEnum):
    """A submitted draft is approved or rejected, or it is void because it was changed."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    VOID = "void"


class KbReview(Record, InProject):
    """What became of a draft that was submitted; `draft_serial` says which."""

    __tablename__ = "kb_reviews"
    __table_args__ = (Index(None, "knowledge_base_id", "draft_serial"),)
    prefix = "kbr"

    project_id: Mapped[UUID]
    knowledge_base_id: Mapped[UUID]
    draft_serial: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(default=ReviewState.SUBMITTED)
    submitted_by: Mapped[UUID | None]
    note: Mapped[str | None]
    reviewed_by: Mapped[UUID | None]
    reviewed_at: Mapped[datetime | None]
    review_note: Mapped[str | None]
