"""How much may flow in: spans of a project a minute, over all processes; bytes that a process holds at once.

Spans are counted by the virtual scheduling of GCRA, with one number a project in Redis: the moment at which what it has
sent would have been allowed at an even pace. It may be ahead of that by a burst. Nothing is cut by the minute, so the
wait that a refusal names is short and true: a stock exporter waits it out, and gives up after ten seconds in all.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from infra.errors import RateLimited, Unavailable
from infra.redis import RedisError, client

BURST_SECONDS = 5.0
WITHOUT_REDIS_SECONDS = 5.0
MOST_PROJECTS = 10_000

# KEYS: the project's. ARGV: seconds that the new spans are worth, seconds of burst. Returns the seconds to wait, as
# text. What goes beyond the burst is taken whole and paid for by those who come next: a batch cannot be sent by halves.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
if due - now >= tonumber(ARGV[2]) then return tostring(due - now - ARGV[2]) end
due = due + ARGV[1]
redis.call('SET', KEYS[1], string.format('%.6f', due), 'EX', math.ceil(due - now) + 1)
return '-1'
"""

log = structlog.get_logger(__name__)


class Flow:
    """Spans of projects."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._full_until: dict[str, float] = {}
        self._lock = threading.Lock()
        self._without_redis_until = 0.0

    def take(self, project: str, count: int, per_minute: int) -> None:
        """Counts so many spans of that project; raises RateLimited with the time to wait, and then counts nothing."""
        wait = self._wait(project, count * 60 / per_minute)
        if wait > 0:
            if len(self._full_until) > MOST_PROJECTS:
                self._full_until.clear()
            self._full_until[project] = time.monotonic() + wait
            self.refuse_if_full(project, per_minute)

    def refuse_if_full(self, project: str, per_minute: int) -> None:
        """Raises RateLimited where `take` would, as far as this process knows: what will be refused anyway need not be
        read."""
        wait = self._full_until.get(project, 0.0) - time.monotonic()
        if wait > 0:
            seconds = max(1, math.ceil(wait))
            raise RateLimited(
                f"More than {per_minute} spans a minute come from this project; send these again in {seconds} seconds.",
                retry_after=float(seconds),
            )

    def _wait(self, project: str, worth: float) -> float:
        if time.monotonic() >= self._without_redis_until:
            try:
                return float(client().eval(_TAKE, 1, f"sy:spans:{project}", worth, BURST_SECONDS))
            except RedisError as error:
                log.warning("flow.redis_unreachable", error=str(error))
                self._without_redis_until = time.monotonic() + WITHOUT_REDIS_SECONDS
        return self._wait_alone(project, worth)

    def _wait_alone(self, project: str, worth: float) -> float:
        """The same for this process alone."""
        now = time.monotonic()
        with self._lock:
            if len(self._due) > MOST_PROJECTS:
                self._due = {one: due for one, due in self._due.items() if due > now}
            due = max(now, self._due.get(project, 0.0))
            if due - now >= BURST_SECONDS:
                return due - now - BURST_SECONDS
            self._due[project] = due + worth
            return -1.0


class Room:
    """A process's room for bodies that are being worked on. One alone is always let in."""

    def __init__(self, at_most: int) -> None:
        self._at_most, self._held = at_most, 0
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, size: int) -> Iterator["Held"]:
        """Room for a body of that size, until the end of the block; raises Unavailable if there is none."""
        held = Held(self)
        try:
            held.more(size)
            yield held
        finally:
            self.give_back(held.size)

    def take(self, size: int, own: int) -> None:
        """So many bytes for one who has `own`."""
        with self._lock:
            if self._held > own and self._held + size > self._at_most:
                raise Unavailable("Too much is being received at once; send this again in a moment.", retry_after=1.0)
            self._held += size

    def give_back(self, size: int) -> None:
        """They are free again."""
        with self._lock:
            self._held -= size


class Held:
    """What one request holds."""

    def __init__(self, room: Room) -> None:
        self._room, self.size = room, 0

    def more(self, size: int) -> None:
        """So many bytes more."""
        self._room.take(size, self.size)
        self.size += size


flow = Flow()
