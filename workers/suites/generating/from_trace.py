"""Test cases from a trace: what was observed, as steps that do it again.

The outermost HTTP spans of a trace are the steps of one case, with the status that came and a bound on the time it
took; each call of a model is a case of its own, whose answer must mean the same. Such a case characterises what the
system did, right or wrong: its tags and description say so. Secrets in headers and addresses become `{{secret.…}}`.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from marshmallow import ValidationError

from infra import json
from infra.http import METHODS, OURS
from schemas.assertion import OPERATION
from schemas.step import MOST_STEPS, CompletionStep
from schemas.templated import LONGEST_VALUE
from workers.suites.generating import otlp, trace_messages
from workers.suites.generating.otlp import Span
from workers.suites.steps.templates import escaped

Json = dict[str, Any]

MOST_CASES = 500
SLOWER = 3.0
SHORTEST_MS, LONGEST_MS = 50.0, 300_000.0
TAGS = ("characterisation", "trace")
SECRET = re.compile(
    r".*(authorization|cookie|token|secret|passw|api[-_]?key|signature|session|credential|jwt|csrf).*|sig|auth|key|code",
    re.I,
)
REDACTED = ("redacted", "[redacted]", "***", "****", "*****", "(secret)")
_COMPLETION = CompletionStep()
_METHOD = ("http.request.method", "http.method")
_STATUS = ("http.response.status_code", "http.status_code")
_BODY = ("http.request.body", "http.request.body.content", "http.request_body", "request.body")
_HEADER = "http.request.header."
_NOT_SENT = {*OURS, "user-agent", "accept-encoding", "traceparent", "tracestate", "baggage", "x-request-id",
             "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"}  # fmt: skip
# `:id`, `<int:id>`, `[id]` and `*` of web frameworks, as OpenAPI has them.
_ROUTE = re.compile(r":(\w+)|<(?:\w+:)?(\w+)>|\[(?:\.\.\.)?(\w+)\]")


def cases_from_trace(trace: Any, *, warnings: list[Json] | None = None) -> list[Json]:
    """Bodies of cases for what a trace did, each once. `trace` is OTLP JSON or a list of spans or observations; what
    became no case is told in `warnings`. Raises BadInput where there are no spans."""
    spans = otlp.read(trace)
    notes = warnings if warnings is not None else []
    by_id = {(span.trace_id, span.span_id): span for span in spans if span.span_id}
    flows: dict[str, list[Span]] = {}
    for span in spans:
        if is_http(span) and not any(map(is_http, _above(span, by_id))):
            flows.setdefault(span.trace_id, []).append(span)
    found = [case for of_trace in flows.values() for case in _flow(of_trace, notes)]
    asking = [span for span in spans if trace_messages.is_completion(span)]
    outer = {(one.trace_id, one.span_id) for span in asking for one in _above(span, by_id)}
    found += [case for span in asking if (span.trace_id, span.span_id) not in outer and (case := _asked(span, notes))]
    once = {json.dump_canonical({**case, "name": "", "description": ""}): case for case in reversed(found)}
    kept = list(reversed(once.values()))
    if len(kept) > MOST_CASES:
        _warn(notes, f"Of {len(kept)} cases the first {MOST_CASES} are kept.")
    return kept[:MOST_CASES]


def is_http(span: Span) -> bool:
    """Whether it is a request over HTTP, sent or received."""
    return isinstance(span.first(*_METHOD), str)


def _above(span: Span, by_id: dict[tuple[str, str], Span]) -> Iterator[Span]:
    """The spans that it is part of, innermost first."""
    seen = {span.span_id}
    parent = by_id.get((span.trace_id, span.parent_id))
    while parent is not None and parent.span_id not in seen:
        seen.add(parent.span_id)
        yield parent
        parent = by_id.get((parent.trace_id, parent.parent_id))


def _warn(notes: list[Json], message: str) -> None:
    notes.append({"pointer": "/trace", "message": message[:500]})


def _flow(spans: list[Span], notes: list[Json]) -> Iterator[Json]:
    """The case of one trace's requests."""
    steps = [step for span in spans if (step := _step(span, notes))]
    if len(steps) > MOST_STEPS:
        _warn(notes, f"Trace {spans[0].trace_id} has {len(steps)} requests; the first {MOST_STEPS} are steps.")
    steps = steps[:MOST_STEPS]
    if not steps:
        return
    origins = {origin for step in steps if (origin := step.pop("origin"))}
    if len(origins) == 1:
        for step in steps:
            step["url"] = step["url"].removeprefix(next(iter(origins))) or "/"
    first = f"{steps[0]['method']} {steps[0]['url']}"
    more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
    where = f" It was at {', '.join(sorted(origins))}." if origins else ""
    operation = steps[0].get("operation")
    yield {
        "name": f"{first}{more}"[:200],
        "description": _about(spans[0]) + where,
        "tags": list(TAGS),
        **({"operation": operation} if operation and len(steps) == 1 else {}),
        "steps": steps,
    }


