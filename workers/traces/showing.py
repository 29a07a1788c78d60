"""Observations as the API shows them: what their columns say, all that they say, or that with long texts cut."""

from typing import Any

from infra import ids, json
from models import Trace
from workers.traces.base import Stored
from workers.traces.mapping.reading import texts_of

Json = dict[str, Any]

LONGEST = 4_000
LONGEST_ATTRIBUTE = 1_000
MOST_ATTRIBUTES = 200
MOST_EVENTS = 50
USAGE = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens")
AS_IT_IS = ("kind", "name", "status", "status_message", "started_at", "received_at", "service", "operation", "provider",
            "model", "session_id", "user_id", "release", "environment")  # fmt: skip


def narrow(one: Stored) -> Json:
    """What its columns say."""
    return {
        "id": shown_id(one.span_id),
        "object": "observation",
        "trace_id": ids.show(Trace.prefix, one.trace_id),
        "parent_id": None if one.parent_id is None else shown_id(one.parent_id),
        **{name: getattr(one, name) for name in AS_IT_IS},
        "duration_ms": one.duration_us / 1000,
        "usage": {name: getattr(one, name) for name in USAGE},
        "cost_usd": None if one.cost is None else f"{one.cost.normalize():f}",
    }


def whole(one: Stored) -> Json:
    """That, and all that it says."""
    said = texts_of(one)
    return {
        **narrow(one),
        "input": said.input,
        "output": said.output,
        "truncated": False,
        "attributes": one.attributes,
        "events": one.events,
        "links": one.links,
        "resource": one.resource,
    }


def cut(one: Stored) -> Json:
    """That with long texts cut; `truncated` says whether any is."""
    shown, cutting = whole(one), _Cutting()
    shown |= {name: cutting.value(shown[name], LONGEST) for name in ("input", "output")}
    shown["attributes"] = cutting.pairs(one.attributes)
    shown["events"] = [
        {**event, "attributes": cutting.pairs(event.get("attributes") or {})}
        for event in cutting.some(one.events, MOST_EVENTS)
    ]
    shown["links"] = cutting.some(one.links, MOST_EVENTS)
    shown["resource"] = cutting.pairs(one.resource)
    return shown | {"truncated": cutting.happened}


def size_of(shown: Json) -> int:
    """About how long it is as JSON."""
    return len(json.dump_bytes(shown))


def shown_id(span_id: int) -> str:
    """A span's id as OpenTelemetry writes it."""
    return f"{span_id % 2**64:016x}"


class _Cutting:
    """Cuts, and remembers that it did."""

    def __init__(self) -> None:
        self.happened = False

    def value(self, value: Any, longest: int) -> Any:
        """The value; a long one as the beginning of its text, or of its JSON."""
        if value is None or isinstance(value, bool | int | float):
            return value
        text = value if isinstance(value, str) else json.dumps(value)
        if len(text) <= longest:
            return value
        self.happened = True
        return text[:longest]

    def pairs(self, attributes: Json) -> Json:
        """Some attributes, each cut."""
        kept = self.some(list(attributes.items()), MOST_ATTRIBUTES)
        return {name: self.value(value, LONGEST_ATTRIBUTE) for name, value in kept}

    def some(self, listed: list[Any], most: int) -> list[Any]:
        """The first of them."""
        self.happened = self.happened or len(listed) > most
        return listed[:most]
