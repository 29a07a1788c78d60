"""Resources of an API: which operation makes one, how its id comes back, and which read, change, list and remove it.

It is told by links first, else by the paths: what POST makes in `/users` is at `/users/{id}`, what PUT documents with
201 is under a name that the client chooses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from workers.suites.generating.operations import Api, Operation, shape
from workers.suites.generating.views import types_of

Json = dict[str, Any]

ID_NAMES = ("id", "uuid", "key", "slug", "code", "name", "number", "ref", "handle")
# Where answers wrap what was made.
WRAPS = ("data", "result", "item", "attributes")
_BODY = re.compile(r"\$response\.body#((?:/[A-Za-z0-9_-]+)+)")
_SENT = re.compile(r"\$request\.(?:path\.([A-Za-z0-9_-]+)|body#((?:/[A-Za-z0-9_-]+)+))")


@dataclass(eq=False)
class Resource:
    """`create` makes one. Its id is read from the answer by the JSONPath `expression`; without one the client chooses
    it: it is the last parameter of the path of `create`. `items` are the shapes of the paths that have it last."""

    noun: str
    create: Operation
    parameter: str
    expression: str | None
    items: set[str] = field(default_factory=set)
    operations: list[Operation] = field(default_factory=list)
    # Whether the last parameter of `create` names another resource: a product in a cart.
    borrowed: bool = False

    def with_method(self, method: str) -> Operation | None:
        """The operation on the resource itself with that method."""
        return next((one for one in self.operations if one.method == method and shape(one.path) in self.items), None)

    @property
    def chosen(self) -> bool:
        """Whether the client says what it is called."""
        return self.expression is None

    @property
    def id_property(self) -> str | None:
        """The property of the answer that is its id, where it stands at the top."""
        found = re.fullmatch(r"\$\.([A-Za-z0-9_-]+)", self.expression or "")
        return found[1] if found else None


class Resources:
    """All resources of an API."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.all = [one for one in self._posted() if one.items]
        self.all += self._put()
        for resource in self.all:
            resource.operations = [one for one in api.operations if shape(one.path) in resource.items]

    @cached_property
    def by_item(self) -> dict[str, Resource]:
        """By the shape of a path that ends with its id."""
        return {item: one for one in reversed(self.all) for item in sorted(one.items)}

    @cached_property
    def by_parameter(self) -> dict[str, Resource]:
        """By what the parameter for its id is called."""
        found = {one.parameter: one for one in reversed(self.all) if not one.borrowed}
        named = {name: one for one in reversed(self.all) if not one.borrowed for name in _last_names(one)}
        return {name: one for name, one in (found | named).items() if name.lower() not in ("id", "name", "key")}

    @cached_property
    def by_noun(self) -> dict[str, Resource]:
        """By what one of them is called."""
        return {one.noun: one for one in reversed(self.all) if not one.borrowed}

    def of_parameter(self, operation: Operation, name: str) -> Resource | None:
        """Whose id a parameter of a path is."""
        prefix = operation.path[: operation.path.index("{" + name + "}") + len(name) + 2]
        found = self.by_item.get(shape(prefix))
        if found is not None and not found.borrowed:
            return found
        return self.named(name)

    def named(self, name: str) -> Resource | None:
        """Whose id something of that name is: `customer_id`, `customerId`, or as the path calls it."""
        if name in self.by_parameter:
            return self.by_parameter[name]
        found = re.fullmatch(r"(.+?)(?:_?(?:id|uuid)|Id|ID)", name)
        return self.by_noun.get(found[1].strip("_-").lower()) if found else None

    def made_by(self, operation: Operation) -> Resource | None:
        """What the operation makes."""
        return next((one for one in self.all if one.create is operation), None)

    def at(self, operation: Operation) -> Resource | None:
        """What the operation reads, changes or removes: its path ends with the id."""
        return self.by_item.get(shape(operation.path)) if operation.path.endswith("}") else None

    def _posted(self) -> Iterator[Resource]:
        for one in self._api.operations:
            if one.method == "POST" and not one.path.endswith("}"):
                made = self._linked(one) or self._structured(one)
                if made is not None:
                    yield made

    def _linked(self, create: Operation) -> Resource | None:
        """By its links to operations whose paths end with a parameter that the answer has."""
        by_id = {one.record.get("operation_id"): one for one in self._api.operations}
        made = None
        for operation, link, target in self._api.links:
            to = by_id.get(target)
            if operation is not create or to is None or not to.path_names or not to.path.endswith("}"):
                continue
            name = to.path_names[-1]
            found = _BODY.fullmatch(str(link["parameters"].get(name) or link["parameters"].get(f"path.{name}")))
            if found:
                made = made or Resource(noun_of(to.path), create, name, "$" + found[1].replace("/", "."))
                made.items.add(shape(to.path))
        return made

    def _structured(self, create: Operation) -> Resource | None:
        """By a path that is its own and a parameter."""
        below = [one for one in self._api.operations if shape(one.path) == f"{shape(create.path)}/{{}}"]
        if not below:
            return None
        name = below[0].path_names[-1]
        expression = self._id_in_answer(create, below[0], name)
        if expression is None:
            return None
        return Resource(noun_of(below[0].path), create, name, expression, {shape(below[0].path)})

    def _id_in_answer(self, create: Operation, item: Operation, name: str) -> str | None:
        noun = noun_of(item.path)
        properties = create.properties_answered()
        wanted = types_of(item.sent.flat((item.parameter(name, "path") or {}).get("schema", {})))
        for prefix, among in (("$", properties), *_wrapped(create, properties)):
            for one in (name, "id", f"{noun}_id", f"{noun}Id", *ID_NAMES):
                kinds = types_of(create.answered.flat(among.get(one))) - {"null"}
                if one in among and (not kinds or not wanted or kinds & wanted or wanted == {"string"}):
                    return f"{prefix}.{one}"
        return None

    def _put(self) -> list[Resource]:
        """What is made by PUT, at paths that nothing else makes something for."""
        taken = {item for one in self.all for item in one.items}
        made = []
        for one in self._api.operations:
            if one.method != "PUT" or not one.path.endswith("}") or shape(one.path) in taken:
                continue
            name = one.path_names[-1]
            borrowed = any(name == other.parameter or name in _last_names(other) for other in self.all)
            if borrowed or "201" in one.responses:
                made.append(Resource(noun_of(one.path), one, name, None, {shape(one.path)}, borrowed=borrowed))
        return made


def _wrapped(create: Operation, properties: Json) -> list[tuple[str, Json]]:
    return [(f"$.{name}", create.answered.properties(properties[name])) for name in WRAPS if name in properties]


def _last_names(resource: Resource) -> set[str]:
    return {one.path_names[-1] for one in resource.operations if one.path_names and one.path.endswith("}")}


def noun_of(path: str) -> str:
    """What is at a path, in the singular: `order` of `/orders/{id}`."""
    segments = [one for one in path.split("/") if one and not one.startswith("{")]
    word = re.sub(
        r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", segments[-1] if segments else "thing").lower()
    )
    return singular(word.strip("_")) or "thing"


def singular(word: str) -> str:
    """The usual singular of an English plural."""
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
