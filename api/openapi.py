"""GET /v1/openapi.json: the contract as OpenAPI 3.1, made from the same schemas that validate.

It is built from the app's routes at the first request of a process and kept. A view that `endpoint` made says all of
itself in its Spec; the few public ones are described in openapi_operations.py.
"""

import re
from typing import Any

from apispec import APISpec
from flask import Blueprint, Flask, Response, g
from werkzeug.routing import Rule

from api import asyncapi, docs_page, documents, event_shapes
from api.auth import anonymous
from api.openapi_operations import PUBLIC, Describer, problem_answers, problem_shape
from api.openapi_schemas import Shapes
from api.openapi_webhooks import webhooks
from infra.version import version

Json = dict[str, Any]

VERBS = ("get", "post", "put", "patch", "delete")
TAGS = {
    "jobs": "Submit work, watch it, wait for it, cancel it, have it tried again.",
    "batches": "Many jobs in one call: one progress, one end, the results in order.",
    "dead_letters": "Jobs that used up their attempts: see why, queue them again, or discard them.",
    "events": "Everything that happens in a project: listed, or followed as it comes.",
    "event_types": "What can happen, as streams, lists and webhooks tell it.",
    "files": "Upload, download, link and delete files; jobs read them and leave them.",
    "knowledge": "Knowledge bases: drafts of entries, versions built from them, reviews, saved queries, search.",
    "suites": "Test cases, suites and environments; runs of them, what came of them, and their reports.",
    "traces": "What programs did, as OpenTelemetry tells it: received, listed, added up, deleted, exported.",
    "features": "What users of a product do, found in its traces: which, what changed, why, and which tests to rerun.",
    "schedules": "Jobs again and again, at the times a cron expression names.",
    "webhook_endpoints": "Where events are sent, signed: which types, where to, with which secret.",
    "webhook_deliveries": "Every event that was sent, or is to be, with all attempts; sent again on request.",
    "hooks": "Addresses at which outside events start jobs, and the inbox of what came.",
    "otlp": "Where programs send their traces: OTLP over HTTP, for stock OpenTelemetry exporters.",
    "receiving": "Where senders send those events. No key needed: they are signed.",
    "sockets": "Socket.IO: the same events over WebSocket, for stock `socket.io` clients.",
    "api_keys": "What programs show instead of a person.",
    "projects": "The tenants; everything belongs to one.",
    "health": "For load balancers, orchestrators and Prometheus. No key needed.",
    "docs": "This document, and the one about events. No key needed.",
}
ABOUT = """Switchyard runs AI jobs: submit one, and poll, wait for, stream or cancel it.

- **Keys.** Send `Authorization: Bearer sy_live_…`. Without a good key the answer is 401, without the scope 403; what
  belongs to another project does not exist (404).
- **Ids** are a prefix, `_` and 32 lowercase hex digits, and sort by time. **Times** are RFC 3339 in UTC.
- **Lists** are walked with `?limit=20&after=<last_id>&order=desc`. Unknown fields and parameters are refused.
- **Idempotency-Key** on a POST: the same request again gets the first answer again, for 24 hours.
- **Events**: `/v1/event_types` lists all types; [AsyncAPI](/v1/asyncapi.json) describes streams and webhooks.
- **Errors** are `application/problem+json`; the schema Problem lists every `code`.
"""

bp = Blueprint("docs", __name__)
bp.register_blueprint(docs_page.bp)
bp.register_blueprint(asyncapi.bp)


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
    return documents.serve("openapi", document)


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
    for name, answer in problem_answers().items():
        spec.components.response(name, answer)
    shapes.be_exact()
    shapes.add_jobs(spec)
    event_shapes.add_events(spec, shapes)
    describer = Describer(shapes)
    for rule in app.url_map.iter_rules():
        _add(spec, describer, rule, app.view_functions[rule.endpoint])
    spec.options["webhooks"] = webhooks(shapes)
    return spec.to_dict()


def _add(spec: APISpec, describer: Describer, rule: Rule, view: Any) -> None:
    name = rule.endpoint.rpartition(".")[2]
    for verb in VERBS:
        if verb.upper() not in (rule.methods or ()):
            continue
        if hasattr(view, "spec"):
            described = describer.endpoint(rule, verb, view.spec)
        elif name in PUBLIC:
            described = describer.public(rule, name, view.__doc__ or "")
        else:
            continue
        tag = rule.endpoint.partition(".")[0]
        spec.path(path_of(rule), operations={verb: {"operationId": name, "tags": [tag], **described}})


def path_of(rule: Rule) -> str:
    """`/v1/jobs/<job_id>` as OpenAPI writes it; what may stand there is said with the parameter."""
    return re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
