"""The HTTP door, put together."""

import re
import time

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from api import commands, errors, health, hooks, openapi, otlp, sockets, streams
from api.v1 import BLUEPRINTS
from infra import handoff, ids, logs, metrics
from infra.settings import settings
from workers.traces import own_jobs

WELL_FORMED_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,128}")
QUIET = frozenset({"/health", "/ready", "/metrics"})

log = structlog.get_logger("switchyard.http")


def create_app() -> Flask:
    """The application; reads the settings, opens no connection."""
    logs.setup()
    app = Flask("switchyard", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings().max_body_bytes
    app.url_map.strict_slashes = False
    app.before_request(_begin)
    app.after_request(_end)
    errors.init_app(app)
    for blueprint in (*BLUEPRINTS, hooks.bp, otlp.bp, health.bp, openapi.bp, sockets.bp):
        app.register_blueprint(blueprint)
    commands.init_app(app)
    streams.close_on_exit()
    # Jobs that end here were cancelled.
    handoff.on_exit(lambda: None, lambda: own_jobs.flush(2.0))
    if settings().trusted_proxies:
        hops = settings().trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if WELL_FORMED_REQUEST_ID.fullmatch(given) else ids.show("req", ids.new_id())
    g.started = time.perf_counter()
    if own_jobs.on():
        own_jobs.come_with(request.headers.get("traceparent"))


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "unknown"
    metrics.requests.labels(request.method, route, response.status_code).observe(seconds)
    if request.path not in QUIET:
        log.info(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            milliseconds=round(seconds * 1000, 1),
            request_id=g.request_id,
        )
    return response
