"""What cases of a resource's life have in common: ids of what a step made, what is seen of it, and where."""

from dataclasses import replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating.candidates import NOTHING
from workers.suites.generating.drafting import Draft, NotPossible, Workshop
from workers.suites.generating.operations import Operation
from workers.suites.generating.requests import Raw, Request, base_of
from workers.suites.generating.resources import Resource
from workers.suites.generating.writing import all_well

Json = dict[str, Any]


def seen_in_parent(draft: Draft, resource: Resource, filled: Request, step: Json) -> None:
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
    draft.send(bare(parent, known), [*all_well(draft, parent), *seen], name="read_whole")


def gone_from_parent(draft: Draft, resource: Resource, remove: Operation, known: dict[str, str]) -> None:
    parent, rows = _parent_of(draft.workshop, resource)
    if parent is not None:
        mine = f"{rows}[?@.{resource.parameter} == '{known[remove.path_names[-1]]}']"
        draft.send(bare(parent, known), [*all_well(draft, parent), expect.body(mine, "not_exists")], name="read_whole")


def _parent_of(workshop: Workshop, resource: Resource) -> tuple[Operation | None, str]:
    """What has the part in a list: the operation that reads it, and where the list is."""
    path = resource.create.path.rsplit("/", 2)[0]
    parent = workshop.api.find("GET", path)
    for name, schema in (parent.answered.properties(parent.answer) if parent and parent.answer else {}).items():
        items = parent.answered.flat(schema).get("items") if parent else None
        if parent is not None and items is not None and resource.parameter in parent.answered.properties(items):
            return parent, f"$.{name}"
    return None, ""


def other_values(draft: Draft, change: Operation) -> Request:
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


def bare(operation: Operation, known: dict[str, str]) -> Request:
    """The bare request for what has these ids; the last parameter may have another name."""
    values = list(known.values())
    request = Request(operation)
    for index, name in enumerate(operation.path_names):
        last = index == len(operation.path_names) - 1
        value = known.get(name) or (values[-1] if last else values[index])
        request = request.put("path", name, Raw(value))
    return request


def ids_of(resource: Resource, draft: Draft, step: Json) -> dict[str, str]:
    """The ids of what the step made."""
    known = {name: str(value) for name, value in step.get("path_params", {}).items()}
    if not resource.chosen:
        name = next(one["name"] for one in reversed(step["extract"]) if one["name"] != "location")
        known[resource.parameter] = "{{" + name + "}}"
    return known


def as_it_is(request: Request) -> Request:
    """The filled request as it stands: nothing in it gives way any more."""
    fixed = {("body", (name,)) for name in request.body} if isinstance(request.body, dict) else set()
    return replace(request, touched=request.touched | fixed | request.values.keys())


def creating(draft: Draft, index: int = 0) -> str:
    """The step of the setup that makes what the case is about."""
    made: list[str] = [one["id"] for one in draft.setup if one["id"].startswith("create_")]
    resource = draft.workshop.resources.at(draft.operation)
    mine = [one for one in made if resource is not None and one.startswith(f"create_{resource.noun}")]
    return (mine or made or [""])[index]


def defaults(operation: Operation, request: Request) -> list[Json]:
    """That what was left out has its documented default."""
    known = operation.properties_answered()
    sent = request.operation.properties_sent()
    found = []
    for name, schema in sent.items():
        plain = request.operation.sent.flat(schema)
        if "default" in plain and name in known and isinstance(request.body, dict) and name not in request.body:
            found.append(expect.body(f"$.{name}", "equals", plain["default"]))
    return found


def plain_text(request: Request, read: Operation) -> list[Json]:
    """That a plain text is read as it was sent."""
    sent, content = request.body, read.success.get("content") or {}
    if isinstance(sent, str) and any(one.startswith("text/") for one in content):
        return [{"type": "exact", "expected": sent.replace("{{", "\\{{")}]
    return []


def moves(name: str) -> bool:
    """Whether a property changes by itself."""
    return name.lower() in ("updated_at", "updatedat", "modified_at", "modified", "version", "etag", "last_modified",
                            "revision", "updated", "last_seen", "views", "age")  # fmt: skip


def called(resource: Resource) -> str:
    return resource.noun.replace("_", " ")
