"""The process's event loop for clients that wait: one thread, one Redis reader, any number of connections.

A watcher is told of its job's events as they are published; every few seconds, and after Redis was away, it looks into
PostgreSQL itself, so that a lost wake-up costs seconds and never an event.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

import structlog

from infra import json, signals
from infra.process import PerProcess
from infra.redis import RedisError, async_client, live_channel

Json = dict[str, Any]
T = TypeVar("T")

# How long a watcher trusts Redis before it looks itself; while Redis is away it looks often.
NET_SECONDS = 7.5
NET_SECONDS_WITHOUT_REDIS = 1.0
GATHERED_AT_MOST = 2_000
READERS = 4
DRAIN_SECONDS = 3.0

log = structlog.get_logger(__name__)


class Watch:
    """What one connection has not seen yet of its job."""

    def __init__(self, patience: Callable[[], float]) -> None:
        self._patience = patience
        self._events: deque[Json] = deque()
        self._wake = asyncio.Event()

    def tell(self, event: Json | None) -> None:
        """A new event; None means "look for yourself". A watcher that is far behind has to look, too."""
        if event is None or len(self._events) >= GATHERED_AT_MOST:
            self._events.clear()
        else:
            self._events.append(event)
        self._wake.set()

    async def next(self, at_most: float = NET_SECONDS) -> Json | None:
        """The next event as it was published, or None when it is time to look."""
        if not self._events:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), min(at_most, self._patience()))
            except TimeoutError:
                return None
        return self._events.popleft() if self._events else None


class Hub:
    """The loop, its Redis reader and its watchers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.closing = False
        self._watches: dict[str, set[Watch]] = {}
        self._signals: dict[bytes, list[Callable[[], None]]] = {}
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="hub-reader")
        self._pubsub: Any = None
        self._subscribing = asyncio.Lock()
        self._work: set[asyncio.Task[Any]] = set()
        threading.Thread(target=self._serve, name="hub", daemon=True).start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._work.add(self.loop.create_task(self._listen()))
        self.loop.run_forever()

    def start(self, work: Any) -> None:
        """Runs a coroutine on the loop, from any thread, without waiting for it."""
        self.loop.call_soon_threadsafe(self._keep, work)

    def _keep(self, work: Any) -> None:
        task = self.loop.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def result(self, work: Any) -> Any:
        """Runs a coroutine on the loop and waits for its result, from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def read(self, function: Callable[[], T]) -> T:
        """Runs a blocking read (PostgreSQL, storage) beside the loop."""
        return await self.loop.run_in_executor(self._readers, function)

    @asynccontextmanager
    async def watch(self, job_id: UUID) -> AsyncIterator[Watch]:
        """A watch on that job; what happens from here on is told."""
        channel = live_channel(job_id)
        watch = Watch(lambda: NET_SECONDS if self.connected else NET_SECONDS_WITHOUT_REDIS)
        first = channel not in self._watches
        self._watches.setdefault(channel, set()).add(watch)
        if first:
            await self._subscription("subscribe", channel)
        try:
            yield watch
        finally:
            self._watches[channel].discard(watch)
            if not self._watches[channel]:
                del self._watches[channel]
                await self._subscription("unsubscribe", channel)

    async def _subscription(self, verb: str, channel: str) -> None:
        try:
            async with self._subscribing:
                if self._pubsub is not None:
                    await getattr(self._pubsub, verb)(channel)
        except (RedisError, OSError):
            log.warning("hub.redis_unreachable")

    async def _listen(self) -> None:
        while True:
            try:
                async with async_client() as redis, redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    # Whoever begins to watch meanwhile waits for the lock, and subscribes then.
                    async with self._subscribing:
                        await pubsub.subscribe(signals.CHANNEL, *self._watches)
                        self._pubsub = pubsub
                    self._signal(signals.KEYS_CHANGED)
                    self._tell_all()
                    async for message in pubsub.listen():
                        self._tell(message)
            except (RedisError, OSError) as error:
                log.warning("hub.redis_unreachable", error=str(error))
            except Exception:
                log.exception("hub.listener_failed")
            self._pubsub = None
            await asyncio.sleep(1.0)

    def on_signal(self, notice: bytes, callback: Callable[[], None]) -> None:
        """Has `callback` called, on the loop, at that notice, and whenever notices may have been missed."""
        self._signals.setdefault(notice, []).append(callback)

    def _signal(self, notice: bytes) -> None:
        for callback in self._signals.get(notice, ()):
            callback()

    @property
    def connected(self) -> bool:
        """Whether notices arrive at this moment."""
        return self._pubsub is not None

    def _tell(self, message: Json) -> None:
        if message["channel"] == signals.CHANNEL.encode():
            self._signal(signals.heard(message["data"]))
            self._readers.submit(signals.confirm, message["data"])
            return
        watches = self._watches.get(message["channel"].decode())
        if watches and message["type"] == "message":
            event = json.loads(message["data"])
            for watch in watches:
                watch.tell(event)

    def _tell_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.tell(None)

    def close(self) -> None:
        """Has every connection end soon, with what there is to say; their clients come back elsewhere."""
        self.closing = True
        self.loop.call_soon_threadsafe(self._tell_all)

    def drain(self) -> None:
        """Waits a moment until they have ended."""
        give_up_at = time.monotonic() + DRAIN_SECONDS
        while len(self._work) > 1 and time.monotonic() < give_up_at:
            time.sleep(0.02)


hub = PerProcess(Hub)
