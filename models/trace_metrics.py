"""What traces add up to over time, and by session."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Numeric, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject


class TraceSeries(Base, InProject):
    """What traces, or observations (`of`), are counted apart by: one row for each combination that has been seen, and
    some for `all traces` and `all observations` by their status alone.

    `id` is a digest of the rest. An observation has at most one model, a trace all that it called. Where an hour had
    too many combinations, the values that made them so many are `(other)`. `seen_at` is when it was last added to, to
    the day.
    """

    __tablename__ = "trace_series"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    of: Mapped[str]
    feature_id: Mapped[UUID | None]
    name: Mapped[str | None]
    status: Mapped[str]
    service: Mapped[str | None]
    release: Mapped[str | None]
    environment: Mapped[str | None]
    models: Mapped[list[str]] = mapped_column(ARRAY(Text))
    kind: Mapped[str | None]
    operation: Mapped[str | None]
    provider: Mapped[str | None]
    seen_at: Mapped[datetime]


class TraceMetric(Base, InProject):
    """The figures of a series in one stretch of time: so many hours (1 or 24) from `at` on. `of` is the series'.

    `priced` and `unpriced` are how many calls of models had a known price and how many had none; `cost` is that of the
    former. `durations` is a histogram (workers/traces/durations.py). Written by the roll-up alone, which takes back
    what a trace had added before it adds what that has become.
    """

    __tablename__ = "trace_metrics"
    # Busy rows are written again every second: room for it beside them.
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    of: Mapped[str] = mapped_column(primary_key=True)
    hours: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    series: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(Numeric)
    priced: Mapped[int] = mapped_column(BigInteger)
    unpriced: Mapped[int] = mapped_column(BigInteger)
    durations: Mapped[bytes] = mapped_column(LargeBinary)


class TraceSession(Base, InProject):
    """What the traces of a session add up to; `id` is what they call it.

    It lasts from the beginning of its first trace to the end of the one that began last. `errors` are traces that
    failed; `user_id` is the newest one that its traces name.
    """

    __tablename__ = "trace_sessions"
    __table_args__ = (
        Index(None, "project_id", "last_seen_at", "id"),
        Index(None, "project_id", "user_id", "last_seen_at", postgresql_where=text("user_id IS NOT NULL")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    user_id: Mapped[str | None]
    environment: Mapped[str | None]
    traces: Mapped[int] = mapped_column(Integer)
    observations: Mapped[int] = mapped_column(BigInteger)
    errors: Mapped[int] = mapped_column(Integer)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(Numeric)
    priced: Mapped[int] = mapped_column(BigInteger)
    unpriced: Mapped[int] = mapped_column(BigInteger)
