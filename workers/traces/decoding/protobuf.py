"""OTLP in protobuf.

The library takes a message apart in C; what costs is each look at it from Python, so each field is looked at once.
Protobuf's text is UTF-8, and the library refuses a whole request for one byte that is not. Some exporters cut texts in
the middle of a character, so such a request is read once more as bytes, and what is no text in them is replaced.
"""

import base64
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.errors import MalformedOtlp
from workers.traces.base import Json, Span
from workers.traces.decoding import spans
from workers.traces.decoding.spans import Budget, Decoded


def decode(body: bytes) -> Decoded:
    """The spans of an ExportTraceServiceRequest; raises MalformedOtlp, and BodyTooLarge for too many."""
    budget = Budget()
    scopes = _scopes(_parsed(body, budget))
    spans.require_few(sum(len(scope.spans) for _, scope in scopes))
    decoded, make = Decoded(), partial(_span, budget)
    for resource, scope in scopes:
        shared = _resource(budget, resource, scope.scope)
        for given in scope.spans:
            decoded.add(make, given, shared)
    return decoded


def _scopes(request: Any) -> list[tuple[Any, Any]]:
    """The groups of spans, each with its resource."""
    spans.require_few(len(request.resource_spans), "resources")
    found: list[tuple[Any, Any]] = []
    for one in request.resource_spans:
        spans.require_few(len(found) + len(one.scope_spans), "scopes")
        found += [(one.resource, scope) for scope in one.scope_spans]
    return found


def _parsed(body: bytes, budget: Budget) -> Any:
    try:
        return ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        pass
    try:
        return ExportTraceServiceRequest.FromString(_repaired(body, budget))
    except DecodeError:
        raise MalformedOtlp(
            "The request body is not an ExportTraceServiceRequest in protobuf; it may be cut short, or be JSON."
        ) from None


def _resource(budget: Budget, resource: Any, scope: Any) -> Json:
    own, of_scope = _attributes(resource.attributes, budget), _attributes(scope.attributes, budget)
    return spans.resource(own, scope.name, scope.version, of_scope)


def _span(budget: Budget, given: Any, resource: Json) -> Span:
    trace_id, span_id = given.trace_id, given.span_id
    start, end = given.start_time_unix_nano, given.end_time_unix_nano
    spans.check(trace_id, span_id, start, end)
    spans.require_few_attributes(len(given.attributes))
    attributes = _attributes(given.attributes, budget)
    dropped = (given.dropped_attributes_count, given.dropped_events_count, given.dropped_links_count)
    if given.trace_state or dropped != (0, 0, 0):
        spans.extras(attributes, given.trace_state, dropped)
    status, events, links = given.status, given.events, given.links
    budget.spend(len(events) + len(links))
    return Span(
        trace_id,
        span_id,
        spans.parent(given.parent_span_id),
        given.name,
        spans.kind(given.kind),
        start,
        end,
        spans.status(status.code),
        status.message or None,
        attributes,
        [_event(one, budget) for one in events],
        [_link(one, budget) for one in links],
        resource,
    )


def _event(given: Any, budget: Budget) -> Json:
    return {"name": given.name, "time": given.time_unix_nano, "attributes": _attributes(given.attributes, budget)}


def _link(given: Any, budget: Budget) -> Json:
    return {
        "trace_id": given.trace_id.hex(),
        "span_id": given.span_id.hex(),
        "attributes": _attributes(given.attributes, budget),
    }


def _attributes(pairs: Collection[Any], budget: Budget) -> Json:
    budget.spend(len(pairs))
    found = {}
    for pair in pairs:
        value = pair.value
        which = value.WhichOneof("value")
        if which in _PLAIN:
            found[pair.key] = getattr(value, which)
        else:
            found[pair.key] = _value(value, which, budget)
    return found


_PLAIN = frozenset(("string_value", "int_value", "bool_value"))


def _value(value: Any, which: str | None, budget: Budget) -> Any:
    match which:
        case "double_value":
            return spans.number(value.double_value)
        case "array_value":
            members = value.array_value.values
            budget.spend(len(members))
            return [_value(one, one.WhichOneof("value"), budget) for one in members]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values, budget)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "string_value" | "int_value" | "bool_value":
            return getattr(value, which)
    return None


def _repaired(body: bytes, budget: Budget) -> bytes:
    """The same message with U+FFFD where its texts are no UTF-8; raises DecodeError, and BodyTooLarge."""
    message = _as_bytes().message()
    message.ParseFromString(body)
    _repair(message, budget)
    whole: bytes = message.SerializeToString()
    return whole


def _repair(message: Message, budget: Budget) -> None:
    for described, value in message.ListFields():
        if described.type == FieldDescriptor.TYPE_MESSAGE:
            many = value if described.is_repeated else (value,)
            budget.spend(len(many))
            for one in many:
                _repair(one, budget)
        elif described.full_name in _as_bytes().texts:
            whole = [one.decode(errors="replace").encode() for one in (value if described.is_repeated else (value,))]
            if described.is_repeated:
                value[:] = whole
            else:
                setattr(message, described.name, whole[0])


@dataclass(frozen=True, slots=True)
class _AsBytes:
    """ExportTraceServiceRequest with bytes in the place of its texts, and the full names of those."""

    message: Any
    texts: frozenset[str]


@cache
def _as_bytes() -> _AsBytes:
    pool, texts = DescriptorPool(), set[str]()

    def add(file: FileDescriptor) -> None:
        for other in file.dependencies:
            add(other)
        described = FileDescriptorProto()
        file.CopyToProto(described)
        for one in described.message_type:
            texts.update(_without_texts(one, f"{file.package}.{one.name}"))
        pool.Add(described)

    add(ExportTraceServiceRequest.DESCRIPTOR.file)
    return _AsBytes(
        GetMessageClass(pool.FindMessageTypeByName(ExportTraceServiceRequest.DESCRIPTOR.full_name)), frozenset(texts)
    )


def _without_texts(message: DescriptorProto, name: str) -> Iterator[str]:
    for one in message.field:
        if one.type == FieldDescriptorProto.TYPE_STRING:
            one.type = FieldDescriptorProto.TYPE_BYTES
            yield f"{name}.{one.name}"
    for inner in message.nested_type:
        yield from _without_texts(inner, f"{name}.{inner.name}")
