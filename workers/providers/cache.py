"""Answers kept for the same question of the same project. Opt-in, exact, in Redis; without Redis nothing is kept."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import orjson
import structlog

from infra import redis

Json = dict[str, Any]

TTL_SECONDS = 3600
LARGEST_BYTES = 1024 * 1024
# What does not change the answer.
_IGNORED = frozenset(("cache", "stream", "user", "fallback_models", "model"))

_log = structlog.get_logger(__name__)


def key(project_id: UUID, models: list[str], payload: Json) -> str:
    """Where the answer to this request is kept; `models` are the resolved names, fallbacks included."""
    asked = {name: value for name, value in payload.items() if name not in _IGNORED}
    digest = hashlib.sha256(orjson.dumps([models, asked], option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"sy:answers:{project_id.hex}:{digest}"


def ttl(setting: bool | Json | None) -> int:
    """Seconds to keep an answer for, from the request's `cache`; 0 is not at all."""
    if isinstance(setting, dict):
        return int(setting.get("ttl_seconds", TTL_SECONDS))
    return TTL_SECONDS if setting else 0


async def get(where: str) -> Json | None:
    """The kept answer, if there is one."""
    try:
        found: Any = await asyncio.to_thread(redis.client().get, where)
    except redis.RedisError as error:
        _log.warning("answers.redis_down", error=str(error))
        return None
    kept: Json | None = orjson.loads(found) if found else None
    return kept


async def put(where: str, answer: Json, seconds: int) -> None:
    """Keeps an answer; a very large one is not worth the memory."""
    data = orjson.dumps(answer)
    if len(data) > LARGEST_BYTES:
        return
    try:
        await asyncio.to_thread(redis.client().set, where, data, ex=seconds)
    except redis.RedisError as error:
        _log.warning("answers.redis_down", error=str(error))
