"""Can this process work: the database, its tables, the broker."""

import time
from typing import Any

import structlog
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from infra import broker, db, schema
from workers.jobs.queries import DEAD_LETTERS, DEAD_LETTERS_COUNTED, QUEUES
from workers.kinds import BY_NAME

Check = dict[str, Any]

log = structlog.get_logger(__name__)


def checks() -> dict[str, Check]:
    """Each part with its own `status`: ok, or what is wrong."""
    return {**_database(), "broker": broker_check()}


def queues() -> list[tuple[str, str, int, float]]:
    """(queue, status, jobs, age of the oldest in seconds) of all jobs that are not final; none without a database."""
    try:
        with db.transaction() as session:
            return [(row.queue, row.status, row.jobs, row.oldest) for row in session.execute(QUEUES)]
    except SQLAlchemyError as error:
        log.warning("readiness.database_unreachable", error=str(error).splitlines()[0])
        return []


def dead_letters() -> dict[str, int]:
    """Dead letters of all projects by kind, counted to ten thousand in all; none without a database."""
    try:
        with db.transaction() as session:
            found = session.execute(DEAD_LETTERS, {"at_most": DEAD_LETTERS_COUNTED})
            return dict.fromkeys(BY_NAME, 0) | {row.kind: row.jobs for row in found}
    except SQLAlchemyError as error:
        log.warning("readiness.database_unreachable", error=str(error).splitlines()[0])
        return {}


def _database() -> dict[str, dict[str, Any]]:
    started = time.perf_counter()
    try:
        with db.transaction() as session:
            session.execute(text("SELECT 1"))
            revision = schema.current(session.connection())
    except SQLAlchemyError as error:
        broken = {"status": "unavailable", "detail": str(getattr(error, "orig", error)).splitlines()[0]}
        return {"database": broken, "migrations": {"status": "unknown"}}
    migrations = {"status": "ok" if revision == schema.newest() else "outdated", "revision": revision}
    return {"database": {"status": "ok", "milliseconds": _since(started)}, "migrations": migrations}


def broker_check() -> Check:
    """Whether the broker answers, and in how many milliseconds."""
    started = time.perf_counter()
    try:
        with broker.connection() as link:
            link.ensure_connection(max_retries=0)
    except BrokerError as error:
        return {"status": "unavailable", "detail": str(error)}
    return {"status": "ok", "milliseconds": _since(started)}


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
