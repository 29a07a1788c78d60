"""One operation of the OpenAPI document: its parameters, its headers, and every answer it may give."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from werkzeug.routing import Rule

from api.body import may_be_left_out
from api.endpoint import Spec
from api.openapi_paths import path_parameter
from api.openapi_schemas import Shapes
from infra.errors import ProviderError, SwitchyardError, TimedOut, WorkerLost
from models import InboxMessage, InboxStatus, Job
from schemas.job import JobIn
from schemas.project_events import CURSOR
from workers.kinds import KINDS

Json = dict[str, Any]

PROBLEM_JSON = "application/problem+json"
# What the HTTP server answers, and no class of ours.
OF_THE_SERVER = frozenset({HTTPStatus.REQUEST_TIMEOUT.value, HTTPStatus.NOT_IMPLEMENTED.value})
STREAM = "text/event-stream"
# What a job ends with, never a request.
ONLY_OF_JOBS = (ProviderError, TimedOut, WorkerLost)


def _header(description: str, kind: str = "string", *, always: bool = False, **more: Any) -> Json:
    return {"description": description, "schema": {"type": kind, **more}, **({"required": True} if always else {})}


REQUEST_ID = {"X-Request-Id": _header("The request's id: the one that was sent, or a new one.", always=True)}
ALLOWANCE = {
    "RateLimit-Policy": _header('The plan: `"default";q=<requests>;w=<seconds>`.', always=True),
    "RateLimit": _header('What is left of it: `"default";r=<requests>;t=<seconds>`.', always=True),
}
RETRY_AFTER = {"Retry-After": _header("Seconds to wait.", "integer", always=True, minimum=1)}
LOCATION = {"Location": _header("Where the new object is.", always=True)}
REPLAYED = {"Idempotent-Replayed": _header("`true`: the first answer to this Idempotency-Key, again.", const="true")}
ETAG = {"ETag": _header("For If-None-Match.", always=True)}


def _request_header(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


SEND_REQUEST_ID = _request_header(
    "X-Request-Id", "Your id for this request, 8 to 128 of `A-Za-z0-9._:-`; another is replaced by ours."
)
SEND_KEY = _request_header(
    "Idempotency-Key",
    "Makes repeating the request harmless; 1 to 255 visible ASCII characters, yours, new for each new request.",
    pattern="^[!-~]{1,255}$",
)
SEND_PREFER = _request_header("Prefer", "`wait=30` does what `?wait=30` does; other preferences are ignored.")
SEND_LAST_EVENT = _request_header(
    "Last-Event-ID", "The sequence number of the last event seen; the stream goes on after it.", pattern="^[0-9]{1,9}$"
)
SEND_CURSOR = _request_header(
    "Last-Event-ID", "The `id` of the last event seen; the stream goes on behind it, as with `after`.", pattern=CURSOR
)

SEND_RANGE = _request_header("Range", "`bytes=0-1023`: only these bytes; with `If-Range`, only of the file it names.")
SEND_TAGS = _request_header("If-None-Match", "ETags of what you have; 304 means that one of them is still right.")
BYTES: Json = {"*/*": {"schema": {"type": "string", "format": "binary"}}}


def tree(root: type[SwitchyardError] = SwitchyardError) -> Iterator[type[SwitchyardError]]:
    """Every class of the error tree, parents first."""
    yield root
    for child in root.__subclasses__():
        if child.__module__.startswith("infra.errors."):
            yield from tree(child)


def problem_shape() -> Json:
    """The body of every failure, with a table of the codes."""
    table = "\n".join(f"| `{one.code}` | {one.status} | {(one.__doc__ or '').strip()} |" for one in tree())
    codes = f"Stable; for programs.\n\n| code | status | means |\n| --- | --- | --- |\n{table}\n"
    where = {"pointer": {"type": "string"}, "detail": {"type": "string"}}
    return {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": {"type": "string", "examples": ["urn:switchyard:problem:unknown_kind"]},
            "title": {"type": "string", "description": "The status in words."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "A sentence for people."},
            "code": {"type": "string", "pattern": "^[a-z_]+$", "description": codes},
            "request_id": {"type": "string", "description": "Finds the request in the logs."},
            "errors": {
                "type": "array",
                "description": "Where in the request: JSON pointers into the body, `/<name>` for parameters.",
                "items": {"type": "object", "required": [*where], "properties": where, "additionalProperties": False},
            },
        },
        "additionalProperties": False,
    }


def _problem(status: int) -> Json:
    codes = [one for one in tree() if one.status == status and not issubclass(one, ONLY_OF_JOBS)]
    lines = [f"- `{one.code}`: {(one.__doc__ or '').strip()}" for one in codes]
    waits = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    return {
        "description": "\n".join([HTTPStatus(status).phrase + ".", *lines]),
        "headers": REQUEST_ID | (RETRY_AFTER if waits else {}),
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def problem_answers() -> Json:
    """The answer of each status that a failure has, by the name that operations have it under."""
    statuses = {one.status for one in tree()} | OF_THE_SERVER
    return {f"Problem{status}": _problem(status) for status in sorted(statuses)}


def problems(*statuses: int) -> Json:
    """The problem answers of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(set(statuses))}


