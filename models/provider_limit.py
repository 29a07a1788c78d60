"""What a provider was learned to allow, so that an emptied Redis forgets nothing."""

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class ProviderLimit(Base):
    """Requests and tokens a minute that a provider allows for a model; null where it never said."""

    __tablename__ = "provider_limits"

    provider: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(primary_key=True)
    requests_per_minute: Mapped[int | None] = mapped_column(Integer)
    tokens_per_minute: Mapped[int | None] = mapped_column(Integer)
    learned_at: Mapped[datetime]
