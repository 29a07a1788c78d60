"""What of two records stands opposite what: parameters, bodies, responses, headers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from workers.specs.rules.base import Json, Pair, Spot, items, mapping, step
from workers.specs.rules.parameters import RESERVED_HEADERS, style_of
from workers.specs.rules.view import Site

Placed = tuple[Json, str]  # a thing and the JSON pointer to it
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Two things that stand opposite each other, and their schemas if both have one."""

    pair: Pair
    schema_spot: Spot = Spot.OPERATION
    schemas: tuple[Site, Site] | None = None


def places(before: Json | None, after: Json | None, path_removed: bool, today: date) -> Iterator[Place]:
    """All of an operation, from the operation itself to its headers.

    What the API sends by itself (webhooks, callbacks) is judged like an answer: clients read it.
    """
    webhook = mapping(before or after).get("kind") == "webhook"
    about: Json = {"path_removed": path_removed, "webhook": webhook}
    whole = Pair(Spot.OPERATION, "the webhook" if webhook else "the operation", before, after, "", "", today, about)
    yield Place(whole)
    if before is None or after is None:
        return
    if webhook:
        yield from _message((before, ""), (after, ""), "the message", today)
        return
    yield Place(replace(whole, spot=Spot.SECURITY))
    yield from _parameters(before, after, today)
    yield from _bodies(before, after, today)
    yield from _responses(before, after, today)
    yield from _callbacks(before, after, today)


def _message(one: Placed, other: Placed, place: str, today: date) -> Iterator[Place]:
    """What the API sends, if both sides say what it is."""
    before, after = one[0].get("request_body"), other[0].get("request_body")
    if isinstance(before, dict) and isinstance(after, dict):
        left, right = (before, step(one[1], "request_body")), (after, step(other[1], "request_body"))
        yield from _media_types(left, right, Spot.RESPONSE_MEDIA_TYPE, Spot.RESPONSE_BODY, place, today)


def _callbacks(before: Json, after: Json, today: date) -> Iterator[Place]:
    one, other = _calls(before), _calls(after)
    for key, left in one.items():
        place, right = f"the callback `{key[0]}`", other.get(key)
        said, at = right or (None, "/callbacks" if "callbacks" in after else "")
        yield Place(Pair(Spot.CALLBACK, place, left[0], said, left[1], at, today))
        if right is not None:
            yield from _message(left, right, f"the message of {place}", today)


def _calls(record: Json) -> dict[tuple[str, str, str], Placed]:
    """Callbacks by name, address and method."""
    return {
        (name, url, method): (mapping(call), step(step(step("/callbacks", name), url), method))
        for name, urls in mapping(record.get("callbacks")).items()
        for url, methods in mapping(urls).items()
        for method, call in mapping(methods).items()
    }


def _parameters(before: Json, after: Json, today: date) -> Iterator[Place]:
    one, other = _by_key(before), _by_key(after)
    moves = _moves(one, other)
    for key in [*one, *(key for key in other if key not in one and key not in moves.values())]:
        twin = moves.get(key, key)
        yield _parameter(one.get(key), other.get(twin), today, moved=twin != key)


def _by_key(record: Json) -> dict[Key, Placed]:
    """The parameters by where they are and what they are called there: one in a path by its turn, for its name says
    nothing to the server; a header without regard to case."""
    found: dict[Key, Placed] = {}
    segments = str(record.get("path", "")).replace("}", "{").split("{")[1::2]
    for n, parameter in enumerate(items(record.get("parameters"))):
        said = mapping(parameter)
        where, name = said.get("in"), said.get("name")
        if not isinstance(where, str) or not isinstance(name, str):
            continue
        if where == "header":
            name = name.lower()
            if name in RESERVED_HEADERS:
                continue
        elif where == "path" and name in segments:
            name = str(segments.index(name))
        found[where, name] = (said, f"/parameters/{n}")
    return found


def _moves(one: dict[Key, Placed], other: dict[Key, Placed]) -> dict[Key, Key]:
    """Parameters that are in another place under the same name: from their former key to the new one."""
    gone, new = ([key for key in side if key not in rest] for side, rest in ((one, other), (other, one)))
    names = {str(other[key][0]["name"]).lower(): key for key in new}
    moves = {}
    for key in gone:
        found = names.pop(str(one[key][0]["name"]).lower(), None)
        if found is not None and found[0] != key[0]:
            moves[key] = found
    return moves


def _parameter(one: Placed | None, other: Placed | None, today: date, *, moved: bool) -> Place:
    (before, at_before), (after, at_after) = one or (None, ""), other or (None, "")
    shown = after or before or {}
    schemas = None
    if before is not None and after is not None:
        schemas = _schemas(_described((before, at_before)), _described((after, at_after)))
    about = {
        "in": shown.get("in"),
        "required": any(mapping(side).get("required") is True for side in (before, after)),
        "text": "content" not in shown,
        "repeats": style_of(shown) == ("form", True),
        "moved": moved,
    }
    place = f"the {shown.get('in')} parameter `{shown.get('name')}`"
    pair = Pair(Spot.PARAMETER, place, before, after, at_before, at_after, today, about)
    return Place(pair, Spot.PARAMETER_SCHEMA, schemas)