def words(docstring: str) -> Json:
    """A docstring's first sentence as the summary, the whole as the description."""
    lines = [line.strip() for line in docstring.strip().splitlines()]
    paragraph = " ".join(lines).partition("  ")[0]
    return {
        "summary": paragraph.partition(". ")[0].rstrip(".").replace("`", ""),
        **({"description": "\n".join(lines)} if lines[1:] else {}),
    }


@dataclass(frozen=True, slots=True)
class Public:
    """A view that is no endpoint: its content types by status, whether it is counted against the address, and kept by
    clients; the bodies it takes and the problems they may have; the scope that it asks of a key, if it does."""

    content: Mapping[int, Mapping[str, Json]]
    counted: bool = True
    kept: bool = True
    takes: Mapping[str, Json] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    query: tuple[Json, ...] = ()
    scope: str | None = None


TEXT: Json = {"schema": {"type": "string"}}
_CHECK = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "status": {"type": "string"},
        "detail": {"type": "string"},
        "milliseconds": {"type": "number"},
        "revision": {"type": ["string", "null"]},
    },
}
READY: Json = {
    "schema": {
        "type": "object",
        "required": ["status", "checks"],
        "properties": {
            "status": {"type": "string", "enum": ["ok", "unavailable"]},
            "checks": {
                "type": "object",
                "required": ["database", "migrations", "broker"],
                "properties": dict.fromkeys(("database", "migrations", "broker"), _CHECK),
            },
        },
    }
}
HEALTH: Json = {
    "schema": {"type": "object", "required": ["status"], "properties": {"status": {"type": "string", "const": "ok"}}}
}
RECEIVED: Json = {
    "schema": {
        "type": "object",
        "required": ["object", "id", "status", "job_id"],
        "properties": {
            "object": {"type": "string", "const": "inbox_message"},
            "id": {"type": ["string", "null"], "pattern": f"^{InboxMessage.prefix}_[0-9a-f]{{32}}$"},
            "status": {"type": "string", "enum": [*InboxStatus, "ignored"]},
            "job_id": {"type": ["string", "null"], "pattern": f"^{Job.prefix}_[0-9a-f]{{32}}$"},
        },
    }
}
# In JSON; int64 is text there. Absent: all were accepted.
_PARTIAL = {"rejectedSpans": {"type": "string", "pattern": "^[0-9]+$"}, "errorMessage": {"type": "string"}}
SPANS_RECEIVED: Json = {
    "schema": {"type": "object", "properties": {"partialSuccess": {"type": "object", "properties": _PARTIAL}}}
}
SPANS: Json = {"schema": {"type": "object", "properties": {"resourceSpans": {"type": ["array", "null"]}}}}
PROTOBUF: Json = {"schema": {"type": "string", "format": "binary"}}
FORM_PAYLOAD: Json = {
    "schema": {"type": "object", "required": ["payload"], "properties": {"payload": {"type": "string"}}}
}


