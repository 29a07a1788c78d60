"""What is asked of metrics, and what is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

Key = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be counted: of traces or of observations, from `begin` to before `end`, in intervals, apart by `by`,
    where the columns have the values of `only` (`feature_id`: one of several); the groups with the highest counts, and
    percentiles only if they are wanted."""

    project_id: UUID
    of: str
    begin: datetime
    end: datetime
    interval: str
    by: Sequence[str]
    only: Mapping[str, Any]
    limit: int
    percentiles: bool


@dataclass(slots=True)
class Figures:
    """What was counted of a group in the interval that begins at `at`, or in all (None). `milliseconds` are its 50th,
    95th and 99th percentile of durations."""

    at: datetime | None
    count: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    priced: int = 0
    unpriced: int = 0
    milliseconds: Sequence[float | None] = (None, None, None)

    def add(self, other: "Figures") -> None:
        """Adds the other's, but for percentiles."""
        self.count += other.count
        self.errors += other.errors
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cost += other.cost
        self.priced += other.priced
        self.unpriced += other.unpriced


@dataclass(slots=True)
class Group:
    """A group: its values of what it is grouped by, its figures over all of the time, and over each interval that has
    some."""

    key: Key
    totals: Figures = field(default_factory=lambda: Figures(None))
    points: list[Figures] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """The groups with the highest counts, the highest first."""

    groups: list[Group]
    has_more: bool


SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
