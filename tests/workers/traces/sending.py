"""Spans for tests, told in one line each, and sent: through the receiver's own function, or over HTTP as OTLP.

root = span("POST /chat", ms=900, http__request__method="POST")
call = span("chat gpt-4o", parent=root, gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o")
send(client, [root, call])                      # over HTTP, with the client's key
send(core, [root, call], project=project)       # without HTTP, in a transaction of its own
send(session, [root, call], project=project)    # in the caller's
"""

import math
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from tests.client import Client
from tests.workers.jobs.conftest import Core
from workers.traces.base import INTERNAL, Span
from workers.traces.receiving import Received, receive

Json = dict[str, Any]

PATH = "/otlp/v1/traces"
SECOND = 1_000_000_000
NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def new_trace() -> str:
    """A trace id as OpenTelemetry writes it."""
    return secrets.token_hex(16)


def span(
    name: str = "work",
    attributes: Mapping[str, Any] | None = None,
    *,
    trace: str | UUID | None = None,
    parent: Span | str | None = None,
    id: str | None = None,
    start: datetime | int | float | None = None,
    ms: float = 100,
    kind: int = INTERNAL,
    status: int = 0,
    message: str | None = None,
    events: Sequence[Json] = (),
    links: Sequence[Json] = (),
    resource: Mapping[str, Any] | None = None,
    **more: Any,
) -> Span:
    """A span. `trace` in hex (by default the parent's, or a new one), `parent` a span or its id in hex; `start` a time,
    or seconds after the parent's start (by default 10 ms after it, or a second ago), `ms` how long; attributes as a
    mapping, or as keywords with `__` for a dot; `resource` by default a service named test."""
    above = parent if isinstance(parent, Span) else None
    trace_id = above.trace_id if above is not None and trace is None else _trace(trace)
    begun = _start(start, above)
    return Span(
        trace_id=trace_id,
        span_id=bytes.fromhex(id) if id else secrets.token_bytes(8),
        parent_id=above.span_id if above is not None else bytes.fromhex(parent) if isinstance(parent, str) else None,
        name=name,
        kind=kind,
        start=begun,
        end=begun + int(ms * 1_000_000),
        status=status,
        status_message=message,
        attributes={**(attributes or {}), **{key.replace("__", "."): value for key, value in more.items()}},
        events=list(events),
        links=list(links),
        resource=dict(resource) if resource is not None else {"service.name": "test"},
    )


def event(name: str, at: int = 0, **attributes: Any) -> Json:
    """An event of a span; `at` in nanoseconds since 1970."""
    return {"name": name, "time": at, "attributes": {key.replace("__", "."): one for key, one in attributes.items()}}


def _trace(given: str | UUID | None) -> bytes:
    return given.bytes if isinstance(given, UUID) else bytes.fromhex(given or new_trace())


def _start(given: datetime | int | float | None, above: Span | None) -> int:
    if isinstance(given, datetime):
        since = given - datetime.fromtimestamp(0, given.tzinfo)
        return since // timedelta(microseconds=1) * 1000
    if above is not None:
        return above.start + int((0.01 if given is None else given) * SECOND)
    return time.time_ns() - SECOND + int((given or 0) * SECOND)


def trace_id(one: Span) -> str:
    """The id of the span's trace, as the API has it."""
    return f"trace_{one.trace_id.hex()}"


def send(to: Client | Core | Session, spans: Sequence[Span], *, project: UUID | None = None) -> Received:
    """Sends the spans; those without HTTP into that project."""
    if isinstance(to, Client):
        answer = to.http.post(PATH, json=otlp(spans))
        assert answer.status_code == 200, answer.text
        partial = answer.json().get("partialSuccess", {})
        rejected = int(partial.get("rejectedSpans", 0))
        return Received(len(spans) - rejected, rejected, [partial["errorMessage"]] if rejected else [])
    assert project is not None, "without HTTP, a project is needed"
    if isinstance(to, Core):
        found: Received = to.do(receive, project, list(spans))
        return found
    return receive(to, project, list(spans))


def otlp(spans: Sequence[Span]) -> Json:
    """The spans as OTLP JSON has them, grouped by their resources."""
    groups: list[tuple[Json, list[Span]]] = []
    for one in spans:
        group = next((members for resource, members in groups if resource == one.resource), None)
        if group is None:
            groups.append((one.resource, group := []))
        group.append(one)
    return {"resourceSpans": [_group(resource, members) for resource, members in groups]}


def _group(resource: Json, members: list[Span]) -> Json:
    scope = {
        field: resource[f"otel.scope.{field}"] for field in ("name", "version") if f"otel.scope.{field}" in resource
    }
    plain = {name: value for name, value in resource.items() if not name.startswith("otel.scope.")}
    return {
        "resource": {"attributes": _pairs(plain)},
        "scopeSpans": [{"scope": scope, "spans": [_span(one) for one in members]}],
    }


def _span(one: Span) -> Json:
    said: Json = {
        "traceId": one.trace_id.hex(),
        "spanId": one.span_id.hex(),
        "parentSpanId": one.parent_id.hex() if one.parent_id else "",
        "name": one.name,
        "kind": one.kind,
        "startTimeUnixNano": str(one.start),
        "endTimeUnixNano": str(one.end),
        "attributes": _pairs(one.attributes),
        "status": {"code": one.status, "message": one.status_message or ""},
        "events": [
            {"name": event["name"], "timeUnixNano": str(event["time"]), "attributes": _pairs(event["attributes"])}
            for event in one.events
        ],
        "links": [
            {"traceId": link["trace_id"], "spanId": link["span_id"], "attributes": _pairs(link["attributes"])}
            for link in one.links
        ],
    }
    return said


def _pairs(attributes: Mapping[str, Any]) -> list[Json]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Any) -> Json:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else NOT_FINITE[str(value)]}
        case str():
            return {"stringValue": value}
        case list() | tuple():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": _pairs(value)}}
    raise TypeError(f"{type(value).__name__} is no attribute")
