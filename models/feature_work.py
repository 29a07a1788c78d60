"""What decisions about features leave to be done, in short steps, by the clock."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Index, Integer, Select, Uuid, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record
from models.suite_run import Run


class ErrandAction(StrEnum):
    """Traces go over to another feature (or to none), or a feature learns what its traces look like."""

    MOVE = "move"
    TEACH = "teach"


class FeatureErrand(Record, InProject):
    """Something that a decision left to be done: all traces of `feature_id` go to `into_id` (null: to none), or
    `feature_id` gets pinned prototypes of `trace_ids` and of `inputs`, texts as users would write them."""

    __tablename__ = "feature_errands"
    __table_args__ = (Index(None, "action", "due_at"), Index(None, "project_id", "feature_id"))
    prefix = "fer"

    project_id: Mapped[UUID]
    action: Mapped[str]
    feature_id: Mapped[UUID]
    into_id: Mapped[UUID | None]
    trace_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), default=list)
    inputs: Mapped[list[Any]] = mapped_column(default=list)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime]

    @classmethod
    def due(cls, action: ErrandAction, moment: datetime) -> Select[Self]:
        """Selects the one whose turn it is, of whichever project, locked; others pass it by."""
        query = select(cls).where(cls.action == action.value, cls.due_at <= moment).order_by(cls.due_at).limit(1)
        return query.with_for_update(skip_locked=True)


class FeatureRerun(Record, InProject):
    """A test run, by its id, that is to say whether features are well again; gone when it has said so. `features` has
    for each feature's id its `drifts`, which were open then, and its `cases`, as ids in hex."""

    __tablename__ = "feature_reruns"
    prefix = "run"

    project_id: Mapped[UUID]
    features: Mapped[dict[str, Any]]

    @classmethod
    def ended(cls, limit: int) -> Select[Self]:
        """Selects those whose run has its verdict, or is not there any more, of whichever project, locked."""
        goes_on = select(Run.id).where(Run.id == cls.id, Run.verdict.is_(None)).exists()
        return select(cls).where(~goes_on).order_by(cls.id).limit(limit).with_for_update(skip_locked=True)
