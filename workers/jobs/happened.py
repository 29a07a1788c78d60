"""An event as it was written, on its way to whoever wants to know."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Happened:
    """What streams, waiters and webhooks are told. `job_id` is the id of what it happened to, also where that is no
    job; `listened` whether the project has webhook endpoints, or that is not known."""

    job_id: UUID
    sequence: int
    id: UUID
    project_id: UUID
    type: str
    data: dict[str, Any]
    created_at: datetime
    queue: str = ""
    callback_url: str | None = None
    listened: bool = True
