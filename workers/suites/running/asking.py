"""How steps ask models: as the kind `completion` does, as part of the run's job. Calls are counted and paid for by the
job; what the job may cost is for all of them together."""

import asyncio
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from infra.errors import ProviderBusy
from workers.kinds import completion
from workers.providers.base import ProviderUsage

if TYPE_CHECKING:  # the kinds import this
    from workers.kinds.base import Context, Run

Json = dict[str, Any]

A_MOMENT = 0.5


class Asking:
    """The job as one of its steps has it: implements workers.kinds.base.Context. A step tells no progress, streams
    nothing, and leaves no partial result; it is ended by its task being cancelled."""

    def __init__(self, ctx: "Context", ask: "Run" = completion.run) -> None:
        self._ctx, self._ask = ctx, ask
        self._cost = Decimal(0)
        # With a limit on the costs, one call at a time: each knows what the others have cost.
        self._one_at_a_time = asyncio.Lock() if ctx.max_cost is not None else None
        self.job_id: UUID = ctx.job_id
        self.project_id: UUID = ctx.project_id
        self.attempt, self.request_id, self.store = ctx.attempt, ctx.request_id, ctx.store
        self.max_cost = ctx.max_cost

    @property
    def spent(self) -> Decimal:
        """What the job did cost so far."""
        return self._ctx.spent + self._cost

    @spent.setter
    def spent(self, _: Decimal) -> None:
        raise AttributeError("what was spent is counted by used()")

    def delta(self, data: Json) -> None:
        """Nobody watches a step's answer come."""

    async def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        """The run tells its own."""

    def checkpoint(self) -> None:
        """A teardown may ask a model even after the job was cancelled."""

    def used(self, usage: ProviderUsage) -> None:
        """Counts a call."""
        self._cost += usage.cost_usd or 0
        self._ctx.used(usage)

    def partial(self, result: Json) -> None:
        """The run's own result is kept."""

    async def complete(self, payload: Json) -> Json:
        """The result of a completion with that input, when its provider has time for it; raises what the kind
        `completion` raises. The caller limits how long."""
        async with AsyncExitStack() as stack:
            if self._one_at_a_time is not None:
                await stack.enter_async_context(self._one_at_a_time)
            while True:
                try:
                    return await self._ask(self, payload)
                except ProviderBusy as error:
                    await asyncio.sleep(error.retry_after or A_MOMENT)
