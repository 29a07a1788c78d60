"""Short notices between processes over Redis, for what they keep in memory. Lost ones cost the time that it is kept."""

import time
from uuid import uuid4

import structlog

from infra.redis import RedisError, client

CHANNEL = "sy:signals"
KEYS_CHANGED = b"keys_changed"
HEARD_WITHIN_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.002

log = structlog.get_logger(__name__)


def send(notice: bytes) -> None:
    """Tells every listening process, and returns when all have heard it (or after a second)."""
    answers = f"sy:heard:{uuid4().hex}"
    try:
        listeners = client().publish(CHANNEL, notice + b" " + answers.encode())
        give_up_at = time.monotonic() + HEARD_WITHIN_SECONDS
        while int(client().get(answers) or 0) < listeners and time.monotonic() < give_up_at:
            time.sleep(LOOK_AGAIN_SECONDS)
    except RedisError as error:
        log.warning("signals.redis_unreachable", error=str(error))


def heard(message: bytes) -> bytes:
    """The notice in a message; call `confirm` with the message once it is acted on."""
    return message.partition(b" ")[0]


def confirm(message: bytes) -> None:
    """Tells the sender that this process has acted on its notice."""
    answers = message.partition(b" ")[2].decode()
    try:
        with client().pipeline(transaction=False) as pipeline:
            pipeline.incr(answers)
            pipeline.expire(answers, 10)
            pipeline.execute()
    except RedisError as error:
        log.warning("signals.redis_unreachable", error=str(error))
