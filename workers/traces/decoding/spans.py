"""What the forms of OTLP share: what a span must have, and how one that has not is told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.errors import BodyTooLarge
from workers.traces.base import Span

Json = dict[str, Any]

# Of one request. More would hold a process's memory, and its transaction, for too long.
MOST_SPANS = 50_000
# Attributes, events, links and members of lists of all of them. An empty one takes two bytes in protobuf.
MOST_VALUES = 2_000_000
# SDKs stop at 128 by default.
MOST_ATTRIBUTES = 10_000
MOST_REASONS = 5
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
NO_TRACE, NO_SPAN = bytes(TRACE_ID_BYTES), bytes(SPAN_ID_BYTES)
LATEST = 2**64 - 1
LAST_KIND, LAST_STATUS = 5, 2
# Beyond, doubles are whole numbers, and JSON says them with an exponent.
BEYOND = 1e16
# JSON has no numbers for them.
NOT_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


class BadSpan(ValueError):
    """A span that cannot be kept; says why."""


@dataclass(slots=True)
class Decoded:
    """The good spans of a request, how many were bad, and what was wrong with them: each sentence once, five at
    most."""

    spans: list[Span] = field(default_factory=list)
    rejected: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, make: Callable[[Any, Json], Span], given: Any, resource: Json) -> None:
        """One more span of that resource, if it is good."""
        try:
            self.spans.append(make(given, resource))
        except BadSpan as error:
            self.reject(str(error))

    def reject(self, reason: str, count: int = 1) -> None:
        """So many bad ones."""
        self.rejected += count
        if reason not in self.reasons and len(self.reasons) < MOST_REASONS:
            self.reasons.append(reason)


class Budget:
    """How many values may still be read of a request."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def spend(self, count: int) -> None:
        """So many are about to be read; raises BodyTooLarge."""
        self._left -= count
        if self._left < 0:
            raise BodyTooLarge(f"The request has more than {MOST_VALUES} values; send fewer spans at a time.")


def require_few(count: int, what: str = "spans") -> None:
    """Raises BodyTooLarge."""
    if count > MOST_SPANS:
        raise BodyTooLarge(f"The request has {count} {what}; send at most {MOST_SPANS} at a time.")


def check(trace_id: bytes, span_id: bytes, start: int, end: int) -> None:
    """Raises BadSpan for ids that name nothing and times that nobody set. An end before the start is kept: clocks are
    set back."""
    if len(trace_id) != TRACE_ID_BYTES or trace_id == NO_TRACE:
        raise BadSpan("The trace id must be 16 bytes, not all zero.")
    if len(span_id) != SPAN_ID_BYTES or span_id == NO_SPAN:
        raise BadSpan("The span id must be 8 bytes, not all zero.")
    if not (0 < start <= LATEST and 0 < end <= LATEST):
        raise BadSpan("The start and end times must be nanoseconds since 1970, more than 0 and of 64 bits.")


def require_few_attributes(count: int) -> None:
    """Raises BadSpan, before they are read."""
    if count > MOST_ATTRIBUTES:
        raise BadSpan(f"A span may have at most {MOST_ATTRIBUTES} attributes.")


def parent(given: bytes) -> bytes | None:
    """The parent's id; absent or all zero: none."""
    if not given or given == NO_SPAN:
        return None
    if len(given) != SPAN_ID_BYTES:
        raise BadSpan("The parent's span id must be 8 bytes, or empty.")
    return given


def kind(given: int) -> int:
    """A span's kind; one that this version does not know: unspecified."""
    return given if 0 <= given <= LAST_KIND else 0


def status(given: int) -> int:
    """A status code, likewise."""
    return given if 0 <= given <= LAST_STATUS else 0


def number(value: float) -> float | str:
    """A double as JSON can have it, and as PostgreSQL's gives it back: whole ones beyond 1e16, which JSON would write
    with an exponent, as integers where those are of 64 bits, and no negative zero."""
    if -BEYOND < value < BEYOND:
        return value + 0.0
    if value - value != 0:
        return NOT_NUMBERS[str(value)]
    return int(value) if -(2**63) <= value < 2**64 else value


def resource(attributes: Json, name: str, version: str, scope: Json) -> Json:
    """What sent a span: the resource's attributes, and the instrumentation scope's as `otel.scope.…`."""
    found = dict(attributes)
    for key, value in (*scope.items(), ("name", name), ("version", version)):
        if value != "":
            found[f"otel.scope.{key}"] = value
    return found


def extras(attributes: Json, trace_state: str, dropped: tuple[int, int, int]) -> None:
    """What a span says besides its attributes, by the names that OpenTelemetry gives it where it must be one."""
    if trace_state:
        attributes.setdefault("otel.trace_state", trace_state)
    for what, count in zip(("attributes", "events", "links"), dropped, strict=True):
        if count:
            attributes.setdefault(f"otel.dropped_{what}_count", count)