def _in_link(name: str) -> Json:
    return {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}


PUBLIC = {
    "health": Public({200: {"application/json": HEALTH}}, counted=False),
    "ready": Public({200: {"application/json": READY}, 503: {"application/json": READY}}, counted=False),
    "prometheus": Public({200: {"text/plain": TEXT}}, counted=False),
    "openapi_document": Public({200: {"application/json": {"schema": {"type": "object"}}}}),
    "asyncapi_document": Public({200: {"application/json": {"schema": {"type": "object"}}}}),
    "docs_page": Public({200: {"text/html": TEXT}}),
    "open_socket": Public(
        {200: {"text/plain": TEXT}, 400: {"text/plain": TEXT}}, counted=False, errors=(408, 413, 501)
    ),
    "send_to_socket": Public(
        {200: {"text/plain": TEXT}, 400: {"text/plain": TEXT}},
        counted=False,
        takes={"text/plain": TEXT},
        errors=(408, 413, 501),
    ),
    "get_signed_file": Public(
        {200: BYTES, 206: BYTES},
        query=(_in_link("expires"), _in_link("signature"), SEND_RANGE),
        errors=(403, 404, 416, 503),
    ),
    "get_badge": Public({200: {"image/svg+xml": TEXT}}, query=(_in_link("token"),), errors=(404, 503)),
    "receive_spans": Public(
        {200: {"application/json": SPANS_RECEIVED, "application/x-protobuf": PROTOBUF}},
        kept=False,
        takes={"application/json": SPANS, "application/x-protobuf": PROTOBUF},
        errors=(400, 401, 403, 408, 413, 415, 503),
        scope="traces:write",
    ),
    "receive_event": Public(
        {200: {"application/json": RECEIVED}, 202: {"application/json": RECEIVED}},
        kept=False,
        takes={"application/json": {"schema": {}}, "application/x-www-form-urlencoded": FORM_PAYLOAD},
        errors=(400, 401, 404, 408, 413, 415, 422, 503),
    ),
}


