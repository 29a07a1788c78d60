"""Filters, bounds and orders of lists: every item that is answered is one that was asked for, in the order that was."""

import re
from collections.abc import Iterator
from typing import Any

from infra import json
from workers.suites.generating import expectations as expect
from workers.suites.generating.drafting import Draft
from workers.suites.generating.listing import Listing, make_with, quoted
from workers.suites.generating.requests import Raw
from workers.suites.generating.resources import singular
from workers.suites.generating.views import types_of
from workers.suites.generating.writing import Mode, all_well, finished

Json = dict[str, Any]

MOST_VALUES = 6
_LEAST = re.compile(r"(?i)(?:min|minimum|from|since)_(.+)|(.+)_(?:min|gte|from|since|after)")
_MOST = re.compile(r"(?i)(?:max|maximum|until)_(.+)|(.+)_(?:max|lte|to|until|before)")


def cases(listing: Listing) -> Iterator[Json]:
    """All for what the query of a list can choose."""
    yield from _filters(listing)
    yield from _ranges(listing)
    yield from _orders(listing)


def _filters(listing: Listing) -> Iterator[Json]:
    """Every item has the value that was asked for."""
    operation = listing.operation
    for one in operation.parameters:
        name = str(one["name"])
        plain = operation.sent.flat(one["schema"])
        listed = "array" in types_of(plain)
        plain = operation.sent.flat(plain.get("items")) if listed else plain
        wanted = name if name in listing.items else singular(name) if listed else name
        values = plain.get("enum") or ([True, False] if types_of(plain) == {"boolean"} else [])
        if one["in"] != "query" or wanted not in listing.items or name == "sort":
            continue
        for value in values[:MOST_VALUES]:
            draft = Draft(listing.workshop, operation, f"filter {name} {value}")
            made = make_with(draft, listing, wanted, value)
            request = draft.base(optional=False).put("query", name, [value] if listed else value)
            others = f"{listing.rows.jsonpath}[?@.{wanted} != {quoted(value)}]"
            more = [expect.body(others, "not_exists")]
            more += [expect.body(f"{listing.rows.jsonpath}[0]", "exists")] if made else []
            draft.send(request, [*all_well(draft, operation), *more], name="list")
            yield finished(
                draft, Mode.STATEFUL, "filter", f"{operation.name} with {name} {json.dumps(value)} has only such items",
                f"{name} is a property of the items; each that is answered has the value that was asked for.", rank=2,
                parameter=name, keyword="enum",
            )  # fmt: skip


def _ranges(listing: Listing) -> Iterator[Json]:
    """Bounds in the query: nothing outside of them, and what is just on them."""
    least = {name: one for one in listing.operation.parameters if (name := _ranged(listing, one, _LEAST))}
    most = {name: one for one in listing.operation.parameters if (name := _ranged(listing, one, _MOST))}
    for name, one in [*least.items(), *most.items()]:
        sign = "<" if one is least.get(name) else ">"
        plain = listing.operation.sent.flat(one["schema"])
        for value in _range_values(listing, name, plain, sign):
            draft = Draft(listing.workshop, listing.operation, f"range {one['name']} {value}")
            made = make_with(draft, listing, name, value) if not isinstance(value, str) else None
            request = draft.base(optional=False).put("query", str(one["name"]), value)
            outside = f"{listing.rows.jsonpath}[?@.{name} {sign} {quoted(value)}]"
            more = [expect.body(outside, "not_exists")]
            more += [expect.body(f"{listing.rows.jsonpath}[0]", "exists")] if made else []
            draft.send(request, [*all_well(draft, listing.operation), *more], name="list")
            yield _range_case(listing, draft, str(one["name"]), value, name)
    for name, one in least.items():
        yield from _since(listing, name, one)
    for name in sorted(least.keys() & most.keys()):
        yield from _exactly(listing, name, str(least[name]["name"]), str(most[name]["name"]))


def _since(listing: Listing, name: str, parameter: Json) -> Iterator[Json]:
    """What was made is in the list of what was made since that very day, or moment."""
    plain, resource = listing.operation.sent.flat(parameter["schema"]), listing.resource
    moment = plain.get("format")
    if moment not in ("date", "date-time") or resource is None or name not in resource.create.properties_answered():
        return
    draft = listing.draft(f"since {parameter['name']}", 1)
    made = next(one for one in reversed(draft.setup) if one["operation"] == resource.create.name)
    form = "[0-9]{4}-[0-9]{2}-[0-9]{2}" if moment == "date" else '[^"]+'
    taken = {"name": "since", "from": "regex", "expression": f'"{name}"\\s*:\\s*"({form})', "default": "none"}
    made["extract"] = [*made.get("extract", ()), taken]
    request = draft.base(optional=False).put("query", str(parameter["name"]), Raw("{{since}}"))
    there = expect.body(f"{listing.rows.jsonpath}[0]", "exists")
    draft.send(request, [*all_well(draft, listing.operation), there], name="list")
    title = f"{listing.operation.name} with {parameter['name']} has what was made since then"
    explanation = f"{parameter['name']} is the {name} of an item, so that at least this one is answered."
    yield finished(draft, Mode.STATEFUL, "range", title, explanation, rank=3, parameter=str(parameter["name"]))


