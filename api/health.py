"""Is the process up, can it work, and how is it doing."""

import time
from typing import Any

from flask import Blueprint, Response, current_app
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from infra import broker, db, json, metrics, schema
from workers.jobs import queries

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> dict[str, str]:
    """The process is up; asks nobody."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> Response:
    """Database, migrations and broker, each with its own state; 503 if one is missing."""
    checks = {**_database(), "broker": _broker()}
    ok = all(check["status"] == "ok" for check in checks.values())
    body = {"status": "ok" if ok else "unavailable", "checks": checks}
    return Response(json.dump_bytes(body), 200 if ok else 503, content_type="application/json")


@bp.get("/metrics")
def prometheus() -> Response:
    """Prometheus' text format: this API's requests, and the queues as PostgreSQL has them."""
    gauges: list[Any] = []
    try:
        with db.transaction() as session:
            gauges = [tuple(row) for row in session.execute(queries.QUEUES)]
    except SQLAlchemyError:
        current_app.logger.warning("metrics without the queues: the database does not answer")
    return Response(metrics.exposition(gauges), content_type=metrics.CONTENT_TYPE)


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


def _broker() -> dict[str, Any]:
    started = time.perf_counter()
    try:
        with broker.connection() as link:
            link.ensure_connection(max_retries=1, timeout=1.0)
    except (BrokerError, OSError) as error:
        return {"status": "unavailable", "detail": str(error)}
    return {"status": "ok", "milliseconds": _since(started)}


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
