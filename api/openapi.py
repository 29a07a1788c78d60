"""GET /v1/openapi.json: the contract as OpenAPI 3.1, made from the same schemas that validate.

It is built from the app's routes at the first request of a process and kept. A view that `endpoint` made says all of
itself in its Spec; the few public ones are described in openapi_operations.py.
"""

import hashlib
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from apispec import APISpec
from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.routing import Rule

from api import docs_page
from api.auth import anonymous
from api.openapi_operations import PUBLIC, Describer, problem_shape
from api.openapi_schemas import Shapes
from infra import json

Json = dict[str, Any]

VERBS = ("get", "post", "put", "patch", "delete")
TAGS = {
    "jobs": "Submit work, watch it, wait for it, cancel it, have it tried again.",
    "batches": "Many jobs in one call: one progress, one end, the results in order.",
    "dead_letters": "Jobs that used up their attempts: see why, queue them again, or discard them.",
    "schedules": "Jobs again and again, at the times a cron expression names.",
    "api_keys": "What programs show instead of a person.",
    "projects": "The tenants; everything belongs to one.",
    "health": "For load balancers, orchestrators and Prometheus. No key needed.",
    "docs": "This document. No key needed.",
}
ABOUT = """Switchyard runs AI jobs: submit one, and poll, wait for, stream or cancel it.

- **Keys.** Send `Authorization: Bearer sy_live_…`. Without a good key the answer is 401, without the scope 403; what
  belongs to another project does not exist (404).
- **Ids** are a prefix, `_` and 32 lowercase hex digits, and sort by time. **Times** are RFC 3339 in UTC.
- **Lists** are walked with `?limit=20&after=<last_id>&order=desc`. Unknown fields and parameters are refused.
- **Idempotency-Key** on a POST: the same request again gets the first answer again, for 24 hours.
- **Errors** are `application/problem+json`; the schema Problem lists every `code`.
"""

bp = Blueprint("docs", __name__)
bp.register_blueprint(docs_page.bp)


@bp.before_request
def _count() -> None:
    g.verdict = anonymous()


@bp.after_request
def _stamp(response: Response) -> Response:
    if "verdict" in g:
        g.verdict.stamp(response)
    return response


@bp.get("/v1/openapi.json")
def openapi_document() -> Response:
    """This document: the whole HTTP contract as OpenAPI 3.1."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if "openapi" not in app.extensions:
        body = json.dump_bytes(document(app))
        app.extensions["openapi"] = body, hashlib.sha256(body).hexdigest()[:32]
    body, etag = app.extensions["openapi"]
    response = Response(body, content_type="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "public, no-cache"
    response.make_conditional(request)
    return response


def document(app: Flask) -> Json:
    """The OpenAPI document of that app."""
    shapes = Shapes()
    spec = APISpec(
        "Switchyard",
        version(),
        "3.1.0",
        info={
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        servers=[{"url": "/", "description": "This installation"}],
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        plugins=[shapes.plugin],
    )
    spec.components.security_scheme(
        "bearer",
        {"type": "http", "scheme": "bearer", "description": "An API key (`sy_live_…`) of a project."},
    )
    spec.components.schema("Problem", problem_shape())
    shapes.add_jobs(spec)
    describer = Describer(shapes)
    for rule in app.url_map.iter_rules():
        _add(spec, describer, rule, app.view_functions[rule.endpoint])
    return spec.to_dict()


def _add(spec: APISpec, describer: Describer, rule: Rule, view: Any) -> None:
    name = rule.endpoint.rpartition(".")[2]
    for verb in VERBS:
        if verb.upper() not in (rule.methods or ()):
            continue
        if hasattr(view, "spec"):
            described = describer.endpoint(rule, verb, view.spec)
        elif name in PUBLIC:
            described = describer.public(name, view.__doc__ or "")
        else:
            continue
        tag = rule.endpoint.partition(".")[0]
        spec.path(path_of(rule), operations={verb: {"operationId": name, "tags": [tag], **described}})


def path_of(rule: Rule) -> str:
    """`/v1/jobs/<job_id>` as OpenAPI writes it."""
    return rule.rule.replace("<", "{").replace(">", "}")


def version() -> str:
    """Ours: of the installed package, or of the tree that the process was started in."""
    try:
        return metadata.version("switchyard")
    except metadata.PackageNotFoundError:
        project = Path(__file__).parents[1] / "pyproject.toml"
        found: str = tomllib.loads(project.read_text())["project"]["version"] if project.exists() else "0"
        return found
