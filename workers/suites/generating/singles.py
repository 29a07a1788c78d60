"""What there is only one of, such as one's own profile: cases that run at the same time all change the same thing.

So that something can be said of it nevertheless, some properties are settled: every generated request that sends one
sends the same value, so that whoever reads it after it was sent once must find that value.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.drafting import Draft, Workshop
from workers.suites.generating.operations import Operation
from workers.suites.generating.reflecting import reflected
from workers.suites.generating.requests import Raw, Request, literal
from workers.suites.generating.views import types_of
from workers.suites.generating.writing import Mode, all_well, finished

Json = dict[str, Any]


def settled(workshop: Workshop, operation: Operation) -> Json:
    """The settled properties of an operation that changes what there is only one of, with their values."""
    if operation.method != "PATCH" or operation.path_names:
        return {}
    read = workshop.api.find("GET", operation.path)
    body = Draft(workshop, operation, "settled").base().body
    if read is None or not isinstance(body, dict):
        return {}
    known = read.properties_answered()
    return {
        name: body[name]
        for name, schema in operation.properties_sent().items()
        if name in body and name in known and _few_values(operation, schema)
    }


def _few_values(operation: Operation, schema: Any) -> bool:
    """Whether it is a flag or one of some values: bounds of those say least."""
    plain = operation.sent.flat(schema)
    return "enum" in plain or types_of(plain) == {"boolean"}


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """What was sent is in the answer, and what is settled is there from then on."""
    last = operation.path.rsplit("/", 1)[-1]
    single = operation.method in ("PUT", "PATCH") and "{" not in last
    goes_on = operation.method == "POST" and last in operation.properties_sent()
    if operation.body is None or not (single or goes_on):
        return
    draft = Draft(workshop, operation, "alone")
    request = draft.filled(draft.base())
    assertions = reflected(request, operation)
    if assertions:
        draft.send(_as_it_is(request), [*all_well(draft, operation), *assertions])
        yield finished(
            draft, Mode.STATEFUL, "update", f"{operation.name} answers with what it was sent",
            "What was sent is part of the answer, whose schema has the same properties.", rank=1,
        )  # fmt: skip
    fixed = settled(workshop, operation)
    read = workshop.api.find("GET", operation.path)
    if fixed and read is not None:
        yield _stays(workshop, operation, read, fixed)


def _stays(workshop: Workshop, operation: Operation, read: Operation, fixed: Json) -> Json:
    draft = Draft(workshop, operation, "settled")
    request = draft.filled(draft.base())
    draft.send(_as_it_is(request), all_well(draft, operation), name="change")
    there = [expect.body(f"$.{name}", "equals", literal(value)) for name, value in fixed.items()]
    draft.send(Request(read), [*all_well(draft, read), *there], name="read")
    body = request.body if isinstance(request.body, dict) else {}
    for name in body:
        one = {name: body[name]}
        valid = operation.body is not None and operation.sent.accepts(operation.body.schema, one)
        if name not in fixed and valid and not isinstance(body[name], Raw):
            others = [expect.body(f"$.{name}", "equals", literal(value)) for name, value in fixed.items()]
            draft.send(
                _as_it_is(replace(request, body=one)), [*all_well(draft, operation), *others], name=f"change_{name}"
            )
    return finished(
        draft, Mode.STATEFUL, "update", f"{operation.name} changes nothing that is not sent",
        f"{', '.join(fixed)} were sent once, and are what they were when something else is changed.", rank=1,
    )  # fmt: skip


def _as_it_is(request: Request) -> Request:
    fixed = {("body", (name,)) for name in request.body} if isinstance(request.body, dict) else set()
    return replace(request, touched=request.touched | fixed | request.values.keys())
