"""Spans out to somebody else's collector: OTLP/HTTP, protobuf, gzip.

One thread a process sends, begun at its first use, so also in a forked child. What the collector asks to have again
(408, 429, 5xx) or did not answer is sent again, ever more slowly and as late as its Retry-After says; what it refuses
is dropped. The bytes that wait are bounded; what is beyond is dropped, counted and logged. The endpoint is the
operator's own, so it may be in a private network.
"""

import gzip
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog
from google.protobuf.message import EncodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from infra import metrics
from infra.process import PerProcess
from infra.settings import settings
from workers.traces.base import Span

SECONDS = 10.0
BYTES_AT_MOST = 32 * 1024 * 1024
SPANS_AT_ONCE = 512
PAUSE_SECONDS = (0.5, 30.0)
_AGAIN = frozenset((408, 429, 500, 502, 503, 504))
_LARGEST_NUMBER = 2**63

log = structlog.get_logger(__name__)


class Exporter:
    """What waits to be sent, and the thread that sends it."""

    def __init__(self) -> None:
        self.dropped = 0
        self._bodies: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._run, name="otlp-out", daemon=True).start()

    def put(self, spans: Sequence[Span]) -> None:
        """Returns at once."""
        for at in range(0, len(spans), SPANS_AT_ONCE):
            group = spans[at : at + SPANS_AT_ONCE]
            try:
                body = gzip.compress(encode(group), compresslevel=1)
            except (EncodeError, ValueError, TypeError) as error:
                self._drop(len(group), f"they could not be encoded: {error}")
                continue
            with self._lock:
                fits = self._bytes + len(body) <= BYTES_AT_MOST
                if fits:
                    self._bodies.append((len(group), body))
                    self._bytes += len(body)
                    self._idle.clear()
            if not fits:
                self._drop(len(group), "too much is waiting")
        self._wake.set()

    def flush(self, seconds: float) -> bool:
        """Waits until all is sent, or dropped, that was put before; False if that takes longer."""
        return self._idle.wait(seconds)

    def _run(self) -> None:
        with httpx2.Client(timeout=SECONDS, headers=_headers()) as client:
            while True:
                self._wake.wait()
                self._wake.clear()
                while self._bodies:
                    count, body = self._bodies[0]
                    self._deliver(client, count, body)
                    with self._lock:
                        self._bodies.popleft()
                        self._bytes -= len(body)
                        if not self._bodies:
                            self._idle.set()

    def _deliver(self, client: httpx2.Client, count: int, body: bytes) -> None:
        pause, longest = PAUSE_SECONDS
        while True:
            asked = 0.0
            try:
                answer = client.post(address(), content=body)
            except Exception as error:
                log.warning("otlp_out.unreachable", error=type(error).__name__, waiting=len(self._bodies))
            else:
                if answer.is_success:
                    return
                if answer.status_code not in _AGAIN:
                    self._drop(count, f"the collector answered {answer.status_code}")
                    return
                asked = _seconds(answer.headers)
            time.sleep(max(pause, min(asked, 300.0)))
            pause = min(longest, pause * 2)

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        metrics.traces_dropped.labels("out").inc(count)
        log.warning("otlp_out.dropped", spans=count, reason=reason)


exporter = PerProcess(Exporter)


def address() -> str:
    """Where to send to: the endpoint, which may be the collector's base, as OTEL_EXPORTER_OTLP_ENDPOINT is."""
    given = (settings().otlp_export_endpoint or "").rstrip("/")
    return given if urlsplit(given).path.endswith("/traces") else f"{given}/v1/traces"


def _headers() -> dict[str, str]:
    ours = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", "User-Agent": "switchyard"}
    return {**settings().otlp_export_headers, **ours}


def _seconds(headers: Mapping[str, str]) -> float:
    try:
        return float(headers.get("Retry-After", ""))
    except ValueError:
        return 0.0


def encode(spans: Sequence[Span]) -> bytes:
    """The spans as an ExportTraceServiceRequest; those with the same resource stand together."""
    request = ExportTraceServiceRequest()
    groups: dict[int, Any] = {}
    for span in spans:
        group = groups.get(id(span.resource))
        if group is None:
            outer = request.resource_spans.add()
            own = {name: value for name, value in span.resource.items() if not name.startswith("otel.scope.")}
            outer.resource.attributes.extend(_pairs(own))
            group = groups[id(span.resource)] = outer.scope_spans.add()
            group.scope.name = str(span.resource.get("otel.scope.name", ""))
            group.scope.version = str(span.resource.get("otel.scope.version", ""))
        group.spans.append(_message(span))
    return bytes(request.SerializeToString())


def _message(span: Span) -> SpanMessage:
    made = SpanMessage(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id or b"",
        name=span.name,
        kind=span.kind,  # type: ignore[arg-type]
        start_time_unix_nano=span.start,
        end_time_unix_nano=span.end,
        attributes=_pairs(span.attributes),
    )
    made.status.code = span.status  # type: ignore[assignment]
    made.status.message = span.status_message or ""
    return made


def _pairs(attributes: Mapping[str, Any]) -> Iterator[KeyValue]:
    for name, value in attributes.items():
        yield KeyValue(key=name, value=_value(value))


def _value(value: Any) -> AnyValue:
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int) and -_LARGEST_NUMBER <= value < _LARGEST_NUMBER:
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, (list, tuple)):
        made.array_value.values.extend(_value(one) for one in value)
    elif isinstance(value, Mapping):
        made.kvlist_value.values.extend(_pairs(value))
    elif value is not None:
        made.string_value = str(value)
    return made
