"""Values at their bounds, which must be accepted: the least and the most of each keyword, each value of an enum."""

from collections.abc import Iterator
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.candidates import NOTHING, Candidate, whole_number
from workers.suites.generating.drafting import Draft, Workshop, is_unique
from workers.suites.generating.operations import Operation, Rows
from workers.suites.generating.positive import echoes
from workers.suites.generating.requests import Raw, Request, is_opaque, literal
from workers.suites.generating.singles import settled
from workers.suites.generating.views import Path, at, dotted, put, types_of, without
from workers.suites.generating.writing import Mode, accept, finished

Json = dict[str, Any]

MOST_ITEMS = 200
SHUFFLED = 12
LIMITS = ("limit", "per_page", "perpage", "page_size", "pagesize", "max_results", "maxresults", "size", "count",
          "first", "top", "$top", "take")  # fmt: skip


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """All bounds of parameters and of the body."""
    yield from _parameters(workshop, operation)
    yield from _body(workshop, operation)
    yield from _defaults(workshop, operation)


def _parameters(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    for one in operation.parameters:
        name, place = str(one["name"]), str(one["in"])
        if place == "path" or is_opaque(operation, one):
            continue
        random = workshop.values.random(operation.name, place, name, "bounds")
        found = workshop.values.boundaries(operation.sent, one["schema"], place, random)
        for index, candidate in enumerate([*found, *_lists(workshop, operation, one, random)]):
            draft = Draft(workshop, operation, f"bound {place} {name} {index}")
            request = draft.base(optional=False).put(place, name, candidate.value)
            if not workshop.resources.named(name):
                yield _accepted(draft, request, candidate, name)


def _lists(workshop: Workshop, operation: Operation, parameter: Json, random: Any) -> list[Candidate]:
    plain = operation.sent.flat(parameter["schema"])
    if "array" not in types_of(plain):
        return []
    sample = workshop.values.sample(operation.sent, parameter["schema"], random, str(parameter["name"]))
    found = [] if sample is NOTHING else list(lengths(workshop, operation, plain, sample))
    # A list without items is no parameter at all.
    return [one for one in found if one.value]


def _body(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    body = operation.body
    if body is None:
        return
    whole = Draft(workshop, operation, "whole").base().body
    view, fixed = operation.sent, settled(workshop, operation)
    for path, schema in [((), body.schema), *((one.path, one.schema) for one in view.places(body.schema))]:
        if path and at(whole, path) is None and not _missing_property(whole, path):
            continue
        if path and path[0] in fixed:
            continue
        random = workshop.values.random(operation.name, "body", path, "bounds")
        found = workshop.values.boundaries(view, schema, "body", random) if path or body.sort == "text" else []
        if "array" in types_of(view.flat(schema)) and at(whole, path) is not None:
            found += lengths(workshop, operation, view.flat(schema), at(whole, path))
        for index, candidate in enumerate(found):
            draft = Draft(workshop, operation, f"bound {dotted(path)} {index}")
            made = put(whole, path, candidate.value)
            if view.accepts(body.schema, made):
                if is_unique(operation, path, view.flat(schema)):
                    made = put(whole, path, anew(candidate.value))
                list_of_things = isinstance(candidate.value, list)
                request = draft.base().with_body(made, ("",) if list_of_things else path)
                more = _kept(workshop, operation, path, at(made, path))
                yield _accepted(draft, request, candidate, dotted(path) or "the body", more)
    yield from _without_each(workshop, operation, whole)


def _kept(workshop: Workshop, operation: Operation, path: Path, value: Any) -> list[Json]:
    """That the answer has the value, where it is that of the thing that was made or changed."""
    about = workshop.resources.made_by(operation) or workshop.resources.at(operation)
    if len(path) != 1 or (about is None and operation.method not in ("PUT", "PATCH")):
        return []
    known = operation.answered.flat(operation.properties_answered().get(str(path[0])))
    plain = value is None or isinstance(value, str | int | float)
    return [expect.body(f"$.{path[0]}", "equals", literal(value))] if known and plain and not _is_moment(known) else []


def _is_moment(plain: Json) -> bool:
    """Whether it may come back in another notation."""
    return plain.get("format") in ("date-time", "time")


def anew(value: Any) -> Any:
    """A long text with a beginning that is another one in each execution; of anything else the value itself."""
    beginning = value[:SHUFFLED] if isinstance(value, str) else ""
    if len(beginning) < SHUFFLED or not (beginning.isascii() and beginning.isalpha() and beginning.islower()):
        return value
    return Raw("{{$letters_" + str(SHUFFLED) + "}}" + literal(value[SHUFFLED:]))


def _without_each(workshop: Workshop, operation: Operation, whole: Any) -> Iterator[Json]:
    """Without each optional property in turn."""
    body = operation.body
    if body is None or not isinstance(whole, dict) or len(whole) < 3:
        return
    for name in whole:
        made = without(whole, (name,))
        if not operation.sent.accepts(body.schema, made):
            continue
        draft = Draft(workshop, operation, f"without {name}")
        accept(draft, draft.base().with_body(made, ("",)), by_state=True)
        explanation = f"{name} may be left out; the specification documents {_or(operation)}."
        title = f"{operation.name} accepts a body without {name}"
        yield finished(draft, Mode.BOUNDARY, "optional", title, explanation, rank=6, parameter=name, keyword="required")


def lengths(workshop: Workshop, operation: Operation, plain: Json, sample: Any) -> Iterator[Candidate]:
    """Lists of the least and the greatest length."""
    if not isinstance(sample, list):
        return
    least, most = whole_number(plain.get("minItems")), whole_number(plain.get("maxItems"))
    for keyword, count in (("minItems", least or 0), ("maxItems", most)):
        if count is None or count > MOST_ITEMS:
            continue
        made = of_length(workshop, operation, plain, sample, count)
        if made is not None:
            named = "fewest" if keyword == "minItems" else "most"
            yield Candidate(made, keyword, f"has {count} items, the {named} that it may have")


def of_length(workshop: Workshop, operation: Operation, plain: Json, sample: list[Any], count: int) -> list[Any] | None:
    """A list of so many items; other ones where none may be there twice."""
    items = plain.get("items", {})
    made = list(sample[:count])
    enum = operation.sent.flat(items).get("enum")
    for index in range(400):
        if len(made) >= count:
            return made
        random = workshop.values.random(operation.name, "item", index)
        bare = _bare(operation.sent.flat(items))
        one = workshop.values.sample(operation.sent, bare if plain.get("uniqueItems") else items, random, "item")
        if isinstance(enum, list) and plain.get("uniqueItems"):
            one = next((each for each in enum if each not in made), NOTHING)
        if one is NOTHING:
            return None
        if not plain.get("uniqueItems") or one not in made:
            made.append(one)
    return None


def _bare(plain: Json) -> Json:
    return {key: one for key, one in plain.items() if key not in ("example", "examples", "default")}


def _accepted(draft: Draft, request: Request, candidate: Candidate, name: str, kept: list[Json] | None = None) -> Json:
    operation = draft.operation
    more: list[Json] = [*echoes(request), *(kept or ())]
    value, rows = candidate.value, operation.rows
    if rows is not None and candidate.keyword in ("minimum", "maximum") and is_limit(name):
        more.append(at_most(rows, value))
    accept(draft, request, more, by_state=True)
    explanation = f"{name} {candidate.said}; the specification documents {_or(operation)}."
    title = f"{operation.name} accepts {name} at a bound: it {candidate.said}"
    rank = 3 if candidate.keyword in ("minimum", "maximum", "minLength", "maxLength", "enum") else 4
    return finished(
        draft, Mode.BOUNDARY, "bound", title, explanation, rank=rank, parameter=name, keyword=candidate.keyword
    )


def _defaults(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """A limit that is left out counts as its default."""
    rows = operation.rows
    for one in operation.parameters if rows else ():
        default = operation.sent.flat(one["schema"]).get("default")
        if one["in"] != "query" or not is_limit(str(one["name"])) or not isinstance(default, int) or rows is None:
            continue
        draft = Draft(workshop, operation, f"default {one['name']}")
        request = draft.base(optional=False)
        more = [at_most(rows, default)]
        properties = operation.answered.properties(operation.answer)
        if one["name"] in properties:
            more.append({"type": "body", "path": f"$.{one['name']}", "op": "equals", "expected": default})
        accept(draft, request, more)
        yield finished(
            draft, Mode.BOUNDARY, "default", f"{operation.name} takes {default} for {one['name']} where it is left out",
            f"The default of {one['name']} is {default}, so that there are at most so many items.",
            rank=3, parameter=str(one["name"]), keyword="default",
        )  # fmt: skip


def is_limit(name: str) -> bool:
    """Whether a parameter says how many items are wanted at most."""
    return name.lower() in LIMITS


def at_most(rows: Rows, count: int) -> Json:
    """That a list has no more items than that."""
    return {"type": "json_schema", "path": rows.jsonpath, "schema": {"type": "array", "maxItems": count}}


def _missing_property(whole: Any, path: Path) -> bool:
    """Whether only the property itself is missing, so that it can be added."""
    holder = at(whole, path[:-1])
    return isinstance(path[-1], str) and isinstance(holder, dict)


def _or(operation: Operation) -> str:
    return " or ".join(map(str, operation.successes))
