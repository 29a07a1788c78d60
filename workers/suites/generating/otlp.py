"""Spans that come with a request to write test cases: OTLP in JSON, or a plain list of spans or observations, read
without insisting on form (the receiver insists: workers/traces/decoding/), as the observations that they would be.

What is no span is passed over. Attributes are flat, by their dotted names, and plain values.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from infra.clock import now
from infra.errors import BadInput
from workers.traces.base import Span, Stored
from workers.traces.mapping.aliases import MAPPING_VERSION
from workers.traces.mapping.deriving import derive

Json = dict[str, Any]

MOST_SPANS = 20_000
DEEPEST = 8
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
# What the sender calls a trace, whose own id may be no id of OpenTelemetry's.
TRACE = "trace.id"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 2**63
_PARENTS = ("parentSpanId", "parent_span_id", "parentObservationId", "parent_observation_id", "parentId")
_VALUES = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")
# An observation's own fields, as attributes that spans have them under.
_OBSERVED = {
    "model": "gen_ai.request.model", "provided_model_name": "gen_ai.request.model",
    "input": "gen_ai.input.messages", "output": "gen_ai.output.messages",
    "modelParameters": "llm.invocation_parameters",
    "model_parameters": "llm.invocation_parameters",
}  # fmt: skip


def read(trace: Any) -> list[Stored]:
    """The observations in the order of their beginning. Raises BadInput where there are none, or too many."""
    found: list[Stored] = []
    for raw in _raw(trace, 0):
        span = _span(raw)
        if span is not None:
            found.append(_stored(span))
        if len(found) > MOST_SPANS:
            raise _bad(f"There are more than {MOST_SPANS:,} spans; send one trace at a time.")
    if not found:
        raise _bad("There are no spans in it: send OTLP JSON (`resourceSpans`), or a list of spans.")
    return sorted(found, key=lambda one: one.started_at)


def _stored(span: Span) -> Stored:
    """The observation that a store would make of it."""
    derived = asdict(derive(span))
    return Stored(
        trace_id=UUID(bytes=span.trace_id),
        span_id=int.from_bytes(span.span_id, signed=True),
        digest=0,
        parent_id=None if span.parent_id is None else int.from_bytes(span.parent_id, signed=True),
        started_at=EPOCH + timedelta(microseconds=span.start // 1000),
        duration_us=max(0, span.end - span.start) // 1000,
        received_at=now(),
        span_kind=span.kind,
        status="unset",
        name=span.name,
        status_message=None,
        mapping_version=MAPPING_VERSION,
        attributes=span.attributes,
        events=span.events,
        resource=span.resource,
        **derived,
    )


def _id(text: str, size: int) -> bytes:
    """An id in bytes, of whatever the sender has for one."""
    plain = text.replace("-", "")
    if len(plain) == 2 * size and re.fullmatch(r"[0-9a-fA-F]*", plain):
        return bytes.fromhex(plain)
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=size).digest()


def _bad(detail: str) -> BadInput:
    return BadInput(detail, errors=[{"pointer": "/trace", "detail": detail}])


def _raw(value: Any, depth: int) -> Iterator[Json]:
    if depth > 3 * DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _raw(one, depth + 1)
    elif isinstance(value, dict):
        inside = [
            value[name]
            for name in ("resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "instrumentationLibrarySpans",
                         "spans", "observations", "data")
            if isinstance(value.get(name), list)
        ]  # fmt: skip
        if inside:
            yield from _raw(inside, depth + 1)
        else:
            yield value


def _span(raw: Json) -> Span | None:
    def of(*names: str) -> Any:
        return next((raw[name] for name in names if raw.get(name) is not None), None)

    span_id = of("spanId", "span_id", "id")
    attributes = _attributes(of("attributes"))
    if "type" in raw and ("input" in raw or "output" in raw):
        attributes = _observed(raw) | attributes
    if span_id is None and not attributes:
        return None
    start = _time(of("startTimeUnixNano", "start_time_unix_nano", "startTime", "start_time"))
    end = _time(of("endTimeUnixNano", "end_time_unix_nano", "endTime", "end_time"))
    trace_id, parent_id = str(of("traceId", "trace_id") or ""), str(of(*_PARENTS) or "")
    return Span(
        trace_id=_id(trace_id, 16),
        span_id=_id(str(span_id or id(raw)), 8),
        parent_id=_id(parent_id, 8) if parent_id else None,
        name=str(of("name") or ""),
        kind=_kind(of("kind")),
        start=start or 0,
        end=end or start or 0,
        status=0,
        status_message=None,
        attributes=attributes,
        events=[*_events(of("events"))],
        links=[],
        resource={TRACE: trace_id} if trace_id else {},
    )


def _events(given: Any) -> Iterator[Json]:
    for one in given if isinstance(given, list) else ():
        if isinstance(one, dict):
            yield {"name": str(one.get("name") or ""), "time": 0, "attributes": _attributes(one.get("attributes"))}


def _observed(raw: Json) -> Json:
    kind = str(raw.get("type") or "").lower()
    found = {name: raw[own] for own, name in _OBSERVED.items() if raw.get(own) not in (None, "")}
    return {"gen_ai.operation.name": "chat" if kind == "generation" else kind, **found}


def _attributes(value: Any) -> Json:
    found: Json = {}
    if isinstance(value, list):
        for one in value:
            if isinstance(one, dict) and isinstance(one.get("key"), str):
                _flatten(one["key"], _plain(one.get("value"), 0), found)
    elif isinstance(value, dict):
        for name, one in value.items():
            _flatten(name, one, found)
    return found


def _flatten(name: str, value: Any, found: Json, depth: int = 0) -> None:
    """An object is attributes below the name, as well as itself."""
    found.setdefault(name, value)
    if isinstance(value, dict) and depth < DEEPEST:
        for inner, one in value.items():
            _flatten(f"{name}.{inner}", one, found, depth + 1)


def _plain(value: Any, depth: int) -> Any:
    """The value of OTLP's `{"stringValue": …}`; whole numbers are text there."""
    if not isinstance(value, dict) or depth > DEEPEST:
        return None if depth > DEEPEST else value
    if "arrayValue" in value:
        inside = value["arrayValue"].get("values") if isinstance(value["arrayValue"], dict) else None
        return [_plain(one, depth + 1) for one in inside] if isinstance(inside, list) else []
    if "kvlistValue" in value:
        pairs = value["kvlistValue"].get("values") if isinstance(value["kvlistValue"], dict) else None
        return {
            str(one.get("key")): _plain(one.get("value"), depth + 1)
            for one in (pairs if isinstance(pairs, list) else ())
            if isinstance(one, dict)
        }
    said = next((value[name] for name in _VALUES if name in value), None)
    return number(said) if "intValue" in value else said


def number(value: Any) -> int | None:
    """A whole number, also from text; a `{low, high}` pair of JavaScript too."""
    if isinstance(value, dict) and isinstance(value.get("low"), int) and isinstance(value.get("high"), int):
        return int(value["high"]) * 2**32 + (int(value["low"]) & 0xFFFFFFFF)
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 2**63 else None
    text = str(value or "")
    return int(text) if text.lstrip("-").isdecimal() and text.isascii() and len(text) < 20 else None


def _kind(value: Any) -> int:
    if isinstance(value, int) and 0 <= value < len(KINDS):
        return value
    text = str(value or "").lower().removeprefix("span_kind_")
    return KINDS.index(text) if text in KINDS else 0


def _time(value: Any) -> int | None:
    """Nanoseconds, also of a time in words; None where it is none."""
    nanoseconds = number(value)
    if nanoseconds is not None:
        return nanoseconds if 0 <= nanoseconds < LATEST else None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None:
        return None
    return max(0, (moment - EPOCH) // timedelta(microseconds=1) * 1000)
