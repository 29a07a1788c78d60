"""A request that a span tells of, as a step that does it again.

Secrets in headers, addresses and bodies become `{{secret.…}}`. What was observed is what is expected: the status, and
within some time. Where the body of the answer is known, it is given beside the step, for `volatile.py`.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from infra import json
from infra.http import METHODS, OURS
from schemas.assertion import OPERATION
from schemas.templated import LONGEST_VALUE
from workers.suites.generating.otlp import number
from workers.suites.steps.templates import escaped
from workers.traces.base import Stored
from workers.traces.showing import shown_id

Json = dict[str, Any]

SLOWER = 3.0
SHORTEST_MS, LONGEST_MS = 50.0, 300_000.0
SECRET = re.compile(
    r".*(authorization|cookie|token|secret|passw|api[-_]?key|signature|session|credential|jwt|csrf).*|sig|auth|key|code",
    re.I,
)
REDACTED = ("redacted", "[redacted]", "***", "****", "*****", "(secret)")
_METHOD = ("http.request.method", "http.method")
_STATUS = ("http.response.status_code", "http.status_code")
_ANSWER = ("http.response.body", "http.response.body.content", "http.response_body", "response.body")
_BODY = ("http.request.body", "http.request.body.content", "http.request_body", "request.body")
_HEADER = "http.request.header."
_NOT_SENT = {*OURS, "user-agent", "accept-encoding", "traceparent", "tracestate", "baggage", "x-request-id",
             "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"}  # fmt: skip
# `:id`, `<int:id>`, `[id]` and `*` of web frameworks, as OpenAPI has them.
_ROUTE = re.compile(r":(\w+)|<(?:\w+:)?(\w+)>|\[(?:\.\.\.)?(\w+)\]")


@dataclass(slots=True)
class Observed:
    """A step, the span that it is of, where that called, and what was answered (None: not known)."""

    step: Json
    of: Stored
    origin: str
    answer: Any


def is_http(one: Stored) -> bool:
    """Whether it is a request over HTTP, sent or received."""
    return isinstance(first(one, *_METHOD), str)


def first(one: Stored, *names: str) -> Any:
    """The value of the first of these attributes that there is."""
    given = one.attributes
    return next((given[name] for name in names if given.get(name) not in (None, "")), None)


def observed(one: Stored) -> Observed | str:
    """The request that a span tells of; or why it cannot be sent again."""
    method = str(first(one, *_METHOD)).upper()
    if method not in METHODS:
        method = str(one.attributes.get("http.request.method_original") or "").upper()
    if method not in METHODS:
        return f"Span {shown_id(one.span_id)} is left out: {first(one, *_METHOD)} requests are not sent from here."
    place = _place(one)
    if place is None:
        return f"Span {shown_id(one.span_id)} is left out: it does not say which address was called."
    headers = _headers(one)
    route = one.attributes.get("http.route")
    operation = f"{method} {_ROUTE.sub(lambda found: f'{{{found[1] or found[2] or found[3]}}}', str(route))}"
    asserted = _assertions(one)
    origin = place.pop("origin")
    step = {
        "kind": "http",
        "method": method,
        **place,
        **({"headers": headers} if headers else {}),
        **_body(one),
        **({"operation": operation} if route and OPERATION.fullmatch(operation) else {}),
        **({"assert": asserted} if asserted else {}),
    }
    return Observed(step, one, origin, _read(first(one, *_ANSWER)))


def status_of(one: Stored) -> int | None:
    """The status that came."""
    status = number(first(one, *_STATUS))
    return status if status is not None and 100 <= status <= 599 else None


def _place(one: Stored) -> Json | None:
    """The URL and its query. `origin` is where it was called, if the span says so."""
    whole = first(one, "url.full", "http.url")
    path = first(one, "url.path", "http.target")
    try:
        parts = urlsplit(str(whole if whole is not None else path or ""))
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if whole is None and path is None:
        return None
    origin = ""
    if whole is not None and parts.scheme.lower() in ("http", "https") and host:
        shown = f"[{host}]" if ":" in host else host
        origin = f"{parts.scheme.lower()}://{shown}{f':{port}' if port else ''}"
    elif whole is not None:
        return None
    queried = parts.query or str(first(one, "url.query") or "").removeprefix("?")
    query: Json = {}
    for name, value in parse_qsl(queried, keep_blank_values=True, max_num_fields=None)[:200]:
        said = _hidden(name, value)
        before = query.get(name)
        query[name] = said if before is None else [*(before if isinstance(before, list) else [before]), said]
    address = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return {"url": f"{origin}{escaped(address)}", "origin": origin, **({"query": query} if query else {})}


def _hidden(name: str, value: str) -> str:
    """The value, or the place of a secret that an environment has."""
    if SECRET.fullmatch(name) or value.strip().lower() in REDACTED:
        return f"{{{{secret.{_named(name)}}}}}"
    return escaped(value)


def _named(name: str) -> str:
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())[:60] or "secret"
    return f"_{plain}" if plain[0].isdigit() else plain


def _headers(one: Stored) -> dict[str, str]:
    found = {}
    for name, value in one.attributes.items():
        header = name.removeprefix(_HEADER).replace("_", "-").lower() if name.startswith(_HEADER) else ""
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if header in _NOT_SENT or not isinstance(text, str) or not re.fullmatch(r"[\t -~]*", text):
            continue
        if re.fullmatch(r"[a-z0-9-]{1,200}", header):
            found[header] = _hidden(header, text[:LONGEST_VALUE])
    return found


def _body(one: Stored) -> Json:
    said = first(one, *_BODY)
    if isinstance(said, dict | list):
        return {"body": _without_secrets(said)}
    if not isinstance(said, str):
        return {}
    try:
        return {"body": _without_secrets(json.read(said))}
    except ValueError:
        return {"text": escaped(said)}


def _without_secrets(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner, name) for inner in value]
    return _hidden(name, value) if isinstance(value, str) else value


def _assertions(one: Stored) -> list[Json]:
    found: list[Json] = []
    status = status_of(one)
    if status is not None:
        found.append({"type": "status", "expected": status})
    if one.duration_us > 0:
        most = min(LONGEST_MS, max(SHORTEST_MS, round(one.duration_us / 1000 * SLOWER, 1)))
        found.append({"type": "latency", "max_ms": most, "severity": "warn"})
    return found


def _read(said: Any) -> Any:
    """A body as JSON, where it is that."""
    if not isinstance(said, str):
        return said
    try:
        return json.read(said)
    except ValueError:
        return None
