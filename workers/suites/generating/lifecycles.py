"""The life of a resource: made, read, changed, removed, each seen by the request after it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating import singles
from workers.suites.generating.drafting import Draft, NotPossible, Workshop, is_unique
from workers.suites.generating.operations import Operation
from workers.suites.generating.reflecting import reflected, unchanged
from workers.suites.generating.requests import Raw, Request, base_of
from workers.suites.generating.resources import Resource
from workers.suites.generating.values import NOTHING, TYPES_WRONG
from workers.suites.generating.views import types_of
from workers.suites.generating.writing import Mode, accept, all_well, finished

Json = dict[str, Any]

MOST_CHANGES = 6


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
        yield from _changed(workshop, resource, operation)
    if operation.method == "DELETE":
        yield from _removed(workshop, resource, operation)
    if operation.method == "GET":
        yield from _unmodified(workshop, resource, operation)


def _made(workshop: Workshop, resource: Resource) -> Iterator[Json]:
    """What was made can be read, as it was sent; a second one is another one."""
    create, read, noun = resource.create, resource.with_method("GET"), _said(resource)
    for optional in (True, False):
        draft = Draft(workshop, create, f"life {optional}")
        request = draft.filled(draft.base(optional=optional))
        located = "Location" in (create.success.get("headers") or {})
        more = [{"name": "location", "from": "header", "expression": "Location", "default": "none"}] if located else []
        assertions = [*reflected(request, create), *_defaults(create, request)]
        step = accept(draft, _touched(request), assertions, name=f"make_{resource.noun}", extract=more)
        if resource.chosen and {"200", "201"} <= create.responses.keys() and not resource.borrowed:
            step["assert"][0] = expect.status(201)
        if read is not None and not resource.borrowed:
            known = _ids(resource, draft, step)
            seen = [*reflected(request, read, step["id"]), *_defaults(read, request), *_text(request, read)]
            if resource.id_property in read.properties_answered():
                seen.append(expect.body(f"$.{resource.id_property}", "equals", known[resource.parameter]))
            if located and not resource.chosen:
                seen.append(expect.body(f"contains('{{{{location}}}}', '{known[resource.parameter]}')", "equals", True))
            draft.send(_at(read, known), [*all_well(draft, read), *seen], name=f"read_{resource.noun}")
        what = "everything" if optional else "only what is required"
        name = f"A {noun} that was made with {what} is what was sent"
        explanation = f"{create.name} answers with what it was sent, and reading it gives the same."
        yield finished(draft, Mode.STATEFUL, "create", name, explanation, rank=1 if optional else 3, operation=create)
    if read is not None and not resource.chosen:
        yield _two(workshop, resource)


def _two(workshop: Workshop, resource: Resource) -> Json:
    draft = Draft(workshop, resource.create, "two")
    accept(draft, draft.base(), name="first")
    step = accept(draft, replace(draft.base(), touched=frozenset()), name="second")
    ids = [one["name"] for one in draft.steps[0]["extract"]]
    step["assert"].append(expect.body(str(resource.expression), "not_equals", "{{" + ids[-1] + "}}"))
    name = f"Two {_said(resource)}s have two ids"
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
        again = _touched(replace(request, body=body))
        assertions = [expect.status(409), expect.conforms(create, workshop.knowledge_base_id)]
        draft.send(again, assertions, name="second")
        yield finished(
            draft, Mode.STATEFUL, "unique", f"{create.name} refuses a second {_said(resource)} with the same {name}",
            f"No two may have the same {name}; the specification documents 409.", rank=1, parameter=name,
            keyword="unique",
        )  # fmt: skip


def _changed(workshop: Workshop, resource: Resource, change: Operation) -> Iterator[Json]:
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
    request, before = _other(draft, change), ""
    if change is resource.create:
        accept(draft, draft.base(), name="first")
    filled = draft.filled(request)
    before = _creating(draft)
    step = draft.send(_touched(filled), [*all_well(draft, change), *reflected(filled, change)], name="change")
    if read is not None and not resource.borrowed:
        known = {name: str(value) for name, value in step["path_params"].items()}
        seen = [*reflected(filled, read, "change"), *_text(filled, read)]
        if change.method == "PATCH" and before:
            untouched = [one for one in read.properties_answered() if one not in (filled.body or {})]
            seen += unchanged(before, read, [one for one in untouched if not _moves(one)])
        draft.send(_at(read, known), [*all_well(draft, read), *seen], name="read")
    elif resource.borrowed:
        _seen_in_parent(draft, resource, filled, step)
    what = "replaced" if change.method == "PUT" else "changed"
    return finished(
        draft, Mode.STATEFUL, "update", f"A {_said(resource)} that was {what} is what was sent",
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
        step = draft.send(_touched(request), [*all_well(draft, change), *reflected(request, change)], name="change")
        before = _creating(draft)
        others = [one for one in read.properties_answered() if one != name and not _moves(one)]
        seen = [*reflected(request, read, "change"), *unchanged(before, read, others)]
        known = {key: str(one) for key, one in step["path_params"].items()}
        draft.send(_at(read, known), [*all_well(draft, read), *seen], name="read")
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
        names = [one for one in read.properties_answered() if not _moves(one)]
        known = {key: str(one) for key, one in step["path_params"].items()}
        seen = unchanged(_creating(draft), read, names)
        draft.send(_at(read, known), [*all_well(draft, read), *seen], name="read")
        yield finished(
            draft, Mode.STATEFUL, "atomic", f"{change.name} changes nothing when it refuses",
            f"{name} is of a wrong type; {expect.told(change, expected)}, and everything is as it was.", rank=4,
        )  # fmt: skip
        return


def _again(workshop: Workshop, resource: Resource, change: Operation, read: Operation | None) -> Json:
    """PUT is idempotent."""
    draft = Draft(workshop, change, "again")
    filled = draft.filled(draft.base())
    first = accept(draft, _touched(filled), name="first")
    told = [one for one in change.successes if one != 201] if resource.create is change else []
    step = draft.send(_touched(filled), all_well(draft, change, told or None), name="again")
    if read is not None:
        known = {name: str(value) for name, value in first["path_params"].items()}
        draft.send(_at(read, known), [*all_well(draft, read), *reflected(filled, read, step["id"])], name="read")
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
    step = draft.send(_touched(request), all_well(draft, change), name="change")
    before = _creating(draft)
    seen = [expect.body(f"$.{one}", "not_equals", "{{step." + before + ".body." + one + "}}") for one in gone]
    ids = {name: str(value) for name, value in step["path_params"].items()}
    draft.send(_at(read, ids), [*all_well(draft, read), *seen], name="read")
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
        other = _creating(draft, -1)
        body = {**request.body, name: Raw("{{step." + other + ".body." + name + "}}")}
        assertions = [expect.status(409), expect.conforms(change, workshop.knowledge_base_id)]
        draft.send(_touched(replace(request, body=body)), assertions, name="change")
        yield finished(
            draft, Mode.STATEFUL, "unique", f"{change.name} refuses the {name} of another {_said(resource)}",
            f"No two may have the same {name}; the specification documents 409.", rank=2, parameter=name,
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
    step = draft.send(_touched(request), all_well(draft, remove), name="remove")
    known = {name: str(value) for name, value in step["path_params"].items()}
    if read is not None and not resource.borrowed:
        gone: list[Any] = [*read.documented(404, 410)] or ["4xx"]
        more = [expect.conforms(read, workshop.knowledge_base_id)] if gone != ["4xx"] else []
        draft.send(_at(read, known), [expect.status(*gone), *more], name="read")
        if other is not None:
            draft.send(_at(read, {**known, read.path_names[-1]: other}), all_well(draft, read), name="read_another")
    elif resource.borrowed:
        _gone_from_parent(draft, resource, remove, known)
    again: list[Any] = [*remove.documented(404, 410)]
    if again and not resource.borrowed:
        draft.send(_at(remove, known), [expect.status(*again)], name="remove_again")
    yield finished(
        draft, Mode.STATEFUL, "delete", f"A {_said(resource)} that was removed is gone, and others are not",
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
    same = _at(read, known).put("header", "If-None-Match", Raw("{{etag}}"))
    draft.send(same, [expect.status(304), expect.conforms(read, workshop.knowledge_base_id)], name="read_again")
    other = _at(read, known).put("header", "If-None-Match", '"another-state"')
    draft.send(other, [expect.status(200)], name="read_with_another")
    change = resource.with_method("PATCH") or resource.with_method("PUT")
    if change is not None and not resource.borrowed:
        changing = draft.filled(_other(draft, change), known)
        draft.send(_touched(changing), [expect.status(*expect.accepted(change))], name="change")
        different = {**has_one, "op": "not_equals", "expected": "{{etag}}"}
        draft.send(same, [expect.status(200), different], name="read_changed")
    yield finished(
        draft, Mode.STATEFUL, "etag", f"{read.name} answers 304 until it is changed",
        "The specification documents ETag and 304: who has the state that is asked for gets no body.", rank=2,
    )  # fmt: skip


def _seen_in_parent(draft: Draft, resource: Resource, filled: Request, step: Json) -> None:
    """That the whole has the part, as it was sent."""
    parent, rows = _parent_of(draft.workshop, resource)
    if parent is None:
        return
    known = {name: str(value) for name, value in step["path_params"].items()}
    mine = f"{rows}[?@.{resource.parameter} == '{known[resource.parameter]}']"
    seen = [expect.body(mine, "exists")]
    for name, value in (filled.body if isinstance(filled.body, dict) else {}).items():
        if isinstance(value, int) and not isinstance(value, bool):
            seen.append(expect.body(f"{mine}.{name}", "equals", value))
    draft.send(_at(parent, known), [*all_well(draft, parent), *seen], name="read_whole")


def _gone_from_parent(draft: Draft, resource: Resource, remove: Operation, known: dict[str, str]) -> None:
    parent, rows = _parent_of(draft.workshop, resource)
    if parent is not None:
        mine = f"{rows}[?@.{resource.parameter} == '{known[remove.path_names[-1]]}']"
        draft.send(_at(parent, known), [*all_well(draft, parent), expect.body(mine, "not_exists")], name="read_whole")


def _parent_of(workshop: Workshop, resource: Resource) -> tuple[Operation | None, str]:
    """What has the part in a list: the operation that reads it, and where the list is."""
    path = resource.create.path.rsplit("/", 2)[0]
    parent = workshop.api.find("GET", path)
    for name, schema in (parent.answered.properties(parent.answer) if parent and parent.answer else {}).items():
        items = parent.answered.flat(schema).get("items") if parent else None
        if parent is not None and items is not None and resource.parameter in parent.answered.properties(items):
            return parent, f"$.{name}"
    return None, ""


def _other(draft: Draft, change: Operation) -> Request:
    """A request with values of its own, where the specification shows some that are there already."""
    request = base_of(change, draft.workshop.values, optional=True, purpose="other")
    if request is None:
        raise NotPossible("no valid value was found for what it needs")
    body = change.body
    if body is None or not isinstance(request.body, dict):
        return request
    made = {}
    for name, value in request.body.items():
        plain = {key: one for key, one in change.sent.flat(change.properties_sent().get(name, {})).items()
                 if key not in ("example", "examples", "default")}  # fmt: skip
        random = draft.workshop.values.random(change.name, "other", name)
        sampled = draft.workshop.values.sample(change.sent, plain, random, name)
        made[name] = value if sampled is NOTHING else sampled
    return replace(request, body=made) if change.sent.accepts(body.schema, made) else request


def _at(operation: Operation, known: dict[str, str]) -> Request:
    """The bare request for what has these ids; the last parameter may have another name."""
    values = list(known.values())
    request = Request(operation)
    for index, name in enumerate(operation.path_names):
        last = index == len(operation.path_names) - 1
        value = known.get(name) or (values[-1] if last else values[index])
        request = request.put("path", name, Raw(value))
    return request


def _ids(resource: Resource, draft: Draft, step: Json) -> dict[str, str]:
    """The ids of what the step made."""
    known = {name: str(value) for name, value in step.get("path_params", {}).items()}
    if not resource.chosen:
        name = next(one["name"] for one in reversed(step["extract"]) if one["name"] != "location")
        known[resource.parameter] = "{{" + name + "}}"
    return known


def _touched(request: Request) -> Request:
    """The filled request as it stands: nothing in it gives way any more."""
    fixed = {("body", (name,)) for name in request.body} if isinstance(request.body, dict) else set()
    return replace(request, touched=request.touched | fixed | request.values.keys())


def _creating(draft: Draft, index: int = 0) -> str:
    """The step of the setup that makes what the case is about."""
    made: list[str] = [one["id"] for one in draft.setup if one["id"].startswith("create_")]
    resource = draft.workshop.resources.at(draft.operation)
    mine = [one for one in made if resource is not None and one.startswith(f"create_{resource.noun}")]
    return (mine or made or [""])[index]


def _defaults(operation: Operation, request: Request) -> list[Json]:
    """That what was left out has its documented default."""
    known = operation.properties_answered()
    sent = request.operation.properties_sent()
    found = []
    for name, schema in sent.items():
        plain = request.operation.sent.flat(schema)
        if "default" in plain and name in known and isinstance(request.body, dict) and name not in request.body:
            found.append(expect.body(f"$.{name}", "equals", plain["default"]))
    return found


def _text(request: Request, read: Operation) -> list[Json]:
    """That a plain text is read as it was sent."""
    sent, content = request.body, read.success.get("content") or {}
    if isinstance(sent, str) and any(one.startswith("text/") for one in content):
        return [{"type": "exact", "expected": sent.replace("{{", "\\{{")}]
    return []


def _moves(name: str) -> bool:
    """Whether a property changes by itself."""
    return name.lower() in ("updated_at", "updatedat", "modified_at", "modified", "version", "etag", "last_modified",
                            "revision", "updated", "last_seen", "views", "age")  # fmt: skip


def _words(operation: Operation) -> str:
    record = operation.record
    return " ".join(str(record.get(one) or "") for one in ("operation_id", "summary", "description")).lower()


def _said(resource: Resource) -> str:
    return resource.noun.replace("_", " ")
