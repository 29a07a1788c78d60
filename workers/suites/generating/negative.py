"""Requests with one thing wrong, which must be refused: neither accepted nor answered with an error of the server."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from infra import json
from workers.suites.generating import expectations as expect
from workers.suites.generating.bounds import MOST_ITEMS, of_length
from workers.suites.generating.candidates import NOTHING, Candidate, whole_number
from workers.suites.generating.drafting import Draft, Workshop
from workers.suites.generating.operations import Operation
from workers.suites.generating.requests import Request
from workers.suites.generating.views import Path, at, dotted, put, types_of, without
from workers.suites.generating.writing import Mode, finished, refuse

Json = dict[str, Any]

UNKNOWN_PROPERTY = "unknown_property"
# Tried on a path that has none of them documented.
METHODS = ("PUT", "DELETE", "PATCH", "POST", "GET")


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """All that the operation must refuse."""
    yield from _parameters(workshop, operation)
    yield from _missing(workshop, operation)
    yield from _bodies(workshop, operation)
    yield from _not_there(workshop, operation)
    yield from _malformed(workshop, operation)
    yield from _other_method(workshop, operation)


def _parameters(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    for one in operation.parameters:
        name, place = str(one["name"]), str(one["in"])
        random = workshop.values.random(operation.name, place, name, "negative")
        found = workshop.values.violations(operation.sent, one["schema"], place, random)
        if place == "query" and "array" in types_of(operation.sent.flat(one["schema"])):
            found = _items(workshop, operation, one, random)
        for index, candidate in enumerate(found):
            draft = Draft(workshop, operation, f"negative {place} {name} {index}")
            request = draft.base(optional=False).put(place, name, candidate.value)
            among = expect.UNFIT_PATH if place == "path" else expect.UNFIT
            yield _refused(draft, request, among, name, candidate.said, candidate.keyword, candidate.rank)


def _items(workshop: Workshop, operation: Operation, parameter: Json, random: Any) -> list[Candidate]:
    """Lists of the query with an item that may not be in them."""
    items = operation.sent.flat(parameter["schema"]).get("items", {})
    found = workshop.values.violations(operation.sent, items, "query", random)
    return [Candidate([one.value], one.keyword, f"has an item that {one.said}", one.rank) for one in found]


def _missing(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Without each of the parameters that must be there."""
    for one in operation.parameters:
        if not one.get("required") or one["in"] == "path":
            continue
        name = str(one["name"])
        draft = Draft(workshop, operation, f"missing {name}")
        request = draft.base(optional=False).drop(str(one["in"]), name)
        yield _refused(draft, request, expect.UNFIT, name, "is missing, and it is required", "required")
    body = operation.body
    if body is not None and body.required and body.sort != "text":
        draft = Draft(workshop, operation, "missing body")
        request = replace(draft.base(), body=NOTHING)
        yield _refused(draft, request, expect.UNFIT_TYPE, "the body", "is missing, and it is required", "required")


