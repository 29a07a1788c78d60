"""OTLP in JSON, by OpenTelemetry's own rules: ids are hex, enums are numbers, integers may be text.

Others bend them, so names in snake_case, names of enums, and null for what is absent are understood as well. Fields
that nobody knows are passed over. Google's library reads ids as base64, so it is of no use here.
"""

import re
from collections.abc import Mapping
from typing import Any

from infra import json
from infra.errors import BodyTooLarge, MalformedJson, MalformedOtlp
from workers.traces.base import Json, Span
from workers.traces.decoding import spans
from workers.traces.decoding.spans import BadSpan, Decoded

KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")
# An empty one takes two bytes as text, and fifty times that in memory.
MOST_CONTAINERS = 2_000_000
SMALLEST, LARGEST = -(2**63), 2**63 - 1
# One half of a character, written as JSON escapes it: what is left of a text that was cut in the middle of an emoji.
_HALF = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def decode(body: bytes) -> Decoded:
    """The spans of an ExportTraceServiceRequest; raises MalformedJson, MalformedOtlp for JSON of another form, and
    BodyTooLarge for too many spans."""
    request = _object(_parsed(body), "The request body")
    groups = []
    for one in _objects(request, "resourceSpans", "resource_spans"):
        sender = _object(one.get("resource"), "resource")
        for scope in _objects(one, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            members = _list(scope.get("spans"), "spans")
            groups.append((sender, _object(scope.get("scope"), "scope"), members))
    spans.require_few(sum(len(members) for _, _, members in groups))
    decoded = Decoded()
    for sender, scope, members in groups:
        try:
            shared = _resource(sender, scope)
        except BadSpan as error:
            decoded.reject(f"Of their resource: {error}", len(members))
            continue
        for given in members:
            decoded.add(_span, given, shared)
    return decoded


def _parsed(body: bytes) -> Any:
    if body.count(b"{") + body.count(b"[") > MOST_CONTAINERS:
        raise BodyTooLarge(
            f"The request has more than {MOST_CONTAINERS} objects and lists; send fewer spans at a time."
        )
    try:
        return json.read(body)
    except ValueError:
        pass
    whole = body.decode(errors="replace").encode()
    try:
        return json.read(_HALF.sub(_mended, whole) if b"\\u" in whole else whole)
    except ValueError as error:
        raise MalformedJson(f"The request body is not valid JSON: {error}.") from None


def _mended(half: "re.Match[bytes]") -> bytes:
    return half[0] if half[2] else half[1] + rb"\ufffd"


def _objects(holder: Json, *names: str) -> list[Json]:
    given = next((found for name in names if (found := holder.get(name)) is not None), None)
    return [_object(one, f"Each of {names[0]}") for one in _list(given, names[0])]


def _list(given: Any, what: str) -> list[Any]:
    if given is not None and type(given) is not list:
        raise MalformedOtlp(f"{what} must be a list.")
    return given or []


def _object(given: Any, what: str) -> Json:
    if given is not None and type(given) is not dict:
        raise MalformedOtlp(f"{what} must be an object.")
    return given or {}


def _resource(sender: Json, scope: Json) -> Json:
    name, version = _text(scope.get("name"), "The scope's name"), _text(scope.get("version"), "The scope's version")
    return spans.resource(_attributes(sender.get("attributes")), name, version, _attributes(scope.get("attributes")))


def _span(given: Any, resource: Json) -> Span:
    if type(given) is not dict:
        raise BadSpan("A span must be an object.")
    trace_id = _id(_of(given, "traceId", "trace_id"), "trace")
    span_id = _id(_of(given, "spanId", "span_id"), "span")
    start = _integer(_of(given, "startTimeUnixNano", "start_time_unix_nano"), "A time")
    end = _integer(_of(given, "endTimeUnixNano", "end_time_unix_nano"), "A time")
    spans.check(trace_id, span_id, start, end)
    pairs = _members(given.get("attributes"), "attributes")
    spans.require_few_attributes(len(pairs))
    attributes = _plain(pairs)
    status = given.get("status") or {}
    if type(status) is not dict:
        raise BadSpan("The status must be an object.")
    _add_extras(given, attributes)
    return Span(
        trace_id,
        span_id,
        spans.parent(_id(_of(given, "parentSpanId", "parent_span_id"), "parent's span")),
        _text(given.get("name"), "The name"),
        spans.kind(_enum(given.get("kind"), "SPAN_KIND_", KINDS)),
        start,
        end,
        spans.status(_enum(status.get("code"), "STATUS_CODE_", STATUSES)),
        _text(status.get("message"), "The status message") or None,
        attributes,
        [_event(one) for one in _members(given.get("events"), "events")],
        [_link(one) for one in _members(given.get("links"), "links")],
        resource,
    )


def _add_extras(given: Json, attributes: Json) -> None:
    state = _text(_of(given, "traceState", "trace_state"), "The trace state")
    dropped = (
        _integer(_of(given, "droppedAttributesCount", "dropped_attributes_count"), "A count"),
        _integer(_of(given, "droppedEventsCount", "dropped_events_count"), "A count"),
        _integer(_of(given, "droppedLinksCount", "dropped_links_count"), "A count"),
    )
    spans.extras(attributes, state, dropped)


def _event(given: Json) -> Json:
    return {
        "name": _text(given.get("name"), "An event's name"),
        "time": _integer(_of(given, "timeUnixNano", "time_unix_nano"), "An event's time"),
        "attributes": _attributes(given.get("attributes")),
    }


def _link(given: Json) -> Json:
    return {
        "trace_id": _id(_of(given, "traceId", "trace_id"), "link's trace").hex(),
        "span_id": _id(_of(given, "spanId", "span_id"), "link's span").hex(),
        "attributes": _attributes(given.get("attributes")),
    }


def _of(holder: Mapping[str, Any], name: str, other: str) -> Any:
    found = holder.get(name)
    return found if found is not None else holder.get(other)


def _members(given: Any, what: str) -> list[Json]:
    if given is None:
        return []
    if type(given) is not list or not all(type(one) is dict for one in given):
        raise BadSpan(f"The {what} must be a list of objects.")
    return given


def _text(given: Any, what: str) -> str:
    if given is None:
        return ""
    if type(given) is not str:
        raise BadSpan(f"{what} must be text.")
    return given


def _id(given: Any, what: str) -> bytes:
    if given is None:
        return b""
    try:
        return bytes.fromhex(given)
    except (TypeError, ValueError):
        raise BadSpan(f"The {what} id must be hex digits.") from None


def _integer(given: Any, what: str) -> int:
    if given is None:
        return 0
    found = given
    if (type(given) is str and _DIGITS.fullmatch(given)) or (type(given) is float and given.is_integer()):
        found = int(given)
    if type(found) is not int or not SMALLEST <= found <= spans.LATEST:
        raise BadSpan(f"{what} must be an integer of 64 bits.")
    return found


_DIGITS = re.compile(r"-?[0-9]{1,20}")


def _enum(given: Any, prefix: str, names: tuple[str, ...]) -> int:
    if type(given) is str and given.removeprefix(prefix) in names:
        return names.index(given.removeprefix(prefix))
    return _integer(given, "An enum")


def _attributes(given: Any) -> Json:
    return _plain(_members(given, "attributes"))


def _plain(pairs: list[Json]) -> Json:
    found = {}
    for pair in pairs:
        key, value = pair.get("key"), pair.get("value")
        if type(key) is not str:
            key = _text(key, "An attribute's key")
        plain = value.get("stringValue") if type(value) is dict else None
        found[key] = plain if type(plain) is str else _value(value)
    return found


def _value(given: Any) -> Any:
    if given is None:
        return None
    if type(given) is not dict:
        raise BadSpan('An attribute\'s value must be an object such as {"stringValue": "…"}.')
    for name, value in given.items():
        read = _READERS.get(name)
        if read is not None and value is not None:
            return read(value)
    return None


def _int64(given: Any) -> int:
    found = _integer(given, "An intValue")
    if found > LARGEST:
        raise BadSpan("An intValue must be an integer of 64 bits.")
    return found


def _double(given: Any) -> float | str:
    if type(given) in (int, float, str):
        try:
            return spans.number(float(given))
        except (ValueError, OverflowError):
            pass
    raise BadSpan("A doubleValue must be a number.")


def _boolean(given: Any) -> bool:
    if type(given) is not bool:
        raise BadSpan("A boolValue must be true or false.")
    return given


def _string(given: Any) -> str:
    return _text(given, "A stringValue")


def _bytes(given: Any) -> str:
    return _text(given, "A bytesValue")


def _values(given: Any) -> list[Json]:
    if type(given) is not dict:
        raise BadSpan("An arrayValue must be an object with values.")
    return [_value(one) for one in _members(given.get("values"), "values of an array")]


def _pairs(given: Any) -> Json:
    if type(given) is not dict:
        raise BadSpan("A kvlistValue must be an object with values.")
    return _attributes(given.get("values"))


_READERS = {
    "stringValue": _string,
    "intValue": _int64,
    "doubleValue": _double,
    "boolValue": _boolean,
    "arrayValue": _values,
    "kvlistValue": _pairs,
    "bytesValue": _bytes,
    "string_value": _string,
    "int_value": _int64,
    "double_value": _double,
    "bool_value": _boolean,
    "array_value": _values,
    "kvlist_value": _pairs,
    "bytes_value": _bytes,
}
