"""Protobuf and JSON say the same, down to the digest."""

import base64
import gzip
import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given, settings
from hypothesis import strategies as some
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.dev.environment import ROOT
from tests.workers.traces.sending import event, otlp, span
from workers.traces.base import Span
from workers.traces.decoding import json_form, protobuf
from workers.traces.decoding.spans import Decoded
from workers.traces.saying import Sayings

Json = dict[str, Any]

SHARED = ROOT.parent / "shared" / "data" / "traces"
IDS = ("traceId", "spanId", "parentSpanId")
TEXTS = some.text(max_size=20)
PLAIN = some.none() | some.booleans() | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False) | TEXTS
VALUES = some.recursive(
    PLAIN, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


def changed_ids(value: Any, change: Callable[[str], str], name: str = "") -> Any:
    """A document with its ids written another way."""
    if isinstance(value, dict):
        return {key: changed_ids(one, change, key) for key, one in value.items()}
    if isinstance(value, list):
        return [changed_ids(one, change) for one in value]
    return change(value) if name in IDS else value


def in_protobuf(document: Json) -> bytes:
    """The same request by Google's library, which has ids in base64."""
    based = changed_ids(document, lambda hexed: base64.b64encode(bytes.fromhex(hexed)).decode())
    return bytes(ParseDict(based, ExportTraceServiceRequest()).SerializeToString())


def in_json(request: ExportTraceServiceRequest) -> bytes:
    return json.dumps(changed_ids(MessageToDict(request), lambda based: base64.b64decode(based).hex())).encode()


def said(decoded: Decoded) -> list[Span]:
    """Its spans, with their digests."""
    sayings = Sayings()
    for one in decoded.spans:
        sayings.say(one)
    return decoded.spans


def spans_of(document: Json) -> tuple[list[Span], list[Span]]:
    return said(protobuf.decode(in_protobuf(document))), said(json_form.decode(json.dumps(document).encode()))


def test_everything_that_a_span_may_say_is_the_same_in_both() -> None:
    root = span(
        "ä \U0001f600 \0",
        status=2,
        message="broken",
        kind=3,
        events=[event("exception", 7, exception__type="E"), event("e", 0)],
        links=[{"trace_id": "ab" * 16, "span_id": "cd" * 8, "attributes": {"why": "because"}}],
        resource={"service.name": "shop", "otel.scope.name": "lib", "otel.scope.version": "1", "host": {"a": [1]}},
        attributes={"infinite": math.inf, "not a number": math.nan, "least": -(2**63), "list": ["a", 1, 2.5, None, {}]},
    )
    document = otlp([root, span("child", parent=root)])
    first = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    first |= {"traceState": "a=b", "droppedAttributesCount": 3, "flags": 257}
    from_protobuf, from_json = spans_of(document)
    assert from_protobuf == from_json
    found = from_json[0]
    assert (found.name, found.status_message, found.kind, found.status) == ("ä \U0001f600 \0", "broken", 3, 2)
    assert found.resource == root.resource
    assert found.attributes == {
        "infinite": "Infinity",
        "not a number": "NaN",
        "least": -(2**63),
        "list": ["a", 1, 2.5, None, {}],
        "otel.trace_state": "a=b",
        "otel.dropped_attributes_count": 3,
    }
    assert (found.events, found.links) == (root.events, root.links)


@settings(max_examples=60, deadline=None)
@given(attributes=some.dictionaries(TEXTS, VALUES, max_size=4), name=TEXTS)
def test_whatever_the_attributes_are(attributes: Json, name: str) -> None:
    from_protobuf, from_json = spans_of(otlp([span(name, attributes)]))
    assert from_protobuf == from_json


def test_bytes_are_base64() -> None:
    request = ExportTraceServiceRequest()
    one = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=1, end_time_unix_nano=1)
    )
    one.attributes.add(key="bytes").value.bytes_value = b"\xff\xfe"
    (found,) = said(protobuf.decode(request.SerializeToString()))
    assert said(json_form.decode(in_json(request))) == [found]
    assert found.attributes == {"bytes": "//4="}


def test_the_order_of_attributes_does_not_matter() -> None:
    one, other = span(a=1, b=2), span(b=2, a=1)
    other.trace_id, other.span_id, other.start, other.end = one.trace_id, one.span_id, one.start, one.end
    assert Sayings().say(one) == Sayings().say(other)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"end": 9},
        {"status": 1},
        {"status_message": "x"},
        {"parent_id": b"p" * 8},
        {"attributes": {"a": 1.0}},
        {"events": [event("e")]},
        {"links": [{"trace_id": "", "span_id": "", "attributes": {}}]},
        {"resource": {}},
        {"kind": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_shows_in_the_digest(change: Json) -> None:
    one, other = span("a", a=1, start=5), span("a", a=1, start=5)
    other.start, other.end = one.start, one.end
    assert Sayings().say(one).digest == Sayings().say(other).digest
    other.said = None
    for name, value in change.items():
        setattr(other, name, value)
    assert Sayings().say(one).digest != Sayings().say(other).digest


@pytest.mark.skipif(not SHARED.exists(), reason="the shared traces are not here")
def test_traces_of_real_programs_are_the_same_in_both() -> None:
    files = sorted((SHARED / "otlp-reconstructed").glob("*.otlp.json"))
    assert files
    for path in files:
        from_json = said(json_form.decode(path.read_bytes()))
        assert from_json
        assert said(protobuf.decode(path.with_suffix("").with_suffix(".otlp.pb").read_bytes())) == from_json
    with gzip.open(SHARED / "http-capture" / "capture.otlp-json.jsonl.gz") as lines:
        captured = [line for line, _ in zip(lines, range(4), strict=False)]
    for line, path in zip(captured, sorted((SHARED / "http-capture" / "requests").glob("*.bin")), strict=False):
        body = path.read_bytes()
        packed = body[:2] == b"\x1f\x8b"
        assert said(protobuf.decode(gzip.decompress(body) if packed else body)) == said(json_form.decode(line))
