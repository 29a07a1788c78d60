"""Which workers listen to which queue, by the sign of life that each gives in Redis every second (live.present).

A process remembers the answer for half a second, and asks a Redis that is away only every few seconds, so that nobody
who polls a job waits for it.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from infra.process import PerProcess
from infra.redis import RedisError, client, workers_key

ALIVE_SECONDS = 5.0
FRESH_SECONDS = 0.5
REDIS_DOWN_SECONDS = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of one queue: those alive, and how long ago the last sign of life was (None: over a minute)."""

    alive: frozenset[str]
    silent_seconds: float | None


@dataclass(slots=True)
class _Known:
    crews: dict[str, tuple[float, Crew]] = field(default_factory=dict)
    redis_at: float = 0.0


_known = PerProcess(_Known)


def crews(queues: Iterable[str]) -> dict[str, Crew] | None:
    """The crew of each of these queues; None while Redis does not answer, so that nobody knows."""
    known, moment = _known(), time.monotonic()
    wanted = set(queues)
    old = [queue for queue in wanted if known.crews.get(queue, (0.0,))[0] < moment]
    if old and moment < known.redis_at:
        return None
    if old:
        try:
            found = ask(old)
        except RedisError as error:
            known.redis_at = time.monotonic() + REDIS_DOWN_SECONDS
            log.warning("presence.redis_unreachable", error=str(error))
            return None
        known.crews.update((queue, (moment + FRESH_SECONDS, crew)) for queue, crew in found.items())
    return {queue: known.crews[queue][1] for queue in wanted}


def ask(queues: Iterable[str]) -> dict[str, Crew]:
    """The same, asked of Redis now; raises RedisError."""
    names = list(queues)
    pipeline: Any = client().pipeline(transaction=False)
    for queue in names:
        pipeline.zrange(workers_key(queue), 0, -1, withscores=True)
    moment = time.time()
    return {queue: _crew(seen, moment) for queue, seen in zip(names, pipeline.execute(), strict=True)}


def _crew(seen: list[tuple[bytes, float]], moment: float) -> Crew:
    alive = frozenset(worker.decode() for worker, at in seen if at > moment - ALIVE_SECONDS)
    return Crew(alive, max(0.0, moment - max(at for _, at in seen)) if seen else None)
