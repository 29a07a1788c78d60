"""Spans as they are exported: OTLP in JSON, or a plain list of spans or observations, read without insisting on form.

What is no span is passed over. Attributes are flat, by their dotted names, and plain values.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.errors import BadInput

Json = dict[str, Any]

MOST_SPANS = 20_000
DEEPEST = 8
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_PARENTS = ("parentSpanId", "parent_span_id", "parentObservationId", "parent_observation_id", "parentId")
_VALUES = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")
# An observation's own fields, as attributes that spans have them under.
_OBSERVED = {
    "model": "gen_ai.request.model", "provided_model_name": "gen_ai.request.model",
    "input": "gen_ai.input.messages", "output": "gen_ai.output.messages",
    "modelParameters": "llm.invocation_parameters",
    "model_parameters": "llm.invocation_parameters",
}  # fmt: skip


@dataclass(slots=True)
class Span:
    """One span. `kind` is one of KINDS; times in seconds since 1970, None where there is none; `events` are pairs of a
    name and attributes."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start: float | None
    end: float | None
    attributes: Json
    events: list[tuple[str, Json]] = field(default_factory=list)

    @property
    def milliseconds(self) -> float | None:
        """How long it took."""
        return None if self.start is None or self.end is None else max(0.0, (self.end - self.start) * 1000)

    def first(self, *names: str) -> Any:
        """The value of the first of these attributes that there is."""
        return next((self.attributes[name] for name in names if self.attributes.get(name) not in (None, "")), None)


def read(trace: Any) -> list[Span]:
    """The spans in the order of their beginning. Raises BadInput where there are none, or too many."""
    found: list[Span] = []
    for raw in _raw(trace, 0):
        span = _span(raw)
        if span is not None:
            found.append(span)
        if len(found) > MOST_SPANS:
            raise _bad(f"There are more than {MOST_SPANS:,} spans; send one trace at a time.")
    if not found:
        raise _bad("There are no spans in it: send OTLP JSON (`resourceSpans`), or a list of spans.")
    return sorted(found, key=lambda span: span.start or 0.0)


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
    events = of("events")
    return Span(
        trace_id=str(of("traceId", "trace_id") or ""),
        span_id=str(span_id or ""),
        parent_id=str(of(*_PARENTS) or ""),
        name=str(of("name") or ""),
        kind=_kind(of("kind")),
        start=_time(of("startTimeUnixNano", "start_time_unix_nano", "startTime", "start_time")),
        end=_time(of("endTimeUnixNano", "end_time_unix_nano", "endTime", "end_time")),
        attributes=attributes,
        events=[
            (str(one.get("name") or ""), _attributes(one.get("attributes")))
            for one in (events if isinstance(events, list) else ())
            if isinstance(one, dict)
        ],
    )  # fmt: skip


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


def _kind(value: Any) -> str:
    if isinstance(value, int) and 0 <= value < len(KINDS):
        return KINDS[value]
    text = str(value or "").lower().removeprefix("span_kind_")
    return text if text in KINDS else "unspecified"


def _time(value: Any) -> float | None:
    """Nanoseconds, or a time in words."""
    nanoseconds = number(value)
    if nanoseconds is not None:
        return nanoseconds / 1e9
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.timestamp() if moment is not None and moment.tzinfo is not None else None
