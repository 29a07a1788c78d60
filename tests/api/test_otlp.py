"""The door for traces, as exporters and those who are none come to it."""

import base64
import gzip
import json
import os
import shutil
import subprocess
import zlib
from typing import Any

import httpx
import pytest
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from infra.dev.environment import ROOT
from infra.dev.system import System
from tests.client import Client
from tests.workers.traces.sending import PATH, new_trace, otlp, send, span, trace_id
from workers.traces.base import Span

Json = dict[str, Any]

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


def post(client: Client, body: bytes, **headers: str) -> httpx.Response:
    return client.http.post(PATH, content=body, headers={name.replace("_", "-"): one for name, one in headers.items()})


def post_json(client: Client, document: Any, **headers: str) -> httpx.Response:
    return post(client, json.dumps(document).encode(), Content_Type="application/json", **headers)


def post_protobuf(client: Client, request: ExportTraceServiceRequest, **headers: str) -> httpx.Response:
    return post(client, request.SerializeToString(), Content_Type="application/x-protobuf", **headers)


def in_protobuf(one: Span) -> ExportTraceServiceRequest:
    """A request with that span, without its attributes."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=one.trace_id,
        span_id=one.span_id,
        name=one.name,
        start_time_unix_nano=one.start,
        end_time_unix_nano=one.end,
    )
    return request


def stored(client: Client, trace: str) -> list[Json]:
    """The trace's observations, oldest first; none if there is no such trace."""
    answer = client.http.get(f"/v1/traces/{trace}/observations", params={"limit": 100, "order": "asc", "whole": "true"})
    if answer.status_code == 404:
        return []
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


