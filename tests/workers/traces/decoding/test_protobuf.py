"""OTLP in protobuf, as it should be and as it is sent."""

import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.errors import BodyTooLarge, MalformedOtlp
from workers.traces.decoding import protobuf


def request(count: int = 1) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add().scope_spans.add().spans
    for number in range(1, count + 1):
        one = spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name="name")
        one.start_time_unix_nano = one.end_time_unix_nano = number
    return made


@pytest.mark.parametrize("length", range(1, 40))
def test_a_truncated_request_is_refused(length: int) -> None:
    body = request().SerializeToString()
    with pytest.raises(MalformedOtlp):
        protobuf.decode(body[: len(body) - length])


def test_text_that_is_no_utf_8_is_replaced_wherever_it_is() -> None:
    made = request(2)
    one = made.resource_spans[0].scope_spans[0].spans[0]
    one.attributes.add(key="key").value.string_value = "value"
    one.attributes.add(key="list").value.array_value.values.add().string_value = "inner"
    one.events.add(name="event")
    made.resource_spans[0].resource.attributes.add(key="host").value.string_value = "here"
    body = made.SerializeToString()
    for text in (b"name", b"value", b"inner", b"event", b"here"):
        body = body.replace(text, b"\xff" * len(text))
    first, second = protobuf.decode(body).spans
    assert first.name == second.name == "\ufffd" * 4
    assert first.attributes == {"key": "\ufffd" * 5, "list": ["\ufffd" * 5]}
    assert first.events[0]["name"] == "\ufffd" * 5
    assert first.resource == {"host": "\ufffd" * 4}
    assert first.trace_id == b"t" * 16


def test_what_is_nested_too_deep_is_refused() -> None:
    made = request()
    inner = made.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="deep").value
    for _ in range(200):
        inner = inner.array_value.values.add()
    with pytest.raises(MalformedOtlp):
        protobuf.decode(made.SerializeToString())


def test_too_many_spans_are_refused_before_they_are_read() -> None:
    with pytest.raises(BodyTooLarge):
        protobuf.decode(request(50_001).SerializeToString())


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


ONE = request().resource_spans[0].scope_spans[0].spans[0].SerializeToString()
MANY = 2_500_000


def of_one_span(content: bytes) -> bytes:
    """A request of one span that says that, too."""
    return field(1, field(2, field(2, ONE + content)))


@pytest.mark.parametrize(
    "body",
    [
        field(1, b"") * MANY,
        field(1, field(2, b"") * MANY),
        field(1, field(1, field(1, b"") * MANY) + field(2, field(2, ONE))),
        of_one_span(field(11, b"") * MANY),
        of_one_span(field(13, field(4, b"") * MANY)),
        of_one_span(field(9, field(2, field(5, field(1, b"") * MANY)))),
        of_one_span(field(11, field(1, b"\xff")) * MANY),
    ],
    ids=["resources", "scopes", "of a resource", "events", "of a link", "members", "no UTF-8"],
)
def test_millions_of_empty_things_are_refused_before_they_are_read(body: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(BodyTooLarge):
        protobuf.decode(body)
    assert time.process_time() - begun < 2


def test_a_span_without_times_or_ids_is_rejected_alone() -> None:
    made = request(4)
    spans = made.resource_spans[0].scope_spans[0].spans
    spans[0].span_id, spans[1].trace_id, spans[2].end_time_unix_nano = b"short", bytes(16), 0
    found = protobuf.decode(made.SerializeToString())
    assert (len(found.spans), found.rejected, len(found.reasons)) == (1, 3, 3)


def test_spans_of_one_resource_share_it() -> None:
    first, second = protobuf.decode(request(2).SerializeToString()).spans
    assert first.resource is second.resource
