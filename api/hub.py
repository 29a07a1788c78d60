"""The process's event loop for clients that wait: one thread, one Redis reader, any number of connections.

A watcher is told of its job's events as they are published. Every few seconds, and after Redis was away, one look into
PostgreSQL for all of them finds who has missed something, so that a lost wake-up costs seconds and never an event.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from functools import partial
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from infra import db, json, signals
from infra.process import PerProcess
from infra.redis import RedisError, async_client, live_channel
from workers.jobs import events

Json = dict[str, Any]
T = TypeVar("T")

TICK_SECONDS = 1.0
# How long Redis is trusted before somebody looks into PostgreSQL; while Redis is away that is done often.
NET_SECONDS = 7.0
NET_SECONDS_WITHOUT_REDIS = 1.0
IDS_A_LOOK = 1_000
GATHERED_AT_MOST = 2_000
READERS = 4
DRAIN_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Watch:
    """What one connection has not seen yet of its job. `seen` is the highest number that it need not look for."""

    __slots__ = ("_events", "_look", "_waiter", "seen")

    def __init__(self) -> None:
        self.seen = 0
        self._events: deque[Json] | None = None
        self._look = False
        self._waiter: asyncio.Future[None] | None = None

    def tell(self, event: Json | None) -> None:
        """A new event; None means "look for yourself". A watcher that is far behind has to look, too."""
        if event is None or (self._events is not None and len(self._events) >= GATHERED_AT_MOST):
            self._events, self._look = None, True
        else:
            self._events = self._events or deque()
            self._events.append(event)
            self.seen = max(self.seen, event["sequence"])
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self, at_most: float | None = None) -> Json | None:
        """The next event as it was published, or None when it is time to look: now, or after `at_most` seconds."""
        if not self._look and not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await (self._waiter if at_most is None else asyncio.wait_for(self._waiter, at_most))
            except TimeoutError:
                return None
            finally:
                self._waiter = None
        if self._look or not self._events:
            self._look = False
            return None
        event = self._events.popleft()
        # An empty deque costs more than all the rest of an idle watch.
        self._events = self._events or None
        return event


class Hub:
    """The loop, its Redis reader, and who watches what."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.closing = False
        self.open: set[Any] = set()
        self._watches: dict[UUID, set[Watch]] = {}
        self._channels: dict[str, Callable[[bytes], None]] = {}
        self._signals: dict[bytes, list[Callable[[], None]]] = {}
        self._ticks: list[Callable[[], None]] = []
        self._nets: list[Callable[[bool], Any]] = [self._look]
        self._closers: list[Callable[[], None]] = [self._tell_all]
        self._looked_at = 0.0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="hub-reader")
        self._pubsub: Any = None
        self._subscribing = asyncio.Lock()
        self._work: set[asyncio.Task[Any]] = set()
        self._always: set[asyncio.Task[Any]] = set()
        threading.Thread(target=self._serve, name="hub", daemon=True).start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.always(self._listen())
        self.always(self._tick())
        self.loop.run_forever()

    def start(self, work: Any) -> None:
        """Runs a coroutine on the loop, from any thread, without waiting for it; the process's end waits for it."""
        # Without the caller's context: it would keep the whole HTTP request for as long as the work takes.
        self.loop.call_soon_threadsafe(self._keep, work, self._work, context=Context())

    def always(self, work: Any) -> asyncio.Task[Any]:
        """Runs a coroutine on the loop that nobody waits for; to be called there."""
        return self._keep(work, self._always)

    def _keep(self, work: Any, among: set[asyncio.Task[Any]]) -> asyncio.Task[Any]:
        task = self.loop.create_task(work)
        among.add(task)
        task.add_done_callback(among.discard)
        return task

    def result(self, work: Any) -> Any:
        """Runs a coroutine on the loop and waits for its result, from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def read(self, function: Callable[[], T]) -> T:
        """Runs a blocking read (PostgreSQL, storage) beside the loop."""
        return await self.loop.run_in_executor(self._readers, function)

    @asynccontextmanager
    async def watch(self, job_id: UUID) -> AsyncIterator[Watch]:
        """A watch on that job; what happens from here on is told."""
        watch = Watch()
        watches = self._watches.setdefault(job_id, set())
        watches.add(watch)
        try:
            if len(watches) == 1:
                await self.listen(live_channel(job_id), partial(self._tell, watches))
            else:
                async with self._subscribing:  # behind whoever came first, and subscribes
                    pass
            yield watch
        finally:
            watches.discard(watch)
            if not watches and self._watches.get(job_id) is watches:
                del self._watches[job_id]
                await self.leave(live_channel(job_id))

    def _tell(self, watches: set[Watch], message: bytes) -> None:
        event = json.loads(message)
        for watch in watches:
            watch.tell(event)

    async def listen(self, channel: str, heard: Callable[[bytes], None]) -> None:
        """Has `heard` called with every message on that channel, until `leave`."""
        self._channels[channel] = heard
        await self._subscription("subscribe", channel)

    async def leave(self, channel: str) -> None:
        """Ends that."""
        self._channels.pop(channel, None)
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
                    # Whoever begins to listen meanwhile waits for the lock, and subscribes then.
                    async with self._subscribing:
                        await pubsub.subscribe(signals.CHANNEL, *self._channels)
                        self._pubsub = pubsub
                    self._signal(signals.KEYS_CHANGED)
                    self._cast(live=True)
                    async for message in pubsub.listen():
                        self._hear(message)
            except (RedisError, OSError) as error:
                log.warning("hub.redis_unreachable", error=str(error))
            except Exception:
                log.exception("hub.listener_failed")
            self._pubsub = None
            await asyncio.sleep(1.0)

    def on_signal(self, notice: bytes, callback: Callable[[], None]) -> None:
        """Has `callback` called, on the loop, at that notice, and whenever notices may have been missed."""
        self._signals.setdefault(notice, []).append(callback)

    def on_tick(self, callback: Callable[[], None]) -> None:
        """Has `callback` called, on the loop, every second: one timer for all connections."""
        self._ticks.append(callback)

    def on_net(self, look: Callable[[bool], Any]) -> None:
        """Has the coroutine `look` run every few seconds, and, with True, after messages may have been missed."""
        self._nets.append(look)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Has `callback` called, on the loop, when every connection is to end."""
        self._closers.append(callback)

    def _signal(self, notice: bytes) -> None:
        for callback in self._signals.get(notice, ()):
            callback()

    @property
    def connected(self) -> bool:
        """Whether notices arrive at this moment."""
        return self._pubsub is not None

    def _hear(self, message: Json) -> None:
        if message["channel"] == signals.CHANNEL.encode():
            self._signal(signals.heard(message["data"]))
            self._readers.submit(signals.confirm, message["data"])
            return
        heard = self._channels.get(message["channel"].decode())
        if heard is not None and message["type"] == "message":
            heard(message["data"])

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            net = NET_SECONDS if self.connected else NET_SECONDS_WITHOUT_REDIS
            if self.loop.time() - self._looked_at >= net:
                self._cast(live=False)
            for callback in self._ticks:
                try:
                    callback()
                except Exception:
                    log.exception("hub.tick_failed")

    def _cast(self, *, live: bool) -> None:
        self._looked_at = self.loop.time()
        for look in self._nets:
            self.always(self._safely(look(live)))

    async def _safely(self, look: Any) -> None:
        try:
            await look
        except SQLAlchemyError as error:
            log.warning("hub.database_unreachable", error=str(error).splitlines()[0])
        except Exception:
            log.exception("hub.look_failed")

    async def _look(self, live: bool) -> None:
        """Tells those watchers to look whose job has events that they were not told of."""
        ids = iter(list(self._watches))
        while chunk := list(islice(ids, IDS_A_LOOK)):
            for job_id, newest in (await self.read(partial(_newest, chunk, live))).items():
                for watch in self._watches.get(job_id, ()):
                    if watch.seen < newest:
                        watch.seen = newest
                        watch.tell(None)

    def _tell_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.tell(None)

    def close(self) -> None:
        """Has every connection end soon, with what there is to say; their clients come back elsewhere."""
        self.closing = True
        self.loop.call_soon_threadsafe(self._close)

    def _close(self) -> None:
        for callback in self._closers:
            callback()

    def drain(self) -> None:
        """Waits a moment until they have ended."""
        give_up_at = time.monotonic() + DRAIN_SECONDS
        # Not before the loop has come to what it was told: until then nothing seems to be open.
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self.loop).result(DRAIN_SECONDS)
        while (self._work or self.open) and time.monotonic() < give_up_at:
            time.sleep(0.02)


def _newest(job_ids: list[UUID], live: bool) -> dict[UUID, int]:
    with db.transaction() as session:
        return events.newest(session, job_ids, live=live)


hub = PerProcess(Hub)
