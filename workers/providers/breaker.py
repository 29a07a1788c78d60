"""A circuit breaker per provider and model, shared by all processes through Redis.

Five failures within a minute open it for 20 seconds; then calls pass again, and the next failure opens it at once, the
next success forgets everything. Without Redis it stays closed: a breaker must never be the thing that breaks.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog

from infra import redis
from infra.clock import now
from infra.errors import ProviderError, ProviderTimeout, ProviderUnavailable

KEY = "sy:breaker:"
OPEN = "sy:breakers:open"
FAILURES = 5
WINDOW_SECONDS = 60
OPEN_SECONDS = 20
# A look at Redis costs a thread hop and 0.2 ms: once a second and model is enough, and less often while it is down.
FRESH_SECONDS = 1.0
REDIS_DOWN_SECONDS = 10.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _State:
    """What this process knows: when it must look again, until when the breaker is open, whether it has ever failed."""

    look_at: float = 0.0
    open_until: float = 0.0
    failures: int = 0


_states: dict[tuple[str, str], _State] = {}


async def require_closed(provider: str, model: str) -> None:
    """Raises ProviderUnavailable, with the time to wait, while the breaker of this model is open."""
    state = _states.get((provider, model))
    if state is None:
        state = _states[provider, model] = _State()
    time = monotonic()
    if time >= state.look_at:
        state.look_at = time + FRESH_SECONDS  # set first: one caller looks, the others use what is known
        await _ask(state, _look, provider, model)
    wait = state.open_until - monotonic()
    if wait > 0:
        raise ProviderUnavailable(
            f"{provider}/{model} failed repeatedly and is not called for {wait:.0f} s",
            retry_after=wait,
            provider=provider,
            model=model,
            circuit="open",
        )


async def succeeded(provider: str, model: str) -> None:
    """Forgets the failures; free where there were none."""
    state = _states.get((provider, model))
    if state is not None and state.failures:
        state.failures, state.open_until = 0, 0.0
        await _ask(state, _forget, provider, model)


async def failed(provider: str, model: str, error: ProviderError) -> None:
    """Counts a failure that speaks of the provider's health; a refused request does not."""
    if not isinstance(error, (ProviderUnavailable, ProviderTimeout)) or "circuit" in error.context:
        return
    state = _states.setdefault((provider, model), _State())
    state.failures += 1
    await _ask(state, _count, provider, model)


def opened() -> dict[str, datetime]:
    """The models that no process calls now, as provider/model, and until when; asks Redis, raises RedisError."""
    found: Any = redis.client().zrangebyscore(OPEN, now().timestamp(), "+inf", withscores=True)
    names = {key.decode().removeprefix(KEY).replace(":", "/", 1): until for key, until in found}
    return {name: datetime.fromtimestamp(until, UTC) for name, until in names.items()}


def forget_everything() -> None:
    """This process knows nothing any more, as after its start."""
    _states.clear()


async def _ask(state: _State, question: Any, provider: str, model: str) -> None:
    try:
        failures, open_seconds = await asyncio.to_thread(question, f"{KEY}{provider}:{model}")
    except redis.RedisError as error:
        state.look_at = monotonic() + REDIS_DOWN_SECONDS
        _log.warning("breaker.redis_down", error=str(error))
        return
    state.failures = failures
    state.open_until = monotonic() + open_seconds if open_seconds > 0 else 0.0


def _look(key: str) -> tuple[int, float]:
    pipeline: Any = redis.client().pipeline(transaction=False)
    failures, milliseconds = pipeline.get(key).pttl(f"{key}:open").execute()
    return int(failures or 0), milliseconds / 1000


def _count(key: str) -> tuple[int, float]:
    pipeline: Any = redis.client().pipeline()
    failures = pipeline.incr(key).expire(key, WINDOW_SECONDS).execute()[0]
    if failures < FAILURES:
        return failures, 0.0
    until = now().timestamp() + OPEN_SECONDS
    pipeline = redis.client().pipeline(transaction=False)
    pipeline.set(f"{key}:open", 1, ex=OPEN_SECONDS).zadd(OPEN, {key: until}).expire(OPEN, OPEN_SECONDS).execute()
    return failures, float(OPEN_SECONDS)


def _forget(key: str) -> tuple[int, float]:
    pipeline: Any = redis.client().pipeline(transaction=False)
    pipeline.delete(key, f"{key}:open").zrem(OPEN, key).execute()
    return 0, 0.0
