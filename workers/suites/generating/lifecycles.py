"""The life of a resource: made, read, changed, removed, each seen by the request after it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.suites.generating import changes, singles
from workers.suites.generating import expectations as expect
from workers.suites.generating.drafting import Draft, Workshop, is_unique
from workers.suites.generating.life_steps import (
    as_it_is,
    bare,
    called,
    defaults,
    gone_from_parent,
    ids_of,
    other_values,
    plain_text,
)
from workers.suites.generating.operations import Operation
from workers.suites.generating.positive import with_texts
from workers.suites.generating.reflecting import reflected
from workers.suites.generating.requests import Raw
from workers.suites.generating.resources import Resource
from workers.suites.generating.writing import Mode, accept, all_well, finished

Json = dict[str, Any]


def cases(workshop: Workshop, operation: Operation) -> Iterator[Json]:
    """Those in which the operation is the one that is looked at."""
    resource = workshop.resources.made_by(operation) or workshop.resources.at(operation)
    if resource is None:
        yield from singles.cases(workshop, operation)
        return
    if operation is resource.create:
        yield from _made(workshop, resource)
        yield from _taken(workshop, resource)
    if operation.method in ("PUT", "PATCH"):
        yield from changes.cases(workshop, resource, operation)
    if operation.method == "DELETE":
        yield from _removed(workshop, resource, operation)
    if operation.method == "GET":
        yield from _unmodified(workshop, resource, operation)


def _made(workshop: Workshop, resource: Resource) -> Iterator[Json]:
    """What was made can be read, as it was sent; a second one is another one."""
    create, read, noun = resource.create, resource.with_method("GET"), called(resource)
    for what in ("everything", "only what is required", "texts of any script"):
        draft = Draft(workshop, create, f"life {what}")
        base = draft.base(optional=what != "only what is required")
        request = draft.filled(with_texts(base) if what == "texts of any script" else base)
        located = "Location" in (create.success.get("headers") or {})
        more = [{"name": "location", "from": "header", "expression": "Location", "default": "none"}] if located else []
        assertions = [*reflected(request, create), *defaults(create, request)]
        step = accept(draft, as_it_is(request), assertions, name=f"make_{resource.noun}", extract=more)
        if resource.chosen and {"200", "201"} <= create.responses.keys() and not resource.borrowed:
            step["assert"][0] = expect.status(201)
        if read is not None and not resource.borrowed:
            known = ids_of(resource, draft, step)
            seen = [*reflected(request, read, step["id"]), *defaults(read, request), *plain_text(request, read)]
            if resource.id_property in read.properties_answered():
                seen.append(expect.body(f"$.{resource.id_property}", "equals", known[resource.parameter]))
            if located and not resource.chosen:
                seen.append(expect.body(f"contains('{{{{location}}}}', '{known[resource.parameter]}')", "equals", True))
            draft.send(bare(read, known), [*all_well(draft, read), *seen], name=f"read_{resource.noun}")
        name = f"A {noun} that was made with {what} is what was sent"
        explanation = f"{create.name} answers with what it was sent, and reading it gives the same."
        yield finished(
            draft, Mode.STATEFUL, "create", name, explanation, rank=1 if what == "everything" else 3, operation=create
        )
    if read is not None and not resource.chosen:
        yield _two(workshop, resource)


def _two(workshop: Workshop, resource: Resource) -> Json:
    draft = Draft(workshop, resource.create, "two")
    accept(draft, draft.base(), name="first")
    step = accept(draft, replace(draft.base(), touched=frozenset()), name="second")
    ids = [one["name"] for one in draft.steps[0]["extract"]]
    step["assert"].append(expect.body(str(resource.expression), "not_equals", "{{" + ids[-1] + "}}"))
    name = f"Two {called(resource)}s have two ids"
    return finished(draft, Mode.STATEFUL, "identity", name, "Each thing that is made has an id of its own.", rank=5)


def _taken(workshop: Workshop, resource: Resource) -> Iterator[Json]:
    """What must be unique is refused the second time."""
    create = resource.create
    if "409" not in create.responses or resource.chosen or create.body is None:
        return
    for name, schema in create.properties_sent().items():
        own = name == resource.id_property
        if not own and not is_unique(create, (name,), create.sent.flat(schema)):
            continue
        draft = Draft(workshop, create, f"taken {name}")
        first = accept(draft, draft.base(), name="first")
        request = draft.filled(replace(draft.base(), touched=frozenset()))
        body = {**request.body, name: Raw("{{step." + first["id"] + ".body." + name + "}}")}
        again = as_it_is(replace(request, body=body))
        assertions = [expect.status(409), expect.conforms(create, workshop.knowledge_base_id)]
        draft.send(again, assertions, name="second")
        yield finished(
            draft, Mode.STATEFUL, "unique", f"{create.name} refuses a second {called(resource)} with the same {name}",
            f"No two may have the same {name}; the specification documents 409.", rank=1, parameter=name,
            keyword="unique",
        )  # fmt: skip


def _removed(workshop: Workshop, resource: Resource, remove: Operation) -> Iterator[Json]:
    """What was removed is not there any more, and another one still is."""
    draft = Draft(workshop, remove, "removed")
    read = resource.with_method("GET")
    request = draft.filled(draft.base())
    other = None
    if read is not None and not resource.borrowed:
        parents = {name: value.text for (place, name), value in request.values.items()
                   if place == "path" and isinstance(value, Raw) and name != remove.path_names[-1]}  # fmt: skip
        other = draft.made(resource, parents, again="other")
    step = draft.send(as_it_is(request), all_well(draft, remove), name="remove")
    known = {name: str(value) for name, value in step["path_params"].items()}
    if read is not None and not resource.borrowed:
        gone: list[Any] = [*read.documented(404, 410)] or ["4xx"]
        more = [expect.conforms(read, workshop.knowledge_base_id)] if gone != ["4xx"] else []
        draft.send(bare(read, known), [expect.status(*gone), *more], name="read")
        if other is not None:
            draft.send(bare(read, {**known, read.path_names[-1]: other}), all_well(draft, read), name="read_another")
    elif resource.borrowed:
        gone_from_parent(draft, resource, remove, known)
    again: list[Any] = [*remove.documented(404, 410)]
    if again and not resource.borrowed:
        draft.send(bare(remove, known), [expect.status(*again)], name="remove_again")
    yield finished(
        draft, Mode.STATEFUL, "delete", f"A {called(resource)} that was removed is gone, and others are not",
        f"After {remove.name} it is answered with 404 as the specification documents it; another one is still there.",
        rank=1,
    )  # fmt: skip


def _unmodified(workshop: Workshop, resource: Resource, read: Operation) -> Iterator[Json]:
    """A thing is the same until it is changed: ETag and 304."""
    if "304" not in read.responses or read.parameter("If-None-Match", "header") is None:
        return
    draft = Draft(workshop, read, "etag")
    request = draft.base(optional=False)
    etag = {"name": "etag", "from": "header", "expression": "ETag", "default": "none"}
    has_one = {"type": "header", "name": "ETag", "op": "exists"}
    step = draft.send(request, [*all_well(draft, read, [200]), has_one], name="read", extract=[etag])
    known = {name: str(value) for name, value in step["path_params"].items()}
    same = bare(read, known).put("header", "If-None-Match", Raw("{{etag}}"))
    draft.send(same, [expect.status(304), expect.conforms(read, workshop.knowledge_base_id)], name="read_again")
    other = bare(read, known).put("header", "If-None-Match", '"another-state"')
    draft.send(other, [expect.status(200)], name="read_with_another")
    change = resource.with_method("PATCH") or resource.with_method("PUT")
    if change is not None and not resource.borrowed:
        changing = draft.filled(other_values(draft, change), known)
        draft.send(as_it_is(changing), [expect.status(*expect.accepted(change))], name="change")
        different = {**has_one, "op": "not_equals", "expected": "{{etag}}"}
        draft.send(same, [expect.status(200), different], name="read_changed")
    yield finished(
        draft, Mode.STATEFUL, "etag", f"{read.name} answers 304 until it is changed",
        "The specification documents ETag and 304: who has the state that is asked for gets no body.", rank=2,
    )  # fmt: skip
