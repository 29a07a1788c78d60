"""What the watch over features remembers: a line a trace, what it learnt of call sites, where its references are."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Double, Index, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject


class FeatureFact(Base, InProject):
    """What of an analysed trace is compared: how it went, and what was said, in figures.

    `at` is when it began, at the latest when it was noted. `output_chars` is the length of the last answer; `refused`
    whether it declined, `valid` whether it was as its JSON schema says, `parsed` whether it was JSON (null: there was
    nothing to be judged). `goal` and `said` are sketches of the user's words and of the answer (64 signed bytes, see
    workers/features/drift/sketches.py). `session` is the hash of its session, since what one person says
    in a row is no independent evidence. `sites` are the call sites whose prompts were counted.
    """

    __tablename__ = "feature_facts"
    __table_args__ = (
        Index(None, "feature_id", "at", "trace_id"),
        Index("ix_feature_facts_at", "at", postgresql_using="brin"),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    trace_id: Mapped[UUID] = mapped_column(primary_key=True)
    feature_id: Mapped[UUID]
    at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(Integer)
    duration_ms: Mapped[float] = mapped_column(Double)
    failed: Mapped[bool]
    cost: Mapped[float | None] = mapped_column(Double)
    output_chars: Mapped[int | None] = mapped_column(Integer)
    refused: Mapped[bool | None]
    valid: Mapped[bool | None]
    parsed: Mapped[bool | None]
    goal: Mapped[bytes | None] = mapped_column(LargeBinary)
    said: Mapped[bytes | None] = mapped_column(LargeBinary)
    session: Mapped[int | None] = mapped_column(BigInteger)
    sites: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class FeatureSite(Base, InProject):
    """What was learnt of a call site of a feature: its templates, and what it used lately
    (workers/features/drift/sites.py has the shape of `state`)."""

    __tablename__ = "feature_sites"

    feature_id: Mapped[UUID] = mapped_column(primary_key=True)
    call_site: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    state: Mapped[dict[str, Any]]


class FeatureWatch(Base, InProject):
    """How far a feature's traces were looked at, and what they are compared with: those from `reference_from` on,
    without what lies in `excluded` (`[[from, until]]`). `streaks` are the signals that stood out lately, `rhythms`
    the day's rhythm of amounts, as it was some days ago."""

    __tablename__ = "feature_watches"

    feature_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    seen_at: Mapped[datetime | None]
    seen_id: Mapped[UUID | None]
    reference_from: Mapped[datetime | None]
    excluded: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    streaks: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    rhythms: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
