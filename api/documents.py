"""Documents that are made from the code once a process, and served to anybody."""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, request

from infra import json

Json = dict[str, Any]


def serve(name: str, make: Callable[[Flask], Json]) -> Response:
    """The document, made at the first request of a process and kept; 304 to whoever has it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if name not in app.extensions:
        body = json.dump_bytes(make(app))
        app.extensions[name] = body, hashlib.sha256(body).hexdigest()[:32]
    body, etag = app.extensions[name]
    response = Response(body, content_type="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "public, no-cache"
    response.make_conditional(request)
    return response
