"""How many requests a caller may make a minute, shared by all processes over Redis.

A process takes allowance in blocks of half a percent of the limit, so a plan of 120,000 a minute asks Redis once in 600
requests, and the 100 a minute of an anonymous address are counted one by one. Headers follow the IETF draft
(RateLimit-Policy, RateLimit). With Redis away every process counts for itself.
"""

import threading
import time
from dataclasses import dataclass

import structlog
from flask import Response

from infra.errors import RateLimited
from infra.redis import RedisError, client

WINDOW_SECONDS = 60
WITHOUT_REDIS_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Window:
    """One caller's current minute in this process: what was taken from Redis and is not used yet."""

    minute: int
    left: int = 0
    taken_by_all: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the headers say."""

    limit: int
    remaining: int
    reset_seconds: int

    def stamp(self, response: Response) -> None:
        """Writes the headers."""
        response.headers["RateLimit-Policy"] = f'"default";q={self.limit};w={WINDOW_SECONDS}'
        response.headers["RateLimit"] = f'"default";r={self.remaining};t={self.reset_seconds}'


class Limiter:
    """Fixed windows of a minute."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._lock = threading.Lock()
        self._without_redis_until = 0.0

    def take(self, caller: str, limit: int) -> Verdict:
        """Counts one request of `caller`; raises RateLimited when the minute's allowance is used up."""
        moment = time.time()
        minute = int(moment // WINDOW_SECONDS)
        reset = WINDOW_SECONDS - int(moment % WINDOW_SECONDS)
        with self._lock:
            window = self._windows.get(caller)
            if window is None or window.minute != minute:
                self._forget_before(minute)
                window = self._windows[caller] = _Window(minute)
            if window.left == 0 and window.taken_by_all < limit:
                self._refill(caller, window, max(1, limit // 200), limit)
            if window.left == 0:
                raise RateLimited(
                    f"More than {limit} requests in a minute; wait {reset} seconds.", retry_after=float(reset)
                )
            window.left -= 1
            return Verdict(limit, max(0, limit - window.taken_by_all) + window.left, reset)

    def _refill(self, caller: str, window: _Window, block: int, limit: int) -> None:
        before = self._shared_before(caller, window, block)
        window.left = max(0, min(block, limit - before))
        window.taken_by_all = before + block

    def _shared_before(self, caller: str, window: _Window, block: int) -> int:
        """How much all processes had taken before this block; this process's own count while Redis is away."""
        if time.monotonic() < self._without_redis_until:
            return window.taken_by_all
        key = f"sy:limit:{caller}:{window.minute}"
        try:
            with client().pipeline(transaction=False) as pipeline:
                pipeline.incrby(key, block)
                pipeline.expire(key, WINDOW_SECONDS * 2)
                return int(pipeline.execute()[0]) - block
        except RedisError as error:
            log.warning("limits.redis_unreachable", error=str(error))
            self._without_redis_until = time.monotonic() + WITHOUT_REDIS_SECONDS
            return window.taken_by_all

    def _forget_before(self, minute: int) -> None:
        if len(self._windows) > 10_000:
            self._windows = {caller: one for caller, one in self._windows.items() if one.minute >= minute}


limiter = Limiter()
