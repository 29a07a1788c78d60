"""What a kind of job is made of.

A kind is one file that ends in `KIND = Kind(...)` and one line in `workers/kinds/__init__.py`. It declares how it is
called, validated, queued, retried and limited; `workers/jobs/run.py` applies all of that, once, for every kind.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from marshmallow import Schema
from sqlalchemy.orm import Session

from workers.providers.base import ProviderUsage

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when a failure that may pass is tried again: full jitter over min(cap, base × 2ⁿ) seconds."""

    attempts: int = 3
    base_seconds: float = 1.0
    cap_seconds: float = 60.0


class Context(Protocol):
    """What a running kind may ask of the job core. All of it is safe to call from the worker's event loop."""

    job_id: UUID
    project_id: UUID
    attempt: int
    request_id: str | None
    store: str
    # US dollars: what the job may cost in all (None: no limit), and what its earlier attempts did cost.
    max_cost: Decimal | None
    spent: Decimal

    def delta(self, data: Json) -> None:
        """Streams a piece of the answer to whoever watches; a no-op cost of a list append, sent in groups."""

    async def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        """Tells how far the job is: a durable `job.progress` event."""

    def checkpoint(self) -> None:
        """Raises if the job was cancelled, is past its deadline, or lost its lease."""

    def used(self, usage: ProviderUsage) -> None:
        """Counts a provider call, also when the job fails afterwards; written with the job's end."""

    def partial(self, result: Json) -> None:
        """Remembers what to keep as the result if the job is cancelled from here on."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one attempt of a job would take. Costs are US dollars, None where a model's price is not known.

    `output_tokens_max` is None where nothing limits the output; `models` are those it may call, as provider/model;
    `assumptions` say in sentences what the figures rest on.
    """

    input_tokens: int
    output_tokens_max: int | None
    cost_low: Decimal | None
    cost_high: Decimal | None
    models: list[str]
    assumptions: list[str]


Run = Callable[[Context, Json], Awaitable[Json]]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of job, as data.

    `payload` and `result` are marshmallow schemas of its input and result; `check` refuses what a schema cannot see
    (raises a SwitchyardError) before the job is accepted; `example` is a valid input, used in docs and tests. `lane`
    says which provider/model an input will call (None: none, or one of several), `priced` whether all that it may call
    have a list price, `estimate` what it would take. `admit` refuses what only the database can tell: an object of the
    project that is not there. `scope` is what the key that submits it must be allowed beside `jobs:write`; several are
    apart by blanks. Jobs of one project with the same `serial` run one after the other. `alias` begins the aliases of
    its jobs' events, such as `kb:build`; without one it is the name with colons.
    """

    name: str
    title: str
    queue: str
    payload: type[Schema]
    result: type[Schema]
    run: Run
    example: Json
    check: Callable[[Json], None] | None = None
    admit: Callable[[Session, UUID, Json], None] | None = None
    scope: Callable[[Json], str | None] | None = None
    serial: Callable[[Json], str | None] | None = None
    lane: Callable[[Json], str | None] | None = None
    priced: Callable[[Json], bool] | None = None
    estimate: Callable[[Json], Estimate] | None = None
    retry: Retry = field(default_factory=Retry)
    timeout_seconds: float = 900.0
    alias: str | None = None


def by_name(kinds: tuple[Kind, ...]) -> Mapping[str, Kind]:
    """The registry; two kinds of one name are a programming error."""
    names = {kind.name: kind for kind in kinds}
    if len(names) != len(kinds):
        raise ValueError("two job kinds have the same name")
    return names
