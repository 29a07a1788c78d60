"""Short notices between processes over Redis, for what they keep in memory. Lost ones cost the time that it is kept."""

import structlog

from infra.redis import RedisError, client

CHANNEL = "sy:signals"
KEYS_CHANGED = b"keys_changed"

log = structlog.get_logger(__name__)


def send(notice: bytes) -> None:
    """Tells every listening process; returns when Redis has passed it on."""
    try:
        client().publish(CHANNEL, notice)
    except RedisError as error:
        log.warning("signals.redis_unreachable", error=str(error))
