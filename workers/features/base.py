"""What an analysis knows of a trace."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from workers.traces.base import Stored, Texts

Json = dict[str, Any]
Vector = npt.NDArray[np.float32]


@dataclass(slots=True)
class Call:
    """One call of a model in a trace. `site` names the place in the program that made it: the names on the way from the
    trace's root, without what varies."""

    site: str
    observation: Stored
    texts: Texts


@dataclass(slots=True)
class Summary:
    """A trace as the analysis sees it.

    `skeleton` is the hash of its structure (root operation, operations and tools with routes templated), `prompt` the
    hash of its first call's prompt template (None: no prompt); `text` the canonical summary that is embedded (what the
    user wanted, in their words, and what was done), `goal` the user's words alone; `vector` is the embedding of
    `goal`, or of `text` where nobody said anything, of length 1; `reply` that of the beginning of what the user was
    told in the end (details["answer"]), where it was needed. `details` are the analysis's own: entry, tools, family of
    the prompt, and the like.
    """

    trace_id: UUID
    started_at: datetime
    duration_ms: float
    failed: bool
    cost: Decimal | None
    skeleton: str
    steps: list[str]
    prompt: str | None
    text: str
    goal: str
    session_id: str | None
    user_id: str | None
    calls: Sequence[Call]
    revision: int
    vector: Vector | None = None
    reply: Vector | None = None
    details: Json = field(default_factory=dict)


@dataclass(slots=True)
class Assignment:
    """To which feature a trace belongs, by what (models.Assigned), and how sure that is (0–1)."""

    summary: Summary
    feature_id: UUID
    by: str
    confidence: float
