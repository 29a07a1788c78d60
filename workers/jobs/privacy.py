"""How much of a job is kept once it has ended: all, hashes, or nothing.

A job that is not kept in full is private. Its input is shown to nobody again, and its result goes to its owner through
Redis alone, for ten minutes; neither is in an answer that is kept, in an event, a file or a log line.
"""

import hashlib
import traceback
from typing import Any
from uuid import UUID

import structlog

from infra import json
from infra.errors import SwitchyardError
from infra.redis import RedisError, client, result_key
from models import Store
from workers.jobs import live

Json = dict[str, Any]

RESULT_SECONDS = 600
# What an error may say of itself beside its class: nothing that a provider has worded.
_SAID = ("provider", "model", "provider_status")
_STRICTNESS = {Store.FULL: 0, Store.HASHES: 1, Store.NONE: 2}

log = structlog.get_logger(__name__)


def stricter(wanted: str | None, at_least: str) -> str:
    """The mode that keeps less; a job may ask for more privacy than its project, never for less."""
    return max(Store(wanted or Store.FULL), Store(at_least), key=lambda mode: _STRICTNESS[mode])


def digest(value: Json) -> Json:
    """`{"sha256": …, "bytes": …}` of the value as compact JSON with sorted keys in UTF-8."""
    body = json.dump_canonical(value)
    return {"sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}


def kept(store: str, value: Json) -> Json | None:
    """What may be stored of an input or a result."""
    match store:
        case Store.FULL:
            return value
        case Store.HASHES:
            return digest(value)
        case _:
            return None


def shown_error(store: str, error: SwitchyardError) -> Json:
    """The error as rows, events and watchers get it; the words of a private job's may quote its input."""
    whole = error.as_json()
    if store == Store.FULL:
        return whole
    general = {"code": error.code, "message": type(error)().detail, "retryable": error.retryable}
    return {**general, **{name: whole[name] for name in _SAID if name in whole}}


def log_crash(store: str, error: Exception, **facts: Any) -> None:
    """Logs what nobody foresaw; of a private job only where it was, since an exception's text may quote its input."""
    if store == Store.FULL:
        log.error("job.crashed", exc_info=error, **facts)
        return
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("job.crashed", exception=type(error).__name__, places=places, **facts)


def hand_over(job_id: UUID, attempt: int, result: Json) -> None:
    """Puts a private job's result where its owner finds it; returns at once, and before what is told after it."""
    body = json.dump_bytes(result)

    def command(pipeline: Any) -> None:
        # By attempt, so that a worker that lost its lease cannot replace the result of the next one.
        pipeline.hset(result_key(job_id), str(attempt), body)
        pipeline.expire(result_key(job_id), RESULT_SECONDS)

    live.broadcaster().put(command)


def handed_over(job_id: UUID, attempt: int) -> Json | None:
    """That result, as long as it is there."""
    try:
        body: Any = client().hget(result_key(job_id), str(attempt))
    except RedisError as error:
        log.warning("privacy.redis_unreachable", error=str(error))
        return None
    found: Json | None = json.loads(body) if body else None
    return found
