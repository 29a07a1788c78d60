"""Changes of a resource: what was changed is what is read afterwards, and nothing else is another thing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.candidates import NOTHING
from workers.suites.generating.drafting import Draft, Workshop, is_unique
from workers.suites.generating.life_steps import (
    as_it_is,
    bare,
    called,
    creating,
    moves,
    other_values,
    plain_text,
    seen_in_parent,
)
from workers.suites.generating.operations import Operation
from workers.suites.generating.reflecting import reflected, unchanged
from workers.suites.generating.requests import Raw, base_of
from workers.suites.generating.resources import Resource
from workers.suites.generating.values import TYPES_WRONG
from workers.suites.generating.views import types_of
from workers.suites.generating.writing import Mode, accept, all_well, finished

Json = dict[str, Any]

MOST_CHANGES = 6


def cases(workshop: Workshop, resource: Resource, change: Operation) -> Iterator[Json]:
    """What was changed is what is read afterwards; PATCH leaves the rest alone, PUT does not."""
    read = resource.with_method("GET")
    yield _whole_change(workshop, resource, change, read)
    if change.method == "PATCH" and not resource.chosen and read is not None:
        yield from _each_change(workshop, resource, change, read)
        yield from _refused_change(workshop, resource, change, read)
    if change.method == "PUT" and not resource.borrowed:
        yield _again(workshop, resource, change, read)
        if read is not None and not resource.chosen and "replace" in _words(change):
            yield from _replaced(workshop, resource, change, read)
    yield from _taken_by_another(workshop, resource, change)


def _whole_change(workshop: Workshop, resource: Resource, change: Operation, read: Operation | None) -> Json:
    draft = Draft(workshop, change, "change")
    request, before = other_values(draft, change), ""
    if change is resource.create:
        accept(draft, draft.base(), name="first")
    filled = draft.filled(request)
    before = creating(draft)
    step = draft.send(as_it_is(filled), [*all_well(draft, change), *reflected(filled, change)], name="change")
    if read is not None and not resource.borrowed:
        known = {name: str(value) for name, value in step["path_params"].items()}
        seen = [*reflected(filled, read, "change"), *plain_text(filled, read)]
        if change.method == "PATCH" and before:
            untouched = [one for one in read.properties_answered() if one not in (filled.body or {})]
            seen += unchanged(before, read, [one for one in untouched if not moves(one)])
        draft.send(bare(read, known), [*all_well(draft, read), *seen], name="read")
    elif resource.borrowed:
        seen_in_parent(draft, resource, filled, step)
    what = "replaced" if change.method == "PUT" else "changed"
    return finished(
        draft, Mode.STATEFUL, "update", f"A {called(resource)} that was {what} is what was sent",
        f"{change.name} answers with what it was sent, and reading it afterwards gives the same.", rank=1,
    )  # fmt: skip


def _each_change(workshop: Workshop, resource: Resource, change: Operation, read: Operation) -> Iterator[Json]:
    """One property at a time: the others are as they were."""
    body = change.body
    for name, schema in list(change.properties_sent().items())[:MOST_CHANGES]:
        draft = Draft(workshop, change, f"change {name}")
        random = workshop.values.random(change.name, "change", name)
        plain = {key: one for key, one in change.sent.flat(schema).items() if key not in ("example", "examples")}
        value = workshop.values.sample(change.sent, plain, random, name)
        if body is None or value is NOTHING or not change.sent.accepts(body.schema, {name: value}):
            continue
        request = draft.filled(replace(draft.base(), body={name: value}))
        step = draft.send(as_it_is(request), [*all_well(draft, change), *reflected(request, change)], name="change")
        before = creating(draft)
        others = [one for one in read.properties_answered() if one != name and not moves(one)]
        seen = [*reflected(request, read, "change"), *unchanged(before, read, others)]
        known = {key: str(one) for key, one in step["path_params"].items()}
        draft.send(bare(read, known), [*all_well(draft, read), *seen], name="read")
        yield finished(
            draft, Mode.STATEFUL, "update", f"{change.name} changes {name} and nothing else",
            f"Only {name} is sent; what is read afterwards has it, and everything else is as it was.", rank=3,
            parameter=name,
        )  # fmt: skip


def _refused_change(workshop: Workshop, resource: Resource, change: Operation, read: Operation) -> Iterator[Json]:
    """A change that is refused changes nothing."""
    for name, schema in change.properties_sent().items():
        kinds = types_of(change.sent.flat(schema))
        wrong = next((one for kind in sorted(kinds) for one in TYPES_WRONG.get(kind, ())
                      if not change.sent.accepts(schema, one)), None)  # fmt: skip
        if wrong is None or read.properties_answered().get(name) is None:
            continue
        draft = Draft(workshop, change, "refused change")
        request = draft.base().with_body({name: wrong}, (name,))
        expected = expect.refused(change, expect.UNFIT)
        step = draft.send(request, [expect.status(*expected)], name="change")
        names = [one for one in read.properties_answered() if not moves(one)]
        known = {key: str(one) for key, one in step["path_params"].items()}
        seen = unchanged(creating(draft), read, names)
        draft.send(bare(read, known), [*all_well(draft, read), *seen], name="read")
        yield finished(
            draft, Mode.STATEFUL, "atomic", f"{change.name} changes nothing when it refuses",
            f"{name} is of a wrong type; {expect.told(change, expected)}, and everything is as it was.", rank=4,
        )  # fmt: skip
        return


def _again(workshop: Workshop, resource: Resource, change: Operation, read: Operation | None) -> Json:
    """PUT is idempotent."""
    draft = Draft(workshop, change, "again")
    filled = draft.filled(draft.base())
    first = accept(draft, as_it_is(filled), name="first")
    told = [one for one in change.successes if one != 201] if resource.create is change else []
    step = draft.send(as_it_is(filled), all_well(draft, change, told or None), name="again")
    if read is not None:
        known = {name: str(value) for name, value in first["path_params"].items()}
        draft.send(bare(read, known), [*all_well(draft, read), *reflected(filled, read, step["id"])], name="read")
    name = f"{change.name} twice is as good as once"
    return finished(draft, Mode.STATEFUL, "idempotent", name, "PUT is idempotent by the standard of HTTP.", rank=4)


def _replaced(workshop: Workshop, resource: Resource, change: Operation, read: Operation) -> Iterator[Json]:
    """What a replacement leaves out is not as it was before."""
    draft = Draft(workshop, change, "replaced")
    base = base_of(resource.create, workshop.values, optional=True)
    request = draft.filled(draft.base(optional=False))
    if base is None or not isinstance(base.body, dict) or not isinstance(request.body, dict):
        return
    known = read.properties_answered()
    defaults = {name: change.sent.flat(one).get("default") for name, one in change.properties_sent().items()}
    gone = [name for name, value in base.body.items() if name in known and name not in request.body
            and name in defaults and value not in (None, [], {}, "", 0, False, defaults[name])]  # fmt: skip
    if not gone:
        return
    step = draft.send(as_it_is(request), all_well(draft, change), name="change")
    before = creating(draft)
    seen = [expect.body(f"$.{one}", "not_equals", "{{step." + before + ".body." + one + "}}") for one in gone]
    ids = {name: str(value) for name, value in step["path_params"].items()}
    draft.send(bare(read, ids), [*all_well(draft, read), *seen], name="read")
    yield finished(
        draft, Mode.STATEFUL, "replace", f"{change.name} leaves nothing of what was there before",
        f"{', '.join(gone)} had values, and are left out of the replacement.", rank=3,
    )  # fmt: skip


def _taken_by_another(workshop: Workshop, resource: Resource, change: Operation) -> Iterator[Json]:
    if "409" not in change.responses or resource.chosen:
        return
    for name, schema in change.properties_sent().items():
        if (
            not is_unique(change, (name,), change.sent.flat(schema))
            or name not in resource.create.properties_answered()
        ):
            continue
        draft = Draft(workshop, change, f"taken {name}")
        request = draft.filled(draft.base())
        draft.made(resource, {}, again="other")
        other = creating(draft, -1)
        body = {**request.body, name: Raw("{{step." + other + ".body." + name + "}}")}
        assertions = [expect.status(409), expect.conforms(change, workshop.knowledge_base_id)]
        draft.send(as_it_is(replace(request, body=body)), assertions, name="change")
        yield finished(
            draft, Mode.STATEFUL, "unique", f"{change.name} refuses the {name} of another {called(resource)}",
            f"No two may have the same {name}; the specification documents 409.", rank=2, parameter=name,
            keyword="unique",
        )  # fmt: skip


def _words(operation: Operation) -> str:
    record = operation.record
    return " ".join(str(record.get(one) or "") for one in ("operation_id", "summary", "description")).lower()
