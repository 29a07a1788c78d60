"""Valid requests: as the specification shows them, with everything, with only what must be there, and by chance."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.candidates import NOTHING
from workers.suites.generating.drafting import Draft, NotPossible, Workshop
from workers.suites.generating.operations import Operation
from workers.suites.generating.requests import Request, as_text
from workers.suites.generating.samples import shown_values
from workers.suites.generating.singles import settled
from workers.suites.generating.views import at, put, types_of
from workers.suites.generating.writing import Mode, accept, all_well, finished

Json = dict[str, Any]

MOST_EXAMPLES = 3
TEXT = "ÜNïcødé tEXT ☃ 😀 «日本語» Ω"
HOSTILE = ("'; DROP TABLE x; --", '<script>alert(1)</script> & "quotes" \\ %00 ${7*7}')


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """All that are positive for the operation; raises NotPossible where there is no valid request."""
    yield from _plain(workshop, operation)
    yield from _examples(workshop, operation)
    yield from _unicode(workshop, operation)
    yield from _nul(workshop, operation)
    yield from _unknown_references(workshop, operation)
    yield from _by_chance(workshop, operation)
    yield from _for_anybody(workshop, operation)


def _plain(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    full = Draft(workshop, operation, "full")
    least = Draft(workshop, operation, "least")
    request, smaller = full.base(), least.base(optional=False)
    same = request.values.keys() == smaller.values.keys() and _names(request.body) == _names(smaller.body)
    told = f"the specification documents {_or(operation.successes)}"
    shown = operation.body is None or bool(operation.body.examples)
    accept(full, request, echoes(request), by_state=not shown)
    what = "a valid request" if same else "a request with all that is optional"
    explanation = f"All values are valid; {told}, and the answer conforms to it."
    yield finished(full, Mode.POSITIVE, "full", f"{operation.name} accepts {what}", explanation, rank=0)
    if not same:
        accept(least, smaller, by_state=not shown)
        explanation = f"Only what is required is sent; {told}, and the answer conforms to it."
        name = f"{operation.name} accepts a request with only what is required"
        yield finished(least, Mode.POSITIVE, "minimal", name, explanation, rank=1)


def _examples(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Bodies that the specification shows beside the first, and ids that it shows where one would be made."""
    body = operation.body
    shown = [] if body is None else [one for one in body.examples if operation.sent.accepts(body.schema, one)]
    for index, one in enumerate(shown[1:MOST_EXAMPLES], start=2):
        draft = Draft(workshop, operation, f"example {index}")
        accept(draft, replace(draft.base(), body=one))
        yield finished(
            draft, Mode.POSITIVE, "example", f"{operation.name} accepts example {index} of its body",
            f"The specification shows this body; it documents {_or(operation.successes)}.", rank=2,
        )  # fmt: skip
    if operation.method != "GET" or not operation.path_names:
        return
    draft = Draft(workshop, operation, "shown")
    request = draft.base(optional=False)
    for name in operation.path_names:
        schema = (operation.parameter(name, "path") or {})["schema"]
        values = [one for one in shown_values(operation.sent.flat(schema)) if operation.sent.accepts(schema, one)]
        if not values:
            return
        request = request.put("path", name, values[0])
    accept(draft, request)
    yield finished(
        draft, Mode.POSITIVE, "example", f"{operation.name} answers for the id of its example",
        f"The specification shows this id; it documents {_or(operation.successes)}.", rank=2,
    )  # fmt: skip


