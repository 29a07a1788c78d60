"""What a run is going to do: the same for each attempt of its job."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from infra import ids
from models import Case, Run

Json = dict[str, Any]

DEFAULTS: Json = {
    "times": 1,
    "concurrency": 10,
    "fail_fast": False,
    "retry_failed": 0,
    "reports": ["json", "junit", "html"],
    "include_drafts": False,
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A case at its place in a run. `rows` is how many of its data rows are executed; a case without any counts one,
    and one of which the data cannot be read, none."""

    position: int
    case_id: UUID
    version: int
    rows: int

    def as_json(self) -> Json:
        """As the run's row keeps it."""
        return {"case_id": ids.show(Case.prefix, self.case_id), "version": self.version, "rows": self.rows}

    @classmethod
    def of_json(cls, position: int, kept: Json) -> Self:
        """As it was kept."""
        return cls(position, UUID(hex=kept["case_id"].partition("_")[2]), kept["version"], kept["rows"])


@dataclass(frozen=True, slots=True)
class Plan:
    """A run in the hands of one attempt of its job.

    `wishes` has a value for each of DEFAULTS. `suite` is the content of the suite, empty without one. `green_at` is
    when the last green run of the same ended, `previous_verdict` that of the run before. `verdict` is there where an
    earlier attempt has ended the run; `is_told`, where everybody has heard of it. `is_over`: an earlier attempt saw the
    first failure, with which the run is to end.
    """

    run_id: UUID
    project_id: UUID
    attempt: int
    store: str
    wishes: Json
    seed: int
    suite_id: UUID | None
    suite: Json
    environment_id: UUID | None
    cases: Sequence[Planned]
    green_at: datetime | None
    previous_verdict: str | None
    started_at: datetime
    verdict: str | None = None
    is_told: bool = False
    is_over: bool = False
    done: int = 0
    finished: frozenset[UUID] = field(default_factory=frozenset)

    @property
    def times(self) -> int:
        """How often each data row is executed."""
        return int(self.wishes["times"])

    @property
    def total(self) -> int:
        """How many executions it has, those that only tell flaky cases left out."""
        return self.times * sum(one.rows for one in self.cases)

    @property
    def public_id(self) -> str:
        """The run's id, as clients see it."""
        return ids.show(Run.prefix, self.run_id)
