"""What a run asks of the database while that may be away for a moment."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import ParamSpec, TypeVar

import structlog

from infra import db
from infra.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


async def patiently(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What the function returns, in a thread; where the database is away, it is called again for a minute. Its
    transaction must be one that may be tried again."""
    until = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await asyncio.to_thread(function, *args, **options)
        except Exception as error:
            if not db.is_passing(error):
                raise
            if monotonic() > until:
                raise Unavailable("The database did not answer.") from None
            log.warning("testrun.database_unreachable", error=type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)