def _unicode(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Texts of any script where any text is valid."""
    for place, where in _free_texts(operation):
        for index, text in enumerate((TEXT, *HOSTILE)):
            draft = Draft(workshop, operation, f"unicode {place} {where} {index}")
            request = _with_text(draft.base(), place, where, text)
            if request is None:
                continue
            more = _kept(operation, where, request) if place == "body" else []
            accept(draft, request, more)
            what = ("texts of any script", "texts that look like SQL", "texts that look like HTML")[index]
            name = f"{operation.name} takes {what} in {_said(where)}"
            explanation = (
                f"{_said(where)} may be any text, and here it is {text[:40]!r}; the specification documents "
                f"{_or(operation.successes)}."
            )
            rank = 2 if index == 0 else 6
            yield finished(
                draft, Mode.POSITIVE, "unicode", name, explanation, rank=rank, parameter=_said(where), keyword="type"
            )


def _free_texts(operation: Operation) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    texts = [one for one in operation.parameters if _is_free(operation.sent.flat(one["schema"]))]
    found += [("query", one["name"]) for one in texts if one["in"] == "query"]
    body = operation.body
    if body is not None and body.sort == "text":
        found.append(("body", ()))
    elif body is not None:
        places = [one for one in operation.sent.places(body.schema) if _is_free(operation.sent.flat(one.schema))]
        found += [("body", one.path) for one in places[:8]]
    return found


def _is_free(plain: Json) -> bool:
    closed = ("pattern", "format", "enum", "const")
    return "string" in types_of(plain) and not any(name in plain for name in closed)


def _with_text(request: Request, place: str, where: Any, text: str) -> Request | None:
    operation = request.operation
    if place == "query":
        schema = (operation.parameter(where, "query") or {})["schema"]
        most = operation.sent.flat(schema).get("maxLength")
        text = text[:most] if isinstance(most, int) else text
        return request.put("query", where, text) if operation.sent.accepts(schema, text) else None
    body = operation.body
    if body is None or request.body is NOTHING or at(request.body, where) is None:
        return None
    for shorter in (text, text[:40].strip(), text[:12].strip()):
        made = put(request.body, where, shorter)
        if operation.sent.accepts(body.schema, made):
            return request.with_body(made, where)
    return None


def with_texts(request: Request) -> Request:
    """The request with texts of any script wherever its body may have any text."""
    operation = request.operation
    for place, where in _free_texts(operation):
        found = _with_text(request, place, where, TEXT) if place == "body" else None
        request = request if found is None else replace(request, body=found.body)
    return request


def _kept(operation: Operation, where: Any, request: Request) -> list[Json]:
    """That the text comes back as it was sent, where the answer has the same property."""
    if len(where) == 1 and where[0] in operation.properties_answered() and where[0] in operation.properties_sent():
        return [expect.body(f"$.{where[0]}", "equals", at(request.body, where))]
    return []


def _nul(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """The character 0 where any text is valid. Many servers cannot keep it and refuse it, which will do."""
    body = operation.body
    if body is None or body.sort != "body":
        return
    for place, where in [one for one in _free_texts(operation) if one[0] == "body"][:2]:
        draft = Draft(workshop, operation, f"nul {where}")
        request = _with_text(draft.base(), place, where, "a\0b")
        text = None if request is None else as_text(operation, draft.filled(request))
        if request is None or text is None:
            continue
        documented: list[Any] = [*expect.accepted(operation), *operation.documented(400, 409, 422)]
        step = accept(draft, request.with_text(text, body.media_type))
        step["assert"] = all_well(draft, operation, documented)
        name = f"{operation.name} survives the character 0 in {_said(where)}"
        explanation = f"{_said(where)} may be any text; the specification documents {_or(documented)}."
        yield finished(draft, Mode.POSITIVE, "nul", name, explanation, rank=4, parameter=_said(where), keyword="type")


def _unknown_references(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """The id of nothing where the body has the id of something: whatever that means, it is documented."""
    body = operation.body
    if body is None or body.sort != "body":
        return
    for path, resource in Draft(workshop, operation, "refers").referred():
        draft = Draft(workshop, operation, f"refers {path}")
        schema = next(one.schema for one in operation.sent.places(body.schema) if one.path == path)
        plain = {key: one for key, one in operation.sent.flat(schema).items() if key not in ("example", "examples")}
        random = workshop.values.random(operation.name, "refers", path)
        value = workshop.values.sample(operation.sent, plain, random, "text")
        request = draft.base()
        if value is NOTHING or at(request.body, path) is None:
            continue
        made = put(request.body, path, value)
        documented: list[Any] = [*expect.accepted(operation), *operation.documented(400, 404, 409, 410, 422)]
        step = accept(draft, request.with_body(made, path))
        step["assert"] = all_well(draft, operation, documented)
        name = f"{operation.name} answers as documented where there is no such {resource.noun} as {_said(path)} says"
        explanation = f"{_said(path)} is valid and nobody's; the specification documents {_or(documented)}."
        yield finished(draft, Mode.NEGATIVE, "reference", name, explanation, rank=3, parameter=_said(path))


def _by_chance(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """A body that Hypothesis draws from the schema: whatever it is, the answer is a documented one."""
    body = operation.body
    if body is None or body.sort == "form":
        return
    random = workshop.values.random(operation.name, "by chance")
    for index in range(2):
        value = workshop.values.drawn(operation.sent, body.schema, random.randrange(2**32))
        if value is NOTHING:
            return
        draft = Draft(workshop, operation, f"chance {index}")
        if isinstance(value, dict):
            fixed = settled(workshop, operation)
            value = {name: fixed.get(name, one) for name, one in value.items()}
        request = draft.base().with_body(value)
        documented: list[Any] = [*operation.successes, *_refusals(operation)]
        step = accept(draft, request)
        step["assert"] = all_well(draft, operation, documented)
        explanation = f"The body is drawn at random from its schema; the specification documents {_or(documented)}."
        name = f"{operation.name} answers as documented for body {index + 1} of those drawn at random"
        yield finished(draft, Mode.POSITIVE, "random", name, explanation, rank=5)


def _refusals(operation: Operation) -> list[Any]:
    """What else a valid request may run into: nothing of the request's form, for that is valid."""
    return [*operation.documented(401, 402, 403, 404, 409, 412, 423, 429)]


def _for_anybody(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Without credentials, where the specification asks for none."""
    if operation.security or not any(one.security for one in workshop.api.operations):
        return
    draft = Draft(workshop, operation, "anybody")
    accept(draft, draft.base(), auth=False)
    yield finished(
        draft, Mode.SECURITY, "open", f"{operation.name} needs no credentials",
        f"The specification asks for none here; it documents {_or(operation.successes)}.", rank=3,
    )  # fmt: skip


def echoes(request: Request) -> list[Json]:
    """That an answer repeats a number of the query that it has a property for: `limit`, `page`."""
    found = []
    operation = request.operation
    properties = operation.answered.properties(operation.answer) if operation.rows and operation.answer else {}
    for (place, name), value in request.values.items():
        same = place == "query" and "integer" in types_of(operation.answered.flat(properties.get(name)))
        if same and isinstance(value, int) and not isinstance(value, bool):
            found.append(expect.body(f"$.{name}", "equals", value))
    return found


def _names(body: Any) -> Any:
    return sorted(body) if isinstance(body, dict) else type(body)


def _said(where: Any) -> str:
    from workers.suites.generating.views import dotted

    return where if isinstance(where, str) else dotted(where) or "the body"


def _or(statuses: list[Any]) -> str:
    return " or ".join(map(str, statuses))


__all__ = ["NotPossible", "cases", "echoes"]
