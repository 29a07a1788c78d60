"""/docs: the contract to read and try, with Swagger UI's own files from our own origin (wheel flask-swagger-ui)."""

import hashlib
from importlib import metadata, resources
from pathlib import Path

from flask import Blueprint, Response, abort, request

VIEWER = "flask_swagger_ui"
# Only these of the wheel are needed; nothing else of it is reachable.
FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
SCRIPT = """SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  requestSnippetsEnabled: true,
});
"""
STYLE = "body { margin: 0; background: #fafafa; }\n"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Switchyard API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png?{version}">
<link rel="stylesheet" href="/docs/swagger-ui.css?{version}">
<link rel="stylesheet" href="/docs/page.css?{version}">
</head>
<body>
<div id="viewer">
<noscript>This page needs JavaScript; the contract itself is <a href="/v1/openapi.json">here</a>.</noscript>
</div>
<script src="/docs/swagger-ui-bundle.js?{version}"></script>
<script src="/docs/page.js?{version}"></script>
</body>
</html>
"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
A_DAY = "public, max-age=86400"

bp = Blueprint("page", __name__, url_prefix="/docs")


@bp.get("")
def docs_page() -> Response:
    """The contract to read and try in a browser."""
    return _answer(PAGE.format(version=_version()).encode(), "text/html; charset=utf-8", "public, no-cache")


@bp.get("/<name>")
def docs_file(name: str) -> Response:
    """A file of the page."""
    if name == "page.js":
        return _answer(SCRIPT.encode(), FILES["swagger-ui-bundle.js"], A_DAY)
    if name == "page.css":
        return _answer(STYLE.encode(), FILES["swagger-ui.css"], A_DAY)
    if name not in FILES:
        abort(404)
    return _answer((_folder() / name).read_bytes(), FILES[name], A_DAY)


def _answer(body: bytes, content_type: str, cache: str) -> Response:
    response = Response(body, content_type=content_type)
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = cache
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.make_conditional(request)
    return response


def _folder() -> Path:
    return Path(str(resources.files(VIEWER) / "dist"))


def _version() -> str:
    return metadata.version(VIEWER)
