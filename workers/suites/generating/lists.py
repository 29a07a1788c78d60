"""Lists: as many items as were asked for, pages that neither repeat nor omit, filters, orders, totals.

What is asked may be answered while others add and remove things: nothing here depends on what else is in the list, and
what takes two requests is tried several times, of which one is enough.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra import json
from workers.suites.generating import expectations as expect
from workers.suites.generating.bounds import is_limit
from workers.suites.generating.drafting import Draft, Workshop
from workers.suites.generating.operations import Operation, Rows, shape
from workers.suites.generating.requests import Raw, Request
from workers.suites.generating.resources import Resource, singular
from workers.suites.generating.views import types_of
from workers.suites.generating.writing import Mode, all_well, finished

Json = dict[str, Any]

MADE, HALF = 5, 2
TRIES = 4
MOST_VALUES = 6
TOTALS = ("total", "total_count", "totalcount", "total_items", "totalitems")
_OFFSET = ("offset", "skip", "start")
_PAGE = ("page", "page_number", "pagenumber")
_CURSOR = re.compile(r"(?i)(?:.*_)?(cursor|page_?token|continuation|after|starting_after)")
_LEAST = re.compile(r"(?i)(?:min|minimum|from|since)_(.+)|(.+)_(?:min|gte|from|since|after)")
_MOST = re.compile(r"(?i)(?:max|maximum|until)_(.+)|(.+)_(?:max|lte|to|until|before)")


@dataclass(frozen=True)
class Listing:
    """A list, and what makes its items; `id_name` is the property by which they are known."""

    workshop: Workshop
    operation: Operation
    rows: Rows
    resource: Resource | None
    items: Json
    id_name: str | None

    def parameter(self, test: Any) -> Json | None:
        """The first parameter of the query whose name passes."""
        return next((one for one in self.operation.parameters if one["in"] == "query" and test(str(one["name"]))), None)

    def draft(self, purpose: str, count: int) -> Draft:
        """A case for which so many items are made."""
        draft = Draft(self.workshop, self.operation, f"list {purpose}")
        if self.resource is not None:
            request = draft.filled(draft.base(optional=False))
            known = {name: value.text for (place, name), value in request.values.items()
                     if place == "path" and isinstance(value, Raw)}  # fmt: skip
            for index in range(count):
                draft.made(self.resource, known, again=f"item {index}")
        return draft


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """All for an operation that answers a list."""
    if operation.rows is None:
        return
    resource = _made_in(workshop, operation)
    items = operation.answered.properties(operation.rows.schema)
    items = {name: one for name, one in items.items() if name.isidentifier() and name.isascii()}
    wanted = [resource.id_property, resource.parameter] if resource is not None else []
    id_name = next((one for one in [*wanted, "id", "uuid", "key", "name"] if one and one in items), None)
    listing = Listing(workshop, operation, operation.rows, resource, items, id_name)
    yield from _limits(listing)
    yield from _pages(listing)
    yield from _filters(listing)
    yield from _ranges(listing)
    yield from _orders(listing)
    yield from _has_what_was_made(listing)


def _made_in(workshop: Workshop, operation: Operation) -> Resource | None:
    """What makes items of the list: POST on its path, or PUT below."""
    for one in workshop.resources.all:
        path = one.create.path.rsplit("/", 1)[0] if one.chosen else one.create.path
        if shape(path) == shape(operation.path) and not one.borrowed:
            return one
    return None


def _limits(listing: Listing) -> Iterator[Json]:
    """Exactly as many as were asked for, where there are more; and the total counts all."""
    limit = listing.parameter(is_limit)
    if limit is None or listing.resource is None:
        return
    for count in (1, 2, MADE - 1):
        if not listing.operation.sent.accepts(limit["schema"], count):
            continue
        draft = listing.draft(f"limit {count}", MADE)
        request = draft.base(optional=False).put("query", str(limit["name"]), count)
        exact: Json = {"type": "array", "minItems": count, "maxItems": count}
        more = [{"type": "json_schema", "path": listing.rows.jsonpath, "schema": exact}, *_totals(listing, MADE)]
        draft.send(request, [*all_well(draft, listing.operation), *more], name="list")
        title = f"{listing.operation.name} gives {count} items when {limit['name']} is {count}"
        yield finished(
            draft, Mode.STATEFUL, "limit", title,
            f"There are at least {MADE} items, and {limit['name']} asks for {count}.", rank=2,
            parameter=str(limit["name"]),
        )  # fmt: skip


def _totals(listing: Listing, least: int) -> list[Json]:
    """That totals, in the answer or its headers, count more than a page has."""
    properties = listing.operation.answered.properties(listing.operation.answer)
    found = [expect.body(f"$.{name}", "greater_or_equal", least) for name in properties if name.lower() in TOTALS]
    for name, header in (listing.operation.success.get("headers") or {}).items():
        if "total" in name.lower() and "integer" in types_of(listing.operation.answered.flat(header.get("schema"))):
            found.append({"type": "header", "name": name, "op": "greater_or_equal", "expected": least})
    return found


def _pages(listing: Listing) -> Iterator[Json]:
    """The page after a short one begins where a long page has its third item. Others may add and remove items between
    two requests, so it is tried several times: what is wrong is wrong by the same count each time."""
    limit, id_name, operation = listing.parameter(is_limit), listing.id_name, listing.operation
    turn = _turning(listing)
    if limit is None or turn is None or id_name is None or listing.resource is None:
        return
    name, row = str(limit["name"]), listing.rows.jsonpath
    if not all(operation.sent.accepts(limit["schema"], one) for one in (MADE, HALF)):
        return
    draft, base = _apart_from_others(listing)
    well = [expect.status(*expect.accepted(operation))]
    for count in range(1, TRIES + 1):
        known = [_taken(f"long_{count}_{one}", f"{row}[{one}].{id_name}") for one in range(MADE)]
        draft.send(base.put("query", name, MADE), well, name="long_page", extract=known)
        short = base.put("query", name, HALF)
        if turn[0] == "cursor":
            draft.send(short, well, name="short_page", extract=[_taken(f"next_{count}", f"$.{turn[2]}")])
            short = short.put("query", turn[1], Raw("{{next_" + str(count) + "}}"))
        else:
            short = short.put("query", turn[1], HALF if turn[0] == "offset" else 2)
        draft.send(short, well, name="page_after", extract=[_taken(f"short_{count}", f"{row}[0].{id_name}")])
    draft.send(base, [*well, *_judged_tries()], name="compare")
    yield finished(
        draft, Mode.STATEFUL, "pages", f"Pages of {operation.name} neither repeat nor omit items",
        f"The page after the first {HALF} items begins with what is number {HALF + 1} of a longer page; it is tried "
        f"{TRIES} times, for others may add and remove items meanwhile.", rank=2, parameter=turn[1],
    )  # fmt: skip


def _apart_from_others(listing: Listing) -> tuple[Draft, Request]:
    """A case with items of its own, and the request that lists them, with few others if a filter can be had."""
    draft = Draft(listing.workshop, listing.operation, "pages")
    base = draft.base(optional=False)
    create = listing.resource.create if listing.resource is not None else None
    usual = draft.base(create).body if create is not None else None
    for one in listing.operation.parameters:
        name, values = str(one["name"]), listing.operation.sent.flat(one["schema"]).get("enum")
        if one["in"] != "query" or name not in listing.items or not isinstance(values, list):
            continue
        value = next(
            (each for each in reversed(values) if not isinstance(usual, dict) or each != usual.get(name)), None
        )
        if value is not None and all(_make_with(draft, listing, name, value) for _ in range(MADE)):
            return draft, base.put("query", name, value)
    return listing.draft("pages", MADE), base


def _judged_tries() -> list[Json]:
    """One more request, whose answer does not matter: what was found before is compared in paths."""
    tries = range(1, TRIES + 1)
    there = " || ".join(f"'{{{{short_{one}}}}}' != 'none'" for one in tries)
    found = [expect.body(there, "equals", True)]
    for index in range(MADE):
        same = " && ".join(f"'{{{{long_{one}_{index}}}}}' == '{{{{short_{one}}}}}'" for one in tries)
        if index != HALF:
            found.append(expect.body(same, "equals", False))
    return found


def _taken(name: str, path: str) -> Json:
    return {"name": name, "from": "jsonpath", "expression": path, "default": "none"}


def _turning(listing: Listing) -> tuple[str, str, str] | None:
    """How to get to the next page: offset, page or cursor, by which parameter, and from which property."""
    offset = listing.parameter(lambda name: name.lower() in _OFFSET)
    page = listing.parameter(lambda name: name.lower() in _PAGE)
    if offset is not None or page is not None:
        found = offset or page or {}
        kind = "offset" if offset is not None else "page"
        second = HALF if kind == "offset" else 2
        return (kind, str(found["name"]), "") if listing.operation.sent.accepts(found["schema"], second) else None
    cursor = listing.parameter(lambda name: _CURSOR.fullmatch(name) is not None)
    properties = listing.operation.answered.properties(listing.operation.answer)
    for name in properties if cursor is not None else ():
        if re.fullmatch(rf"(?i)next_?({re.escape(str(cursor and cursor['name']))}|cursor|page_?token|token)", name):
            return "cursor", str(cursor and cursor["name"]), name
    return None


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
            made = _make_with(draft, listing, wanted, value)
            request = draft.base(optional=False).put("query", name, [value] if listed else value)
            others = f"{listing.rows.jsonpath}[?@.{wanted} != {_quoted(value)}]"
            more = [expect.body(others, "not_exists")]
            more += [expect.body(f"{listing.rows.jsonpath}[0]", "exists")] if made else []
            draft.send(request, [*all_well(draft, operation), *more], name="list")
            yield finished(
                draft, Mode.STATEFUL, "filter", f"{operation.name} with {name} {json.dumps(value)} has only such items",
                f"{name} is a property of the items; each that is answered has the value that was asked for.", rank=2,
                parameter=name, keyword="enum",
            )  # fmt: skip


def _make_with(draft: Draft, listing: Listing, name: str, value: Any) -> str | None:
    """Makes an item that has this value, where that can be said when it is made; the template of its id."""
    resource = listing.resource
    if resource is None or name not in resource.create.properties_sent() or resource.chosen:
        return None
    create = resource.create
    request = draft.base(create)
    made = {**request.body, name: value} if isinstance(request.body, dict) else None
    if made is None or create.body is None or not create.sent.accepts(create.body.schema, made):
        return None
    filled = draft.filled(draft.base(listing.operation, optional=False))
    known = {one: template.text for (place, one), template in filled.values.items()
             if place == "path" and isinstance(template, Raw)}  # fmt: skip
    return draft.made_with(resource, known, request.with_body(made, (name,)))


def _ranges(listing: Listing) -> Iterator[Json]:
    """Bounds in the query: nothing outside of them, and what is just on them."""
    least = {name: one for one in listing.operation.parameters if (name := _ranged(listing, one, _LEAST))}
    most = {name: one for one in listing.operation.parameters if (name := _ranged(listing, one, _MOST))}
    for name, one in [*least.items(), *most.items()]:
        sign = "<" if one is least.get(name) else ">"
        plain = listing.operation.sent.flat(one["schema"])
        for value in _range_values(listing, name, plain, sign):
            draft = Draft(listing.workshop, listing.operation, f"range {one['name']} {value}")
            made = _make_with(draft, listing, name, value) if not isinstance(value, str) else None
            request = draft.base(optional=False).put("query", str(one["name"]), value)
            outside = f"{listing.rows.jsonpath}[?@.{name} {sign} {_quoted(value)}]"
            more = [expect.body(outside, "not_exists")]
            more += [expect.body(f"{listing.rows.jsonpath}[0]", "exists")] if made else []
            draft.send(request, [*all_well(draft, listing.operation), *more], name="list")
            yield _range_case(listing, draft, str(one["name"]), value, name)
    for name in least.keys() & most.keys():
        yield from _exactly(listing, name, str(least[name]["name"]), str(most[name]["name"]))


def _exactly(listing: Listing, name: str, least: str, most: str) -> Iterator[Json]:
    """What has just the value of both bounds is in the list."""
    value = _range_values(listing, name, listing.operation.sent.flat(_query(listing, least)), "<")[0]
    draft = Draft(listing.workshop, listing.operation, f"range exactly {name}")
    if isinstance(value, str) or not _make_with(draft, listing, name, value):
        return
    request = draft.base(optional=False).put("query", least, value).put("query", most, value)
    others = f"{listing.rows.jsonpath}[?@.{name} != {_quoted(value)}]"
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
        made = [_make_with(draft, listing, name, f"{begin} {one}") for one in ("aaa", "bbb")]
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
            _make_with(draft, listing, name, one.value)
    return [expect.body(f"{ordered} == {values}", "equals", True)]


def _order(value: str) -> tuple[str, bool]:
    """The property and whether it falls: `-price`, `price:desc`, `price_desc`."""
    found = re.fullmatch(r"(-|\+)?(.+?)(?:[:_. ](asc|desc))?", value)
    if found is None:
        return value, False
    return found[2], found[1] == "-" or found[3] == "desc"


def _has_what_was_made(listing: Listing) -> Iterator[Json]:
    """Each item once, all of them of the parent that was asked for; what was made is there where the list is whole, and
    what was removed is not."""
    resource, operation, id_name = listing.resource, listing.operation, listing.id_name
    draft = listing.draft("made", 2)
    row = listing.rows.jsonpath
    more: list[Json] = []
    if id_name is not None:
        ids = f"{listing.rows.jmespath}[*].{id_name}" if listing.rows.path else f"[*].{id_name}"
        more.append({"type": "json_schema", "path": ids, "schema": {"type": ["array", "null"], "uniqueItems": True}})
    request = draft.filled(draft.base(optional=False))
    for name in operation.path_names:
        value = request.values[("path", name)]
        if name in listing.items and isinstance(value, Raw):
            more.append(expect.body(f"{row}[?@.{name} != {_quoted(value.text)}]", "not_exists"))
    whole = listing.parameter(lambda name: is_limit(name) or name.lower() in (*_PAGE, *_OFFSET)) is None
    made = [] if resource is None else [draft.made(resource, _known(request), again=f"item {one}") for one in range(2)]
    if whole and id_name is not None:
        more += [expect.body(f"contains({_ids(listing)}, '{one}')", "equals", True) for one in made]
    if not more:
        return
    draft.send(request, [*all_well(draft, operation), *more], name="list")
    remove = resource.with_method("DELETE") if resource is not None else None
    if remove is not None and made and id_name is not None:
        known = {**_known(request), remove.path_names[-1]: made[0]}
        if all(name in known for name in remove.path_names):
            gone = Request(remove)
            for name in remove.path_names:
                gone = gone.put("path", name, Raw(known[name]))
            draft.send(gone, [expect.status(*expect.accepted(remove))], name="remove")
            less = expect.body(f"contains({_ids(listing)}, '{made[0]}')", "equals", False)
            draft.send(request, [*all_well(draft, operation), less], name="list_again")
    explanation = (
        "Each item is there once; what was made is in the list where it is whole, and what was removed is not."
    )
    yield finished(draft, Mode.STATEFUL, "list", f"{operation.name} has what is there", explanation, rank=2)


def _known(request: Request) -> dict[str, str]:
    return {name: value.text for (place, name), value in request.values.items()
            if place == "path" and isinstance(value, Raw)}  # fmt: skip


def _ids(listing: Listing) -> str:
    """All ids of the list as texts, in JMESPath."""
    values = f"{listing.rows.jmespath}[*].{listing.id_name}" if listing.rows.path else f"[*].{listing.id_name}"
    return f"map(&to_string(@), {values})"


def _query(listing: Listing, name: str) -> Any:
    return (listing.operation.parameter(name, "query") or {}).get("schema", {})


def _quoted(value: Any) -> str:
    """A value in JSONPath."""
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