def _described(thing: Placed) -> Placed:
    """A parameter or header, or its one media type: whichever has the schema."""
    said, at = thing
    for name, content in mapping(said.get("content")).items():
        return mapping(content), step(step(at, "content"), name)
    return thing


def _schemas(one: Placed, other: Placed) -> tuple[Site, Site] | None:
    if "schema" not in one[0] or "schema" not in other[0]:
        return None
    before, after = (Site(said["schema"], step(at, "schema")) for said, at in (one, other))
    return before, after


def _bodies(before: Json, after: Json, today: date) -> Iterator[Place]:
    bodies = [record.get("request_body") for record in (before, after)]
    one, other = (body if isinstance(body, dict) else None for body in bodies)
    at = "/request_body"
    pair = Pair(Spot.CONTENT, "the request body", one, other, at if one else "", at if other else "", today)
    yield Place(pair)
    if one is not None and other is not None:
        yield from _media_types((one, at), (other, at), Spot.MEDIA_TYPE, Spot.BODY, "the request body", today)


def _media_types(one: Placed, other: Placed, spot: Spot, schema_spot: Spot, place: str, today: date) -> Iterator[Place]:
    before, after = _contents(one), _contents(other)
    renamed = _renamed(before, after)
    for name in [*before, *(name for name in after if name not in before and name not in renamed.values())]:
        twin = renamed.get(name, name)
        (left, at_left), (right, at_right) = before.get(name, (None, one[1])), after.get(twin, (None, other[1]))
        about: Json = {"text": not is_json(twin), "renamed": (name, twin) if twin != name else None}
        pair = Pair(spot, f"{place} ({twin})", left, right, at_left, at_right, today, about)
        schemas = None if left is None or right is None else _schemas((left, at_left), (right, at_right))
        yield Place(pair, schema_spot, schemas)


def _contents(thing: Placed) -> dict[str, Placed]:
    """The media types by their names, without regard to case and blanks."""
    said, at = thing
    content = mapping(said.get("content"))
    at = step(at, "content")
    return {name.lower().replace(" ", ""): (mapping(one), step(at, name)) for name, one in content.items()}


def _renamed(before: dict[str, Placed], after: dict[str, Placed]) -> dict[str, str]:
    """Media types that became a range around them (`application/*`), or the one of theirs that is left."""
    renamed: dict[str, str] = {}
    for name in before:
        for other in after:
            apart = name not in after and other not in before and other not in renamed.values()
            if name not in renamed and apart and (_within(name, other) or _within(other, name)):
                renamed[name] = other
    return renamed


def _within(name: str, wide: str) -> bool:
    kind = wide.split("/")[0]
    return wide == "*/*" or (wide.endswith("/*") and name.split("/")[0] == kind)


def is_json(media_type: str) -> bool:
    """Whether a number is no text there."""
    essence = media_type.split(";")[0]
    return essence == "application/json" or essence.endswith("+json")


def _responses(before: Json, after: Json, today: date) -> Iterator[Place]:
    one, other = mapping(before.get("responses")), mapping(after.get("responses"))
    for status in [*one, *(status for status in other if status not in one)]:
        left, right = (side.get(status) if isinstance(side.get(status), dict) else None for side in (one, other))
        at = step("/responses", status)
        place = f"the response `{status}`"
        about: Json = {"status": str(status).upper()}
        at_before, at_after = (at if side is not None else "/responses" for side in (left, right))
        yield Place(Pair(Spot.RESPONSE, place, left, right, at_before, at_after, today, about))
        if left is not None and right is not None:
            spots = Spot.RESPONSE_MEDIA_TYPE, Spot.RESPONSE_BODY
            yield from _media_types((left, at), (right, at), *spots, place, today)
            yield from _headers((left, at), (right, at), place, today)


def _headers(one: Placed, other: Placed, place: str, today: date) -> Iterator[Place]:
    before, after = _header_names(one), _header_names(other)
    for name in [*before, *(name for name in after if name not in before)]:
        (left, at_left), (right, at_right) = before.get(name, (None, one[1])), after.get(name, (None, other[1]))
        schemas = None
        if left is not None and right is not None:
            schemas = _schemas(_described((left, at_left)), _described((right, at_right)))
        shown = (at_right if right is not None else at_left).rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")
        about: Json = {"text": True}
        pair = Pair(Spot.HEADER, f"the header `{shown}` of {place}", left, right, at_left, at_right, today, about)
        yield Place(pair, Spot.RESPONSE_HEADER, schemas)


def _header_names(thing: Placed) -> dict[str, Any]:
    said, at = thing
    headers = mapping(said.get("headers"))
    at = step(at, "headers")
    found = {name.lower(): (mapping(one), step(at, name)) for name, one in headers.items()}
    return {name: one for name, one in found.items() if name != "content-type"}
