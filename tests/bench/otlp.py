"""Spans as an exporter sends them: OTLP in protobuf, some hundred spans a request."""

from collections.abc import Iterable, Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

from workers.traces.base import Span

SCOPE = ("otel.scope.name", "otel.scope.version")


def requests(traces: Iterable[list[Span]], spans: int = 500) -> Iterator[bytes]:
    """Bodies with about so many spans each; a trace stays together."""
    waiting: list[Span] = []
    for trace in traces:
        waiting += trace
        if len(waiting) >= spans:
            yield body(waiting)
            waiting = []
    if waiting:
        yield body(waiting)


def body(spans: list[Span]) -> bytes:
    """One request."""
    request = ExportTraceServiceRequest()
    places: dict[int, Any] = {}
    for span in spans:
        place = places.get(id(span.resource))
        if place is None:
            whole = request.resource_spans.add()
            whole.resource.attributes.extend(_attributes({k: v for k, v in span.resource.items() if k not in SCOPE}))
            place = places[id(span.resource)] = whole.scope_spans.add()
            place.scope.name, place.scope.version = (str(span.resource.get(name, "")) for name in SCOPE)
        _fill(place.spans.add(), span)
    made: bytes = request.SerializeToString()
    return made


def _fill(made: trace_pb2.Span, span: Span) -> None:
    made.trace_id, made.span_id, made.parent_span_id = span.trace_id, span.span_id, span.parent_id or b""
    made.name, made.kind = span.name, span.kind  # type: ignore[assignment]
    made.start_time_unix_nano, made.end_time_unix_nano = span.start, span.end
    made.attributes.extend(_attributes(span.attributes))
    made.status.code, made.status.message = span.status, span.status_message or ""  # type: ignore[assignment]
    for event in span.events:
        said = made.events.add(name=event["name"], time_unix_nano=event["time"])
        said.attributes.extend(_attributes(event["attributes"]))


def _attributes(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    made = AnyValue()
    made.array_value.values.extend(_value(one) for one in value)
    return made