class Describer:
    """Operations from Specs."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def endpoint(self, rule: Rule, verb: str, spec: Spec) -> Json:
        """An operation that `endpoint` made."""
        creates = verb == "post"
        operation = {
            **words(spec.summary),
            "security": [{"bearer": [spec.scope]}],
            "parameters": self._parameters(rule, spec, creates),
            "responses": self._success(spec, creates, ends=bool(rule.arguments))
            | problems(*_failures(rule, verb, spec)),
        }
        if spec.body:
            content = {"schema": self._shapes.ref(spec.body), **_examples(spec)}
            required = not may_be_left_out(spec.body())
            operation["requestBody"] = {"required": required, "content": {"application/json": content, **spec.takes}}
        elif spec.takes:
            operation["requestBody"] = {"required": True, "content": dict(spec.takes)}
        return operation

    def public(self, rule: Rule, name: str, docstring: str) -> Json:
        """An operation that is no endpoint's."""
        view = PUBLIC[name]
        headers = REQUEST_ID | (ALLOWANCE if view.counted else {}) | (ETAG if view.counted and view.kept else {})
        responses: Json = {
            str(status): {"description": HTTPStatus(status).phrase + ".", "headers": headers, "content": dict(content)}
            for status, content in view.content.items()
        }
        if view.counted and view.kept:
            responses["304"] = {"description": "Not Modified.", "headers": headers}
        responses |= problems(500, *view.errors, *((429,) if view.counted else ()))
        security = [{"bearer": [view.scope]}] if view.scope else []
        parameters = [*(path_parameter(rule, one) for one in sorted(rule.arguments)), *view.query, SEND_REQUEST_ID]
        body = {"requestBody": {"required": True, "content": dict(view.takes)}} if view.takes else {}
        return {**words(docstring), "security": security, "parameters": parameters, **body, "responses": responses}

    def _parameters(self, rule: Rule, spec: Spec, creates: bool) -> list[Json]:
        found = [path_parameter(rule, name) for name in sorted(rule.arguments)]
        query = self._shapes.query(spec.query) if spec.query else []
        found += [*query, SEND_REQUEST_ID]
        if creates:
            found.append(SEND_KEY)
        if any(one["name"] == "wait" for one in query):
            found.append(SEND_PREFER)
        if STREAM in spec.also:
            found.append(SEND_LAST_EVENT if rule.arguments else SEND_CURSOR)
        if spec.bytes_of_file:
            found.append(SEND_RANGE)
        if _conditional(spec):
            found.append(SEND_TAGS)
        return found

    def _success(self, spec: Spec, creates: bool, *, ends: bool) -> Json:
        if spec.bytes_of_file:
            return _bytes_of_file(REQUEST_ID | ALLOWANCE, spec.also)
        plain = REQUEST_ID | ALLOWANCE | (REPLAYED if creates else {}) | (ETAG if _conditional(spec) else {})
        headers = plain
        if spec.status in (201, 202) and spec.returns and "id" in spec.returns().fields:
            headers = headers | LOCATION
        content: Json = {}
        if spec.returns:
            content["application/json"] = {"schema": self._shapes.ref(spec.returns, page=spec.page)}
        answers: Json = {str(spec.status): {"description": HTTPStatus(spec.status).phrase + ".", "headers": headers}}
        for media_type, said in spec.also.items():
            content[media_type] = {"schema": {"type": "string", "description": said} if isinstance(said, str) else said}
        if content:
            answers[str(spec.status)]["content"] = content
        for status, other in spec.or_else.items():
            described = {"content": {"application/json": {"schema": self._shapes.ref(other)}}} if other else {}
            answers[str(status)] = {"description": HTTPStatus(status).phrase + ".", "headers": plain, **described}
        if STREAM in spec.also:
            content[STREAM] |= {
                "example": SSE_EXAMPLE if ends else SSE_EXAMPLE.replace("id: 7", f"id: {CURSOR_EXAMPLE}")
            }
        if ends and any(isinstance(said, str) for said in spec.also.values()):
            answers["204"] = {"description": "Nothing follows any more; do not come back.", "headers": headers}
        return answers


def _conditional(spec: Spec) -> bool:
    return HTTPStatus.NOT_MODIFIED in spec.or_else


def _bytes_of_file(headers: Json, types: Mapping[str, str]) -> Json:
    """The answers of api/downloads.py; of any media type, or of these."""
    headers = headers | ETAG
    whole = {
        name: {"schema": {"description": text} | ({} if name == "application/json" else {"type": "string"})}
        for name, text in types.items()
    }
    part = headers | {"Content-Range": _header("Which bytes these are, of how many.", always=True)}
    return {
        "200": {"description": "OK.", "headers": headers, "content": whole or BYTES},
        "206": {"description": "Partial Content.", "headers": part, "content": BYTES},
        "304": {"description": "Not Modified.", "headers": headers},
    }


SSE_EXAMPLE = (
    'retry: 1000\n\nid: 7\nevent: job.succeeded\ndata: {"id":"evt_…","type":"job.succeeded","sequence":7,…}\n\n'
)
CURSOR_EXAMPLE = "98765.7.01980a4e1f7a7c3e9d3b5f6a7c8d9e0f"


def _failures(rule: Rule, verb: str, spec: Spec) -> Iterator[int]:
    """What may go wrong with any endpoint, with a body, with an Idempotency-Key, and with this one."""
    yield from (401, 403, 422, 429, 500, 503)
    yield from spec.errors
    if spec.bytes_of_file:
        yield 416
    if rule.arguments:
        yield 404
    if verb == "post":
        yield from (408, 409, 413)
    if spec.body or spec.takes:
        yield from (400, 408, 413, 415)


def _examples(spec: Spec) -> Json:
    """An example a kind, where jobs are made."""
    if spec.body is not JobIn:
        return {}
    shown = {kind.name: {"summary": kind.title, "value": {"kind": kind.name, "input": kind.example}} for kind in KINDS}
    return {"examples": shown}
