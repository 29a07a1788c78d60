"""Spans and observations for tests of what attributes mean."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from workers.traces.base import Span, Stored
from workers.traces.mapping.aliases import MAPPING_VERSION
from workers.traces.mapping.deriving import derive

Json = dict[str, Any]

WHEN = datetime(2026, 11, 1, tzinfo=UTC)


def span(attributes: Json, *, name: str = "work", events: Any = (), resource: Json | None = None) -> Span:
    """A span that says this."""
    return Span(
        trace_id=bytes(15) + b"\1",
        span_id=bytes(7) + b"\1",
        parent_id=None,
        name=name,
        kind=1,
        start=1_000_000_000,
        end=2_000_000_000,
        status=0,
        status_message=None,
        attributes=attributes,
        events=list(events),
        links=[],
        resource=resource or {},
    )


def event(name: str, attributes: Json) -> Json:
    """An event of a span."""
    return {"name": name, "time": 1_000_000_000, "attributes": attributes}


def kept(one: Span, id: int = 1, parent: int | None = None, **columns: Any) -> Stored:
    """The span as a store gives it back."""
    derived = derive(one)
    made = Stored(
        trace_id=UUID(bytes=one.trace_id),
        span_id=id,
        digest=id,
        parent_id=parent,
        started_at=WHEN,
        duration_us=1,
        received_at=WHEN,
        span_kind=one.kind,
        status="unset",
        name=one.name,
        status_message=None,
        mapping_version=MAPPING_VERSION,
        attributes=one.attributes,
        events=one.events,
        **{name: getattr(derived, name) for name in derived.__slots__},
    )
    for name, value in columns.items():
        setattr(made, name, value)
    return made
