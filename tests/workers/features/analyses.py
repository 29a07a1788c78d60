"""Analyses run by the test itself, as a job would."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from tests.workers.features.seen import call, request, tool
from tests.workers.jobs.conftest import Core
from tests.workers.traces.sending import send
from workers.features import analysing
from workers.providers.base import ProviderUsage
from workers.traces.base import Span

Json = dict[str, Any]
SYSTEM = "You are the assistant of a garden shop. Answer in two sentences at most."
# What users ask for, by the tool that does it.
ASKED = {
    "get_order_status": (["where is my order {n}", "has order {n} been shipped?"], "Order {n} is on its way."),
    "start_refund": (["I want a refund for {n}", "my money back for {n} please"], "The money is back soon."),
    "search_plant_guide": (["how often do ferns want water", "do roses like sun"], "Water it once a week."),
}


class Killed(Exception):
    """The process ended."""


@dataclass
class Ctx:
    """What a job has of its core; with `dies_at` its process ends at that sign of life."""

    project_id: UUID
    job_id: UUID = field(default_factory=uuid4)
    attempt: int = 1
    request_id: str | None = None
    store: str = "full"
    max_cost: Decimal | None = None
    spent: Decimal = Decimal(0)
    dies_at: int = 1_000
    signs: int = 0

    def checkpoint(self) -> None:
        """Ends the process at its time."""
        self.signs += 1
        if self.signs >= self.dies_at:
            raise Killed

    async def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        """Told to nobody."""

    def partial(self, result: Json) -> None:
        """Kept by nobody."""

    def used(self, usage: ProviderUsage) -> None:
        """Counted by nobody."""

    def delta(self, data: Json) -> None:
        """Streamed to nobody."""


def analyse(project: UUID, wish: Json | None = None, **ctx: Any) -> Json:
    """An analysis; without a wish of all traces."""
    return asyncio.run(
        analysing.analyse(Ctx(project, **ctx), wish or {"since": datetime.fromisoformat("1970-01-01T00:00Z")})
    )


def asked(core: Core, project: UUID, name: str, count: int, *, first: int = 0, system: str = SYSTEM) -> list[UUID]:
    """Traces of users who asked for what that tool does; their ids."""
    return [trace_of(core, project, name, first + number, system=system) for number in range(count)]


def trace_of(core: Core, project: UUID, name: str, number: int, *, system: str = SYSTEM) -> UUID:
    """One of them."""
    spans = spans_of(name, number, system=system)
    send(core, spans, project=project)
    return UUID(bytes=spans[0].trace_id)


def spans_of(name: str, number: int, *, system: str = SYSTEM) -> list[Span]:
    """Its spans, the root first."""
    phrases, answer = ASKED[name]
    said = phrases[number % len(phrases)].format(n=1000 + number)
    root = request("POST", "/chat", route="/chat")
    return [
        root,
        call(root, said, system=system),
        tool(root, name),
        call(root, said, answer.format(n=1000 + number), system=system),
    ]


def plain(core: Core, project: UUID, method: str, path: str, count: int, **more: Any) -> list[UUID]:
    """Traces of plain requests; their ids."""
    roots = [request(method, path.format(n=number), **more) for number in range(count)]
    for root in roots:
        send(core, [root], project=project)
    return [UUID(bytes=root.trace_id) for root in roots]


def features(core: Core, project: UUID) -> dict[str, Any]:
    """The project's features by their names."""
    rows = core.sql("SELECT * FROM features WHERE project_id = :project ORDER BY id", project=project)
    return {row.name: row for row in rows}


def feature_of(core: Core, trace: UUID) -> UUID | None:
    """A trace's feature."""
    found: UUID | None = core.sql("SELECT feature_id FROM traces WHERE id = :id", id=trace)[0].feature_id
    return found
