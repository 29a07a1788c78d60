"""Sending webhooks: one event loop a worker process has hundreds of attempts on their way at once.

`hint()` says that deliveries may be due; the dispatcher claims what may leave and hands it to the loop; what an attempt
came to goes back to the dispatcher. Who is killed on the way leaves leases, and others send again what was not written.
"""

import asyncio
import threading
from collections.abc import Iterable
from uuid import UUID

import structlog

from infra import metrics
from infra.http import GuardedClient
from workers.webhooks import outcomes
from workers.webhooks.attempt import Parcel, Said, attempt
from workers.webhooks.dispatching import Dispatcher
from workers.webhooks.lanes import IN_ALL

WRITE_AT_END_SECONDS = 10.0

log = structlog.get_logger(__name__)


class Sender:
    """The webhooks of one worker process; `in_child` where that process is a child of Celery's."""

    def __init__(self, *, in_child: bool = False) -> None:
        self.in_child = in_child
        # How many go to one host is bounded by lanes.
        self._client = GuardedClient(connections=IN_ALL, connections_per_host=0)
        self._attempts: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webhooks", daemon=True)
        self._dispatcher = Dispatcher(self._packed)

    def start(self) -> None:
        """Begins to send what is due."""
        self._thread.start()
        self._dispatcher.start()
        log.info("webhooks.started")

    def hint(self, delivery_ids: Iterable[UUID]) -> None:
        """These may be due; returns at once."""
        self._dispatcher.hint(delivery_ids)

    def stop_claiming(self) -> None:
        """Takes no new deliveries from now on."""
        self._dispatcher.stop_claiming()

    def stop(self, grace_seconds: float) -> None:
        """Lets attempts end within the grace time, hands the rest back, and ends."""
        self.stop_claiming()
        self._dispatcher.settle()
        asyncio.run_coroutine_threadsafe(self._drain(grace_seconds), self._loop).result()
        self._dispatcher.close(WRITE_AT_END_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        if not self._loop.is_running():
            self._loop.close()

    async def _drain(self, grace_seconds: float) -> None:
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=grace_seconds)
        for one in self._attempts:
            one.cancel()
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=1.0)
        await self._client.close()

    def _packed(self, parcels: list[Parcel]) -> None:
        self._loop.call_soon_threadsafe(self._begin, parcels)

    def _begin(self, parcels: list[Parcel]) -> None:
        for one in parcels:
            task = self._loop.create_task(self._send(one))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

    async def _send(self, parcel: Parcel) -> None:
        try:
            said = await attempt(self._client, parcel)
        except asyncio.CancelledError:
            self._dispatcher.post(outcomes.handed_back(parcel.claimed), len(parcel.body))
            return
        _measure(parcel, said)
        self._dispatcher.post(outcomes.after(parcel, said), len(parcel.body))


def _measure(parcel: Parcel, said: Said) -> None:
    if said.milliseconds is not None:
        metrics.webhook_seconds.observe(said.milliseconds / 1000)
    if parcel.claimed.attempt == 1 and parcel.claimed.created_at is not None:
        metrics.webhook_delay_seconds.observe(max(0.0, (said.at - parcel.claimed.created_at).total_seconds()))
