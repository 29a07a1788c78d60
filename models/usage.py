"""What was used of the providers, one row a call."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, Integer, Numeric, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import InProject, Record


class Usage(Record, InProject):
    """One provider call. (job, attempt, call) is unique, so a call is counted once however often its end is written."""

    __tablename__ = "usage"
    __table_args__ = (UniqueConstraint("job_id", "attempt", "call"), Index(None, "project_id", "id"))
    prefix = "usage"

    project_id: Mapped[UUID]
    job_id: Mapped[UUID]
    attempt: Mapped[int] = mapped_column(SmallInteger)
    call: Mapped[int] = mapped_column(SmallInteger)
    provider: Mapped[str]
    model: Mapped[str]
    input_tokens: Mapped[int] = mapped_column(Integer)
    output_tokens: Mapped[int] = mapped_column(Integer)
    cached_tokens: Mapped[int] = mapped_column(Integer)
    reasoning_tokens: Mapped[int] = mapped_column(Integer)
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric(20, 10))
    latency_ms: Mapped[int] = mapped_column(Integer)
    first_token_ms: Mapped[int | None] = mapped_column(Integer)
    provider_request_id: Mapped[str | None]
    estimated: Mapped[bool]
