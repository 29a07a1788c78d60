"""Requests as exporters send them, made from traces that real programs left (see shared/data): of an HTTP service and
its client, and of agents in a dozen frameworks with their prompts and answers. Each copy has new ids and is of now."""

import gzip
import random
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra.dev.environment import ROOT

TRACES = ROOT.parent / "shared" / "data" / "traces"
# One trace of 138 spans of another kind of program.
NOT_OF_AGENTS = "tracetest"
# Two spans each, and about seven: two of five spans are of agents.
HTTP_A_TRACE_OF_AGENTS = 5
MICROSECONDS = 1_000

Template = list[tuple[Any, Any, list[Any]]]


class Feed:
    """Makes requests, each of whole traces."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._templates = self._endless()

    def requests(self, count: int, spans: int = 512) -> list[ExportTraceServiceRequest]:
        """So many, each of at least that many spans."""
        return [self.request(spans) for _ in range(count)]

    def request(self, spans: int) -> ExportTraceServiceRequest:
        """One."""
        made, count = ExportTraceServiceRequest(), 0
        groups: dict[tuple[int, int], Any] = {}
        while count < spans:
            template = next(self._templates)
            ids = dict[bytes, bytes]()
            trace_id = self._random.randbytes(16)
            later = time.time_ns() - max(one.end_time_unix_nano for *_, members in template for one in members)
            for resource, scope, members in template:
                group = groups.get((id(resource), id(scope)))
                if group is None:
                    sender = made.resource_spans.add(resource=resource)
                    group = groups[id(resource), id(scope)] = sender.scope_spans.add(scope=scope)
                for one in members:
                    copy = group.spans.add()
                    copy.CopyFrom(one)
                    self._renew(copy, trace_id, ids, later)
                count += len(members)
        return made

    def _renew(self, span: Any, trace_id: bytes, ids: dict[bytes, bytes], later: int) -> None:
        def new(old: bytes) -> bytes:
            return ids.setdefault(old, self._random.randbytes(8)) if old else old

        span.trace_id, span.span_id, span.parent_span_id = trace_id, new(span.span_id), new(span.parent_span_id)
        jitter = self._random.randrange(MICROSECONDS)
        span.start_time_unix_nano += later + jitter
        span.end_time_unix_nano += later + jitter

    def _endless(self) -> Iterator[Template]:
        http, agents = cycle(_http()), cycle(_agents())
        while True:
            for _ in range(HTTP_A_TRACE_OF_AGENTS):
                yield next(http)
            yield next(agents)


def _http() -> list[Template]:
    requests = [_parsed(path.read_bytes()) for path in sorted((TRACES / "http-capture" / "requests").glob("*.bin"))]
    return _traces(requests[:12])


def _agents() -> list[Template]:
    found = sorted((TRACES / "otlp-reconstructed").glob("*.pb"))
    return _traces([_parsed(path.read_bytes()) for path in found if not path.name.startswith(NOT_OF_AGENTS)])


def _parsed(body: bytes) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    made.ParseFromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    return made


def _traces(requests: list[ExportTraceServiceRequest]) -> list[Template]:
    """The traces of these requests, each as (resource, scope, spans); a span that is there twice counts once."""
    found: dict[bytes, dict[tuple[int, int], tuple[Any, Any, list[Any]]]] = {}
    seen = set[bytes]()
    for request in requests:
        for sender in request.resource_spans:
            for scope in sender.scope_spans:
                for span in scope.spans:
                    if span.trace_id + span.span_id in seen:
                        continue
                    seen.add(span.trace_id + span.span_id)
                    key = (id(sender), id(scope))
                    group = found.setdefault(span.trace_id, {}).setdefault(key, (sender.resource, scope.scope, []))
                    group[2].append(span)
    return [list(groups.values()) for groups in found.values()]
