"""Is the process up, can it work, and how is it doing."""

from flask import Blueprint, Response

from infra import json, metrics
from workers import readiness

bp = Blueprint("health", __name__)


@bp.get("/health")
def health() -> dict[str, str]:
    """The process is up; asks nobody."""
    return {"status": "ok"}


@bp.get("/ready")
def ready() -> Response:
    """Database, migrations and broker, each with its own state; 503 if one is missing."""
    checks = readiness.checks()
    ok = all(check["status"] == "ok" for check in checks.values())
    body = {"status": "ok" if ok else "unavailable", "checks": checks}
    return Response(json.dump_bytes(body), 200 if ok else 503, content_type="application/json")


@bp.get("/metrics")
def prometheus() -> Response:
    """Prometheus' text format: this API's requests, the queues and dead letters as PostgreSQL has them."""
    found = metrics.exposition(readiness.queues(), readiness.dead_letters())
    return Response(found, content_type=metrics.CONTENT_TYPE)
