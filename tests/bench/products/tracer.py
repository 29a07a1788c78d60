"""Builds the spans of one trace, on a clock of its own."""

from random import Random
from typing import Any

from workers.traces.base import INTERNAL, Span

Json = dict[str, Any]
MILLISECOND = 1_000_000
OK, ERROR = 1, 2


class Tracer:
    """One trace: what is begun stays open, and the clock runs on with what is done. `pace` stretches all times."""

    def __init__(self, rng: Random, now: int, resource: Json, pace: float = 1.0) -> None:
        self.rng, self.now, self.resource, self.pace = rng, now, resource, pace
        self.trace_id = rng.getrandbits(128).to_bytes(16, "big")
        self.spans: list[Span] = []
        self._open: list[bytes | None] = [None]

    def begin(self, name: str, kind: int = INTERNAL, attributes: Json | None = None) -> Span:
        """Opens a span below the one that is open."""
        span_id = (self.rng.getrandbits(64) | 1).to_bytes(8, "big")
        span = Span(
            self.trace_id, span_id, self._open[-1], name, kind, self.now, 0, 0, None,
            {} if attributes is None else attributes, [], [], self.resource,
        )  # fmt: skip
        self._open.append(span_id)
        return span

    def end(self, span: Span, error: str | None = None) -> Span:
        """Closes it; spans are sent in the order of their ends."""
        span.end = self.now
        if error:
            span.status, span.status_message = ERROR, error
            span.events.append(_exception(error, self.now))
        self._open.pop()
        self.spans.append(span)
        return span

    def wait(self, milliseconds: float) -> None:
        """Lets time pass."""
        self.now += int(milliseconds * MILLISECOND * self.pace)

    def leaf(
        self, name: str, kind: int, milliseconds: float, attributes: Json | None = None, error: str | None = None
    ) -> Span:
        """A span with nothing below it."""
        span = self.begin(name, kind, attributes)
        self.wait(milliseconds)
        return self.end(span, error)


def _exception(error: str, at: int) -> Json:
    kind, _, message = error.partition(": ")
    return {"name": "exception", "time": at, "attributes": {"exception.type": kind, "exception.message": message}}