def _about(span: Span) -> str:
    return (
        f"Characterises trace {span.trace_id or '(without id)'}: it expects what was observed, which nobody has said "
        "to be right."
    )


def _step(span: Span, notes: list[Json]) -> Json | None:
    method = str(span.first(*_METHOD)).upper()
    if method not in METHODS:
        method = str(span.attributes.get("http.request.method_original") or "").upper()
    if method not in METHODS:
        _warn(notes, f"Span {span.span_id} is left out: {span.first(*_METHOD)} requests are not sent from here.")
        return None
    place = _place(span)
    if place is None:
        _warn(notes, f"Span {span.span_id} is left out: it does not say which address was called.")
        return None
    headers = _headers(span)
    route = span.attributes.get("http.route")
    operation = f"{method} {_ROUTE.sub(lambda found: f'{{{found[1] or found[2] or found[3]}}}', str(route))}"
    asserted = _assertions(span)
    return {
        "kind": "http",
        "method": method,
        **place,
        **({"headers": headers} if headers else {}),
        **_body(span),
        **({"operation": operation} if route and OPERATION.fullmatch(operation) else {}),
        **({"assert": asserted} if asserted else {}),
    }


def _place(span: Span) -> Json | None:
    """The URL and its query. `origin` is where it was called, if the span says so."""
    whole = span.first("url.full", "http.url")
    path = span.first("url.path", "http.target")
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
    queried = parts.query or str(span.first("url.query") or "").removeprefix("?")
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


def _headers(span: Span) -> dict[str, str]:
    found = {}
    for name, value in span.attributes.items():
        header = name.removeprefix(_HEADER).replace("_", "-").lower() if name.startswith(_HEADER) else ""
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if header in _NOT_SENT or not isinstance(text, str) or not re.fullmatch(r"[\t -~]*", text):
            continue
        if re.fullmatch(r"[a-z0-9-]{1,200}", header):
            found[header] = _hidden(header, text[:LONGEST_VALUE])
    return found


def _body(span: Span) -> Json:
    said = span.first(*_BODY)
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


def _assertions(span: Span) -> list[Json]:
    found: list[Json] = []
    status = otlp.number(span.first(*_STATUS))
    if status is not None and 100 <= status <= 599:
        found.append({"type": "status", "expected": status})
    took = span.milliseconds
    if took is not None:
        most = min(LONGEST_MS, max(SHORTEST_MS, round(took * SLOWER, 1)))
        found.append({"type": "latency", "max_ms": most, "severity": "warn"})
    return found


def _asked(span: Span, notes: list[Json]) -> Json | None:
    """The case of one call of a model."""
    messages, said = trace_messages.asked(span), trace_messages.said(span)
    if not messages or not said.strip():
        lacks = "what it was asked" if not messages else "a text that the model said"
        _warn(notes, f"Span {span.span_id} is left out: the trace does not have {lacks}.")
        return None
    step = {
        "kind": "completion",
        "model": trace_messages.model_of(span)[:300],
        "messages": [{**one, "content": escaped(one["content"])} for one in messages],
        **trace_messages.options_of(span),
        "assert": _same(said),
    }
    try:
        _COMPLETION.load(step)
    except ValidationError as error:
        _warn(notes, f"Span {span.span_id} is left out: {error.messages}")
        return None
    questions = [one["content"] for one in messages if one["role"] == "user"]
    question = next((one for one in questions[::-1] if not one.startswith(trace_messages.TOOL_SAID)), span.name)
    return {
        "name": f"{step['model']}: {' '.join(question.split())}"[:120],
        "description": _about(span),
        "tags": [*TAGS, "model"],
        "steps": [step],
    }


def _same(said: str) -> list[Json]:
    found: list[Json] = [{"type": "same_meaning", "expected": escaped(said)[:LONGEST_VALUE], "by": "embedding"}]
    try:
        value = json.read(said)
    except ValueError:
        return found
    return [{"type": "json_schema", "schema": shape_of([value])}, *found] if isinstance(value, dict | list) else found


def shape_of(values: Iterable[Any], depth: int = 0) -> Json:
    """A JSON schema that all of these values satisfy: types, and the fields that all of them have."""
    known = list(values)
    types = sorted({_type(one) for one in known})
    types = [one for one in types if not (one == "integer" and "number" in types)]
    shape: Json = {"type": types[0] if len(types) == 1 else types} if types else {}
    if types == ["object"] and depth < 4:
        names = [name for name in known[0] if all(name in one for one in known)]
        shape |= {"required": names, "properties": {
            name: shape_of([one[name] for one in known], depth + 1) for name in names}}  # fmt: skip
    items = [one for value in known if isinstance(value, list) for one in value]
    if types == ["array"] and items and depth < 4:
        shape["items"] = shape_of(items, depth + 1)
    return shape


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")
