"""Observations as the OTLP JSON that they came as, so that a receiver makes the same of them again.

Times are as exact as they are kept, to the microsecond. What a span's protocol says besides (trace state, flags, how
many attributes were dropped) is not kept.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from infra import json
from workers.traces.base import Stored
from workers.traces.showing import shown_id

Json = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATUSES = {"unset": 0, "ok": 1, "error": 2}
SCOPE = "otel.scope."


def request_of(observations: Iterable[Stored]) -> Json:
    """An ExportTraceServiceRequest of these; what has the same resource stands together."""
    groups: dict[bytes, tuple[Json, list[Json]]] = {}
    for one in observations:
        group = groups.setdefault(json.dump_canonical(one.resource), (one.resource, []))
        group[1].append(span_of(one))
    return {"resourceSpans": [_group(resource, spans) for resource, spans in groups.values()]}


def span_of(one: Stored) -> Json:
    """A span."""
    # A time of 0 would be none.
    start = (one.started_at - EPOCH) // timedelta(microseconds=1) * 1000 or 1
    said: Json = {
        "traceId": one.trace_id.hex,
        "spanId": shown_id(one.span_id),
        "name": one.name,
        "kind": one.span_kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + one.duration_us * 1000),
        "attributes": _pairs(one.attributes),
        "status": {"code": STATUSES[one.status], **({"message": one.status_message} if one.status_message else {})},
    }
    if one.parent_id is not None:
        said["parentSpanId"] = shown_id(one.parent_id)
    if one.events:
        said["events"] = [_event(event) for event in one.events]
    if one.links:
        said["links"] = [_link(link) for link in one.links]
    return said


def _group(resource: Json, spans: list[Json]) -> Json:
    given = {name.removeprefix(SCOPE): value for name, value in resource.items() if name.startswith(SCOPE)}
    scope: Json = {name: given.pop(name) for name in ("name", "version") if isinstance(given.get(name), str)}
    plain = {name: value for name, value in resource.items() if not name.startswith(SCOPE)}
    scope |= {"attributes": _pairs(given)} if given else {}
    return {"resource": {"attributes": _pairs(plain)}, "scopeSpans": [{"scope": scope, "spans": spans}]}


def _event(event: Json) -> Json:
    return {
        "name": event.get("name", ""),
        "timeUnixNano": str(event.get("time", 0)),
        "attributes": _pairs(event.get("attributes") or {}),
    }


def _link(link: Json) -> Json:
    return {
        "traceId": link.get("trace_id", ""),
        "spanId": link.get("span_id", ""),
        "attributes": _pairs(link.get("attributes") or {}),
    }


def _pairs(attributes: Mapping[str, Any]) -> list[Json]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Any) -> Json:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"intValue": str(value)}
        case int() | float():
            return {"doubleValue": float(value)}
        case str():
            return {"stringValue": value}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case _:
            return {"kvlistValue": {"values": _pairs(value)}}
