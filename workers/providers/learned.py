"""What was learned of vendors' limits, kept in PostgreSQL: where pace.py begins when Redis is empty.

Nothing here raises for a database that does not answer: a pace must never be the thing that breaks.
"""

from collections.abc import Mapping
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from infra import db, ids
from infra.clock import now

REQUESTS, TOKENS = "requests", "tokens"
APART_SECONDS = 60.0

# Lane → when it may be kept again, and the limits that were kept last.
_kept: dict[tuple[str, str], tuple[float, dict[str, float]]] = {}
_log = structlog.get_logger(__name__)

# Ids sort by time, so the last minute is a short range of the primary key.
_USED = """(SELECT count(*) AS requests, coalesce(sum(input_tokens + output_tokens), 0) AS tokens
FROM usage WHERE id >= :since AND provider = :provider AND model = :model)"""
USED = text(f"SELECT used.requests FROM {_USED} used")
LOAD = text(f"""
SELECT l.requests_per_minute, l.tokens_per_minute, used.requests, used.tokens
FROM provider_limits l CROSS JOIN {_USED} used WHERE l.provider = :provider AND l.model = :model
""")
SAVE = text("""
INSERT INTO provider_limits (provider, model, requests_per_minute, tokens_per_minute, learned_at)
VALUES (:provider, :model, :requests, :tokens, now())
ON CONFLICT (provider, model) DO UPDATE SET requests_per_minute = excluded.requests_per_minute,
  tokens_per_minute = excluded.tokens_per_minute, learned_at = excluded.learned_at
""")


def used_in_a_minute(provider: str, model: str) -> int:
    """Calls that all processes finished in the last sixty seconds."""
    rows = _ask(USED, provider, model)
    return int(rows[0].requests) if rows else 0


def load(provider: str, model: str) -> dict[str, tuple[int, int]] | None:
    """(limit a minute, used in the last minute) of requests and of tokens, where known; None without a database."""
    rows = _ask(LOAD, provider, model)
    if rows is None:
        return None
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.requests_per_minute:
            found[REQUESTS] = (row.requests_per_minute, int(row.requests))
        if row.tokens_per_minute:
            found[TOKENS] = (row.tokens_per_minute, int(row.tokens))
    return found


def keep(provider: str, model: str, found: Mapping[str, tuple[float, float]]) -> None:
    """Keeps (limit, what comes back in a second) of requests and of tokens: at most once a minute, and if changed."""
    at, kept = _kept.get((provider, model), (0.0, {}))
    limits = {name: limit for name, (limit, _) in found.items()}
    if not limits or limits == kept or monotonic() < at:
        return
    _kept[provider, model] = (monotonic() + APART_SECONDS, limits)
    # A limit whose period is not a minute is kept as the smaller of the two figures, so that it is not overdrawn.
    a_minute = {name: max(1, round(min(limit, rate * 60))) for name, (limit, rate) in found.items()}
    _ask(SAVE, provider, model, requests=a_minute.get(REQUESTS), tokens=a_minute.get(TOKENS))


def forget_everything() -> None:
    """This process does not know what it kept, as after its start."""
    _kept.clear()


def _ask(statement: Any, provider: str, model: str, **values: Any) -> list[Any] | None:
    since = ids.lowest_id_at(now() - timedelta(minutes=1))
    try:
        with db.transaction() as session:
            result: Any = session.execute(statement, {"provider": provider, "model": model, "since": since, **values})
            return list(result) if result.returns_rows else []
    except SQLAlchemyError as error:
        _log.warning("learned.database_unreachable", error=str(error).splitlines()[0])
        return None
