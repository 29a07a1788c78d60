"""Lists: as many items as were asked for, pages that neither repeat nor omit, filters, orders, totals.

What is asked may be answered while others add and remove things: nothing here depends on what else is in the list, and
what takes two requests is tried several times, of which one is enough.
"""

import re
from collections.abc import Iterator
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating import filters
from workers.suites.generating.bounds import is_limit
from workers.suites.generating.drafting import Draft, Workshop
from workers.suites.generating.listing import Listing, known_ids, make_with, quoted
from workers.suites.generating.operations import Operation, shape
from workers.suites.generating.requests import Raw, Request
from workers.suites.generating.resources import Resource
from workers.suites.generating.views import types_of
from workers.suites.generating.writing import Mode, all_well, finished

Json = dict[str, Any]

MADE, HALF = 5, 2
TRIES = 4
TOTALS = ("total", "total_count", "totalcount", "total_items", "totalitems")
_OFFSET = ("offset", "skip", "start")
_PAGE = ("page", "page_number", "pagenumber")
_CURSOR = re.compile(r"(?i)(?:.*_)?(cursor|page_?token|continuation|after|starting_after)")


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
    yield from filters.cases(listing)
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
        if value is not None and all(make_with(draft, listing, name, value) for _ in range(MADE)):
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
            more.append(expect.body(f"{row}[?@.{name} != {quoted(value.text)}]", "not_exists"))
    whole = listing.parameter(lambda name: is_limit(name) or name.lower() in (*_PAGE, *_OFFSET)) is None
    made = (
        [] if resource is None else [draft.made(resource, known_ids(request), again=f"item {one}") for one in range(2)]
    )
    if whole and id_name is not None:
        more += [expect.body(f"contains({_ids(listing)}, '{one}')", "equals", True) for one in made]
    if not more:
        return
    draft.send(request, [*all_well(draft, operation), *more], name="list")
    remove = resource.with_method("DELETE") if resource is not None else None
    if remove is not None and made and id_name is not None:
        known = {**known_ids(request), remove.path_names[-1]: made[0]}
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


def _ids(listing: Listing) -> str:
    """All ids of the list as texts, in JMESPath."""
    values = f"{listing.rows.jmespath}[*].{listing.id_name}" if listing.rows.path else f"[*].{listing.id_name}"
    return f"map(&to_string(@), {values})"
