"""Redis: wake-ups, live streams, shared counters. Nothing in it is the only copy of anything.

Keys begin with `sy:`. Needs Redis 6.2 (streams and pub/sub; nothing newer).
"""

from typing import Any
from uuid import UUID

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from infra.process import PerProcess
from infra.settings import settings

__all__ = [
    "SWEPT",
    "RedisError",
    "async_client",
    "client",
    "live_channel",
    "live_key",
    "project_channel",
    "result_key",
    "workers_key",
]

LIMITS: dict[str, Any] = {
    "socket_connect_timeout": 1.0,
    "socket_timeout": 2.0,
    "socket_keepalive": True,
    "health_check_interval": 15,
}


# A connection that is gone is made again once; a server that says nothing would say nothing again.
_RETRY = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))

# This process's client; its pool is thread-safe.
client = PerProcess(lambda: Redis.from_url(settings().redis_url, retry=_RETRY, **LIMITS))


def async_client() -> AsyncRedis:
    """A new client for an event loop that listens; reads wait without limit, the health check finds a dead peer.

    A connection that is gone is an error: one that came back by itself would not say what it missed.
    """
    retry = AsyncRetry(NoBackoff(), 0)
    return AsyncRedis.from_url(settings().redis_url, retry=retry, **{**LIMITS, "socket_timeout": None})


def live_key(job_id: UUID) -> str:
    """The stream that holds a running job's newest events, deltas included."""
    return f"sy:live:{job_id.hex}"


def live_channel(job_id: UUID) -> str:
    """The channel on which a job's events are announced as they happen."""
    return f"sy:job:{job_id.hex}"


def project_channel(project_id: UUID) -> str:
    """The channel on which it is said that a project has new events."""
    return f"sy:project:{project_id.hex}"


def result_key(job_id: UUID) -> str:
    """The hash that holds a private job's result for a while, by attempt."""
    return f"sy:result:{job_id.hex}"


# The Unix time at which a worker last swept the jobs, which beat asks for every second.
SWEPT = "sy:swept"


def workers_key(queue: str) -> str:
    """The sorted set of the workers that listen to that queue, each with the Unix time of its last sign of life."""
    return f"sy:workers:{queue}"