def _exactly(listing: Listing, name: str, least: str, most: str) -> Iterator[Json]:
    """What has just the value of both bounds is in the list."""
    value = _range_values(listing, name, listing.operation.sent.flat(_query(listing, least)), "<")[0]
    draft = Draft(listing.workshop, listing.operation, f"range exactly {name}")
    if isinstance(value, str) or not make_with(draft, listing, name, value):
        return
    request = draft.base(optional=False).put("query", least, value).put("query", most, value)
    others = f"{listing.rows.jsonpath}[?@.{name} != {quoted(value)}]"
    more = [expect.body(others, "not_exists"), expect.body(f"{listing.rows.jsonpath}[0]", "exists")]
    draft.send(request, [*all_well(draft, listing.operation), *more], name="list")
    yield _range_case(listing, draft, f"{least} and {most}", value, name)


def _range_case(listing: Listing, draft: Draft, parameter: str, value: Any, name: str) -> Json:
    title = f"{listing.operation.name} with {parameter} {json.dumps(value)} has only items within"
    explanation = f"{parameter} bounds the {name} of the items: none is outside, and one that is on the bound is there."
    return finished(draft, Mode.STATEFUL, "range", title, explanation, rank=3, parameter=parameter)


def _ranged(listing: Listing, parameter: Json, pattern: re.Pattern[str]) -> str | None:
    """The property of the items that a parameter bounds."""
    found = pattern.fullmatch(str(parameter["name"])) if parameter["in"] == "query" else None
    name = next((one for one in found.groups() if one), "") if found else ""
    return next((one for one in (name, f"{name}_at", f"{name}At") if name and one in listing.items), None)


def _range_values(listing: Listing, name: str, plain: Json, sign: str) -> list[Any]:
    """Values that tell; moments are far in the future and in the past, where nothing is."""
    kinds = types_of(plain)
    if plain.get("format") in ("date", "date-time"):
        day = "2999-01-01" if sign == "<" else "1971-01-01"
        return [day if plain["format"] == "date" else f"{day}T00:00:00Z"]
    if not kinds & {"integer", "number"}:
        return []
    random = listing.workshop.values.random(listing.operation.name, "range", name)
    low, high = plain.get("minimum", 0), plain.get("maximum", 1000)
    if "integer" in kinds and high - low <= 20:
        return list(range(int(low), int(high) + 1))[:MOST_VALUES]
    return [int(low + (high - low) * (0.5 + random.random() / 4))]


def _orders(listing: Listing) -> Iterator[Json]:
    """Sorted as it was asked for."""
    parameter = listing.parameter(lambda name: name.lower() in ("sort", "sort_by", "order_by", "orderby", "sortby"))
    if parameter is None or listing.id_name is None:
        return
    plain = listing.operation.sent.flat(parameter["schema"])
    for value in plain.get("enum") or ():
        name, falling = _order(str(value))
        kinds = types_of(listing.operation.answered.flat(listing.items.get(name)))
        if name not in listing.items or "null" in kinds or not kinds & {"integer", "number", "string"}:
            continue
        draft = Draft(listing.workshop, listing.operation, f"sort {value}")
        more = _in_order(draft, listing, name, falling)
        request = draft.base(optional=False).put("query", str(parameter["name"]), value)
        draft.send(request, [*all_well(draft, listing.operation), *more], name="list")
        yield finished(
            draft, Mode.STATEFUL, "sort", f"{listing.operation.name} sorted by {value} is in that order",
            f"{parameter['name']} is {value}; the items come by {name}{', falling' if falling else ''}.", rank=2,
            parameter=str(parameter["name"]), keyword="enum",
        )  # fmt: skip


def _in_order(draft: Draft, listing: Listing, name: str, falling: bool) -> list[Json]:
    """Makes two items that differ in the property; what is true of the list then. Texts of people are ordered by rules
    of their own, so of these only our two are compared."""
    plain = listing.operation.answered.flat(listing.items[name])
    values = f"{listing.rows.jmespath}[*].{name}" if listing.rows.path else f"[*].{name}"
    ordered = f"reverse(sort({values}))" if falling else f"sort({values})"
    if "string" in types_of(plain) and "format" not in plain and "pattern" not in plain:
        begin = "zzz" if falling else "000"
        made = [make_with(draft, listing, name, f"{begin} {one}") for one in ("aaa", "bbb")]
        if not all(made):
            return []
        ours = made if not falling else list(reversed(made))
        wrong = " || ".join(f"to_string({listing.id_name}) == '{one}'" for one in made)
        found = f"{listing.rows.jmespath}[?{wrong}].to_string({listing.id_name})" if listing.rows.path else ""
        return [expect.body(found, "not_equals", list(reversed(ours)))] if found else []
    create = listing.resource.create if listing.resource is not None else None
    if create is not None and name in create.properties_sent():
        random = listing.workshop.values.random(listing.operation.name, "sort", name)
        for one in listing.workshop.values.boundaries(create.sent, create.properties_sent()[name], "body", random)[:2]:
            make_with(draft, listing, name, one.value)
    return [expect.body(f"{ordered} == {values}", "equals", True)]


def _order(value: str) -> tuple[str, bool]:
    """The property and whether it falls: `-price`, `price:desc`, `price_desc`."""
    found = re.fullmatch(r"(-|\+)?(.+?)(?:[:_. ](asc|desc))?", value)
    if found is None:
        return value, False
    return found[2], found[1] == "-" or found[3] == "desc"


def _query(listing: Listing, name: str) -> Any:
    return (listing.operation.parameter(name, "query") or {}).get("schema", {})