def problem(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    detail: str = answer.json()["detail"]
    return detail


def test_spans_in_protobuf_are_stored_when_they_are_answered(client: Client) -> None:
    one = span("hello")
    answer = post_protobuf(client, in_protobuf(one))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    (row,) = stored(client, trace_id(one))
    assert (row["name"], row["trace_id"], row["parent_id"]) == ("hello", trace_id(one), None)


def test_spans_in_json_are_answered_in_json(client: Client) -> None:
    root = span("root", http__request__method="GET")
    answer = post_json(client, otlp([root, span("child", parent=root)]))
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    assert [row["name"] for row in stored(client, trace_id(root))] == ["root", "child"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", "GZIP"])
def test_bodies_may_be_compressed(client: Client, encoding: str) -> None:
    one = span(encoding)
    body = json.dumps(otlp([one])).encode()
    packed = {"gzip": gzip.compress(body), "deflate": zlib.compress(body), "identity": body}
    assert (
        post(client, packed[encoding.lower()], Content_Type="application/json", Content_Encoding=encoding).status_code
        == 200
    )
    assert len(stored(client, trace_id(one))) == 1


def test_the_same_spans_again_add_nothing_and_others_with_their_ids_do(client: Client) -> None:
    one = span("first", n=1)
    for _ in range(3):
        send(client, [one])
    assert len(stored(client, trace_id(one))) == 1
    send(client, [span("second", trace=one.trace_id.hex(), id=one.span_id.hex(), start=one.start // 10**9)])
    assert {row["name"] for row in stored(client, trace_id(one))} == {"first", "second"}


def test_a_trace_of_another_project_is_another_trace(client: Client, stranger: Client) -> None:
    mine, theirs = span("mine"), span("theirs")
    theirs.trace_id = mine.trace_id
    send(client, [mine])
    assert stored(stranger, trace_id(mine)) == []
    send(stranger, [theirs])
    assert [row["name"] for row in stored(client, trace_id(mine))] == ["mine"]
    assert [row["name"] for row in stored(stranger, trace_id(mine))] == ["theirs"]


def keys(client: Client) -> dict[str, dict[str, str]]:
    secret = client.http.headers["Authorization"].partition(" ")[2]
    return {
        "bearer": {"Authorization": f"Bearer {secret}"},
        "another case": {"authorization": f"bearer {secret}"},
        "x-api-key": {"x-api-key": secret},
        "basic": {"Authorization": "Basic " + base64.b64encode(f"public:{secret}".encode()).decode()},
        "basic, as user": {"Authorization": "Basic " + base64.b64encode(f"{secret}:".encode()).decode()},
    }


@pytest.mark.parametrize("way", ["bearer", "another case", "x-api-key", "basic", "basic, as user"])
def test_a_key_may_come_in_each_of_the_ways_that_exporters_have(system: System, client: Client, way: str) -> None:
    one = span(way)
    headers = {**keys(client)[way], **JSON}
    answer = httpx.post(f"{system.url}{PATH}", content=json.dumps(otlp([one])), headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert len(stored(client, trace_id(one))) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sy_live_0000000000000000000000000000"},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"user:password").decode()},
        {"x-api-key": "\u00e9"},
    ],
    ids=["none", "unknown", "not base64", "not text", "no key", "not ascii"],
)
def test_without_a_good_key_nothing_is_read(system: System, headers: dict[str, str]) -> None:
    sent = {name.encode(): value.encode() for name, value in {**PROTOBUF, **headers}.items()}
    answer = httpx.post(f"{system.url}{PATH}", content=b"\xff", headers=sent, trust_env=False)
    problem(answer, 401, "unauthenticated")
    assert "WWW-Authenticate" in answer.headers


def test_a_key_without_the_scope_is_refused(system: System, client: Client) -> None:
    made = client.http.post("/v1/api_keys", json={"name": "reads", "scopes": ["traces:read"]}).json()
    with Client(system.url, made["key"]) as reader:
        assert "traces:write" in problem(post_json(reader, otlp([span()])), 403, "forbidden")


BROKEN: dict[str, tuple[dict[str, str], bytes, int, str]] = {
    "truncated protobuf": (PROTOBUF, in_protobuf(span("a" * 50)).SerializeToString()[:-20], 400, "malformed_otlp"),
    "no protobuf": (PROTOBUF, b"\xff\xff\xff\xff", 400, "malformed_otlp"),
    "json as protobuf": (PROTOBUF, b'{"resourceSpans": []}', 400, "malformed_otlp"),
    "protobuf as json": (JSON, in_protobuf(span()).SerializeToString(), 400, "malformed_json"),
    "truncated json": (JSON, b'{"resourceSpans": [', 400, "malformed_json"),
    "nothing as json": (JSON, b"", 400, "malformed_json"),
    "too deep": (JSON, b"[" * 5000 + b"]" * 5000, 400, "malformed_json"),
    "a list": (JSON, b"[]", 400, "malformed_otlp"),
    "groups of another type": (JSON, b'{"resourceSpans": {}}', 400, "malformed_otlp"),
    "spans of another type": (JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": 7}]}]}', 400, "malformed_otlp"),
    "not gzip": ({**JSON, "Content-Encoding": "gzip"}, b"{}", 400, "malformed_otlp"),
    "half a gzip": ({**JSON, "Content-Encoding": "gzip"}, gzip.compress(os.urandom(999))[:500], 400, "malformed_otlp"),
    "another encoding": ({**JSON, "Content-Encoding": "br"}, b"{}", 415, "unsupported_media_type"),
    "another type": ({"Content-Type": "text/plain"}, b"{}", 415, "unsupported_media_type"),
    "no type": ({}, b"{}", 415, "unsupported_media_type"),
    "too long": (PROTOBUF, bytes(16 * 1024 * 1024 + 1), 413, "body_too_large"),
    "a bomb": ({**JSON, "Content-Encoding": "gzip"}, gzip.compress(b" " * (33 * 1024 * 1024)), 413, "body_too_large"),
    "too many": (PROTOBUF, b"", 413, "body_too_large"),
}


def crowd() -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for _ in range(50_001):
        spans.add()
    return bytes(request.SerializeToString())


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_refused_with_a_sentence(client: Client, name: str) -> None:
    headers, body, status, code = BROKEN[name]
    answer = client.http.post(PATH, content=crowd() if name == "too many" else body, headers=headers)
    assert len(problem(answer, status, code)) > 20


def test_what_has_no_spans_is_no_failure(client: Client) -> None:
    for empty in ({}, {"resourceSpans": None}, {"resourceSpans": [{"scopeSpans": [None, {"spans": None}]}]}):
        assert (post_json(client, empty).status_code, post_json(client, empty).json()) == (200, {})
    assert post(client, b"", Content_Type="application/x-protobuf").status_code == 200


def test_one_bad_span_of_many_is_rejected_alone(client: Client) -> None:
    trace = new_trace()
    document = otlp([span(f"s{number}", trace=trace) for number in range(60)])
    members = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    members[7]["traceId"] = "00" * 16
    partial = post_json(client, document).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "trace id" in partial["errorMessage"]
    assert len(stored(client, f"trace_{trace}")) == 59


def test_bad_spans_in_protobuf_are_counted_in_protobuf(client: Client) -> None:
    good, short = span(), span()
    request = in_protobuf(good)
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=short.trace_id[:8], span_id=short.span_id)
    answer = ExportTraceServiceResponse.FromString(post_protobuf(client, request).content)
    assert answer.partial_success.rejected_spans == 1
    assert "16 bytes" in answer.partial_success.error_message
    assert len(stored(client, trace_id(good))) == 1


def test_a_span_of_a_megabyte_is_kept_and_one_of_three_is_rejected(client: Client) -> None:
    large, larger = span("large", image="x" * 1_000_000), span("larger", image="x" * 3_000_000)
    partial = post_json(client, otlp([large, larger])).json()["partialSuccess"]
    assert (partial["rejectedSpans"], "2 MiB" in partial["errorMessage"]) == ("1", True)
    assert len(stored(client, trace_id(large))) == 1
    assert stored(client, trace_id(larger)) == []


def test_a_name_or_a_resource_without_end_is_rejected(client: Client) -> None:
    spans = [span("x" * 3_000_000), span("of a long resource", resource={"argv": "x" * 300_000}), span("plain")]
    partial = post_json(client, otlp(spans)).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "2"
    assert ("2 MiB" in partial["errorMessage"], "256 KiB" in partial["errorMessage"]) == (True, True)
    assert [len(stored(client, trace_id(one))) for one in spans] == [0, 0, 1]


def test_a_million_attributes_take_nothing_down(client: Client) -> None:
    crowded, plain = in_protobuf(span("crowded")), span("plain")
    # Field 9 of a span, which has a key of six letters and no value.
    attributes = b"".join(b"\x4a\x08\x0a\x06%06x" % number for number in range(1_000_000))
    crowded.resource_spans[0].scope_spans[0].spans[0].MergeFromString(attributes)
    crowded.MergeFrom(in_protobuf(plain))
    body = gzip.compress(crowded.SerializeToString(), 1)
    answer = post(client, body, Content_Type="application/x-protobuf", Content_Encoding="gzip")
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1
    assert len(stored(client, trace_id(plain))) == 1


@pytest.mark.parametrize(("year", "seconds"), [(1970, 1), (2070, 3_155_760_000), (2554, 18_446_744_073)])
def test_clocks_that_are_decades_off_are_kept_as_they_are(client: Client, year: int, seconds: int) -> None:
    one = span("when?", start=seconds)
    one.start, one.end = seconds * 10**9, seconds * 10**9 + 1
    send(client, [one])
    (row,) = stored(client, trace_id(one))
    assert row["started_at"].startswith(str(year))


def test_an_end_before_the_start_is_a_duration_of_zero(client: Client) -> None:
    one = span(ms=-500)
    send(client, [one])
    (row,) = stored(client, trace_id(one))
    assert row["duration_ms"] == 0


def test_what_is_no_text_is_replaced_and_the_rest_is_kept(client: Client) -> None:
    half = span("cut \ud83d", note="nul \0 and half \udc00")
    body = json.dumps(otlp([half])).encode()
    assert post(client, body, Content_Type="application/json").json() == {}
    broken = in_protobuf(span("xxxx"))
    body = broken.SerializeToString().replace(b"xxxx", b"ab\xed\xa0")
    assert post(client, body, Content_Type="application/x-protobuf").status_code == 200
    (row,) = stored(client, trace_id(half))
    assert (row["name"], row["attributes"]["note"]) == ("cut \ufffd", "nul \ufffd and half \ufffd")
    assert (
        stored(client, f"trace_{broken.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()}")[0]["name"][:2]
        == "ab"
    )


def traced(exporter: OTLPSpanExporter) -> str:
    """A trace of two spans, made and sent by the stock SDK; its id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "stock"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("shop", "1.2")
    with tracer.start_as_current_span("checkout", kind=otel.SpanKind.SERVER, attributes={"n": 1}) as root:
        with tracer.start_as_current_span("pay"):
            root.add_event("paid", {"amount": 2.5})
        context = root.get_span_context()
    provider.shutdown()
    return f"trace_{context.trace_id:032x}"


@pytest.mark.parametrize("compression", list(Compression))
def test_the_stock_python_exporter_works_unchanged(
    system: System, client: Client, monkeypatch: pytest.MonkeyPatch, compression: Compression
) -> None:
    secret = client.http.headers["Authorization"].partition(" ")[2]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{system.url}/otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"Authorization=Bearer%20{secret}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression.value)
    root, child = stored(client, traced(OTLPSpanExporter()))
    assert (root["name"], child["name"], child["parent_id"]) == ("checkout", "pay", root["id"])
    assert (root["service"], root["attributes"]["n"], root["events"][0]["name"]) == ("stock", 1, "paid")
    assert (root["resource"]["otel.scope.name"], root["resource"]["otel.scope.version"]) == ("shop", "1.2")


JS = """
const {OTLPTraceExporter} = require('@opentelemetry/exporter-trace-otlp-%s');
const {BasicTracerProvider, SimpleSpanProcessor} = require('@opentelemetry/sdk-trace-base');
const exporter = new OTLPTraceExporter();
const provider = new BasicTracerProvider({spanProcessors: [new SimpleSpanProcessor(exporter)]});
const attributes = {whole: 1, part: 2.5, cut: '\\ud83d', list: ['a']};
const span = provider.getTracer('shop').startSpan('from js', {attributes});
span.addEvent('paid');
span.end();
provider.shutdown().then(() => console.log(span.spanContext().traceId));
"""


def node(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs it with what NODE_PATH names, or what is installed at the root."""
    given = {**{name: os.environ[name] for name in ("PATH", "NODE_PATH") if name in os.environ}, **environment}
    return subprocess.run(["node", "-e", script], env=given, capture_output=True, text=True, timeout=60, cwd=ROOT)


@pytest.mark.parametrize("form", ["http", "proto"])
def test_the_stock_javascript_exporter_works_unchanged(system: System, client: Client, form: str) -> None:
    name = f"@opentelemetry/exporter-trace-otlp-{form}"
    if not shutil.which("node") or node(f"require('{name}')").returncode:
        pytest.skip(
            f"needs node, and npm install {name} @opentelemetry/sdk-trace-base in a folder that NODE_PATH names"
        )
    secret = client.http.headers["Authorization"].partition(" ")[2]
    done = node(
        JS % form,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"{system.url}/otlp",
        OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Bearer%20{secret}",
    )
    assert done.returncode == 0, done.stderr
    (row,) = stored(client, f"trace_{done.stdout.strip()}")
    assert (row["name"], row["events"][0]["name"]) == ("from js", "paid")
    assert row["attributes"] == {"whole": 1, "part": 2.5, "cut": "\ufffd", "list": ["a"]}