def _bodies(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    body = operation.body
    if body is None:
        return
    whole = Draft(workshop, operation, "whole").base().body
    for index, (path, made, candidate) in enumerate(_wrong_bodies(workshop, operation, whole)):
        if operation.sent.accepts(body.schema, made) or not operation.sent.compiles(body.schema):
            continue
        if body.sort == "text" and not isinstance(made, str):
            continue
        draft = Draft(workshop, operation, f"negative {dotted(path)} {candidate.keyword} {index}")
        request = draft.base().with_body(made, path)
        yield _refused(
            draft, request, expect.UNFIT, dotted(path) or "the body", candidate.said, candidate.keyword, candidate.rank
        )


def _wrong_bodies(workshop: Workshop, operation: Operation, whole: Any) -> Iterator[tuple[Path, Any, Candidate]]:
    """Bodies with one thing wrong, and where it is."""
    body, view = operation.body, operation.sent
    places = [] if body is None else [((), body.schema, True), *view.places(body.schema)]
    for path, schema, required in places:
        if path and at(whole, path[:-1]) is None:
            continue
        there = at(whole, path)
        random = workshop.values.random(operation.name, "body", path, "negative")
        if path and required and isinstance(path[-1], str) and there is not None:
            yield path, without(whole, path), Candidate(None, "required", "is missing, and it is required")
        if path and isinstance(path[-1], int) and there is None:
            continue
        found = workshop.values.violations(view, schema, "body", random)
        for one in [*found, *_of_lists(workshop, operation, schema, there), *_of_objects(operation, schema, there)]:
            yield path, put(whole, path, one.value), one


def _of_lists(workshop: Workshop, operation: Operation, schema: Any, there: Any) -> Iterator[Candidate]:
    plain = operation.sent.flat(schema)
    if "array" not in types_of(plain) or not isinstance(there, list):
        return
    most, least = whole_number(plain.get("maxItems")), whole_number(plain.get("minItems"))
    loose = {key: one for key, one in plain.items() if key not in ("minItems", "maxItems")}
    if most is not None and most < MOST_ITEMS:
        longer = of_length(workshop, operation, loose, there, most + 1)
        if longer is not None:
            yield Candidate(longer, "maxItems", f"has {most + 1} items, more than the {most} that it may have")
    if least:
        yield Candidate(
            there[: least - 1], "minItems", f"has {least - 1} items, fewer than the {least} that it must have"
        )
    if plain.get("uniqueItems") and there and (most is None or most > 1):
        yield Candidate([there[0], there[0]], "uniqueItems", "has the same item twice, which it may not")


def _of_objects(operation: Operation, schema: Any, there: Any) -> Iterator[Candidate]:
    plain = operation.sent.flat(schema)
    if "object" not in types_of(plain) or not isinstance(there, dict):
        return
    said = f"has a property {UNKNOWN_PROPERTY} that the schema does not know"
    if plain.get("additionalProperties") is False or plain.get("unevaluatedProperties") is False:
        yield Candidate({**there, UNKNOWN_PROPERTY: "x"}, "additionalProperties", said)
    most, least = whole_number(plain.get("maxProperties")), whole_number(plain.get("minProperties"))
    if most is not None and most < MOST_ITEMS and "additionalProperties" in plain:
        filler = next(iter(there.values()), "x")
        many = {f"property_{index}": filler for index in range(most + 1)}
        yield Candidate(many, "maxProperties", f"has {most + 1} properties, more than the {most} that it may have")
    if least:
        few = dict(list(there.items())[: least - 1])
        yield Candidate(few, "minProperties", f"has {least - 1} properties, fewer than the {least} that it must have")


def _not_there(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Ids that nothing has."""
    if "404" not in operation.responses:
        return
    for name in operation.path_names:
        resource = workshop.resources.of_parameter(operation, name)
        if operation.method == "PUT" and "201" in operation.responses and name == operation.path_names[-1]:
            continue
        draft = Draft(workshop, operation, f"not there {name}")
        value = _unknown_id(workshop, operation, name)
        if value is None:
            continue
        noun = resource.noun.replace("_", " ") if resource is not None else name
        request = draft.base().put("path", name, value)
        refuse(draft, request, (404,))
        explanation = f"No {noun} has the {name} {json.dumps(value)}; the specification documents 404."
        title = f"{operation.name} answers 404 where there is no such {noun}"
        yield finished(draft, Mode.NEGATIVE, "not_found", title, explanation, rank=1, parameter=name)


def _unknown_id(workshop: Workshop, operation: Operation, name: str) -> Any:
    """A valid id that is most unlikely to be anybody's."""
    schema = (operation.parameter(name, "path") or {})["schema"]
    plain = operation.sent.flat(schema)
    random = workshop.values.random(operation.name, name, "not there")
    if "integer" in types_of(plain):
        tries: list[Any] = [
            2_000_000_000 + random.randrange(10**6),
            plain.get("maximum"),
            900_000 + random.randrange(99_999),
        ]
        return next((one for one in tries if one is not None and operation.sent.accepts(schema, one)), None)
    bare = {key: one for key, one in plain.items() if key not in ("example", "examples", "default", "const")}
    if "enum" in bare:
        return None
    tries = [f"no-such-thing-{random.randrange(10**9)}"] if "pattern" not in plain and "format" not in plain else []
    tries.append(workshop.values.sample(operation.sent, bare, random, name))
    return next((one for one in tries if isinstance(one, str) and operation.sent.accepts(bare, one)), None)


def _malformed(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Bodies that cannot be read, and of a media type that is not taken."""
    body = operation.body
    if body is None or body.sort != "body":
        return
    draft = Draft(workshop, operation, "malformed")
    request = draft.base().with_text('{"broken": ', body.media_type)
    yield _refused(draft, request, expect.UNFIT_TYPE, "the body", "is no JSON: it ends too early", "contentMediaType")
    draft = Draft(workshop, operation, "not UTF-8 JSON")
    request = draft.base().with_text("not json at all", body.media_type)
    yield _refused(draft, request, expect.UNFIT_TYPE, "the body", "is no JSON, but a plain text", "contentMediaType", 3)
    if "415" not in operation.responses:
        return
    draft = Draft(workshop, operation, "media type")
    whole = draft.base()
    text = "<body/>" if not isinstance(whole.body, dict | list) else json.dumps(whole.body).replace("{{", "\\{{")
    request = whole.with_text(text, "text/xml")
    yield _refused(draft, request, (415,), "Content-Type", "is text/xml, which is not documented", "content")


def _other_method(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """A method that the path does not have, once a path."""
    known = workshop.api.methods(operation.path)
    first = next((one for one in workshop.api.operations if one.path == operation.path), operation)
    wrong = [one for one in METHODS if one not in known]
    if first is not operation or not wrong or _hidden(workshop, operation, wrong[0]):
        return
    draft = Draft(workshop, operation, "method")
    request = draft.base(optional=False)
    step = draft.send(replace(request, body=NOTHING), [expect.status(404, 405)], name=f"{wrong[0]}_{operation.path}")
    step["method"] = wrong[0]
    # It is nobody's operation.
    del step["operation"]
    explanation = f"{operation.path} has no {wrong[0]} in the specification, so that it is refused with 405 or 404."
    title = f"{wrong[0]} {operation.path} is refused, for there is no such operation"
    yield finished(draft, Mode.NEGATIVE, "method", title, explanation, rank=4, keyword="method")


def _hidden(workshop: Workshop, operation: Operation, method: str) -> bool:
    """Whether another path with that method may be meant: `/users/me` and `/users/{id}`."""
    segments = operation.path.split("/")
    for one in workshop.api.operations:
        theirs = one.path.split("/")
        if one.method != method or len(theirs) != len(segments):
            continue
        pairs = zip(segments, theirs, strict=True)
        if all(mine == other or "{" in mine or "{" in other for mine, other in pairs):
            return True
    return False


def _refused(
    draft: Draft, request: Request, among: tuple[int, ...], name: str, said: str, keyword: str, rank: int = 0
) -> Json:
    operation = draft.operation
    expected = refuse(draft, request, among)
    explanation = f"{name} {said}; {expect.told(operation, expected)}."
    title = f"{operation.name} refuses a request where {name} {said}"
    return finished(
        draft, Mode.NEGATIVE, keyword, title, explanation, rank=2 + 2 * rank, parameter=name, keyword=keyword
    )
