"""A case while it is made: its requests, and before them the steps that make what they need.

Ids in paths and bodies give way to those of resources that the case makes for itself and removes afterwards; values
that must be unique are made anew in each execution. What is to be true of an answer is for the caller to say.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from workers.suites.generating import expectations as expect
from workers.suites.generating import texts
from workers.suites.generating.candidates import NOTHING
from workers.suites.generating.credentials import Credentials
from workers.suites.generating.operations import Api, Operation
from workers.suites.generating.requests import Raw, Request, base_of, step_of
from workers.suites.generating.resources import Resource, Resources
from workers.suites.generating.values import Values
from workers.suites.generating.views import Path, View, at, put, types_of

Json = dict[str, Any]

DEEPEST = 4
UNIQUE = ("email", "username", "user_name", "login", "slug", "handle")
_SAID_ONCE = re.compile(r"(?i)\b409\b|already|another|unique|exists|taken|in use|duplicate")


@dataclass(frozen=True)
class Workshop:
    """What all cases of one generation are made with."""

    api: Api
    values: Values
    resources: Resources
    credentials: Credentials
    knowledge_base_id: str | None
    max_latency_ms: float
    bases: dict[tuple[str, bool], Request | None] = field(default_factory=dict)


class NotPossible(Exception):
    """There is no way to make what the case needs."""


@dataclass(eq=False)
class Draft:
    """One case. `purpose` is part of the seed of its values."""

    workshop: Workshop
    operation: Operation
    purpose: str
    setup: list[Json] = field(default_factory=list)
    steps: list[Json] = field(default_factory=list)
    teardown: list[Json] = field(default_factory=list)
    _made: dict[Any, str] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)
    _chosen: dict[int, str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def base(self, operation: Operation | None = None, *, optional: bool = True) -> Request:
        """A valid request of the operation; raises NotPossible."""
        wanted = operation or self.operation
        kept, key = self.workshop.bases, (wanted.name, optional)
        if key not in kept:
            kept[key] = base_of(wanted, self.workshop.values, optional=optional)
        found = kept[key]
        if found is None:
            raise NotPossible("no valid value was found for what it needs")
        return found

    def send(
        self,
        request: Request,
        assertions: list[Json],
        *,
        name: str | None = None,
        parents: dict[str, str] | None = None,
        extract: list[Json] | None = None,
        auth: Any = None,
    ) -> Json:
        """Adds a step, after what it needs; returns it."""
        request = self.filled(request, parents)
        step = self._step(request, self._named(name or _id_of(request.operation)), auth=auth)
        step |= {"assert": assertions}
        if extract:
            step["extract"] = extract
        self.steps.append(step)
        return step

    def filled(self, request: Request, parents: dict[str, str] | None = None) -> Request:
        """The request with ids of what is there, and values that nobody had before."""
        known = dict(parents or {})
        operation = request.operation
        for name in operation.path_names:
            if ("path", name) not in request.touched:
                known.setdefault(name, self._id_for(operation, name, known))
                request = replace(request, values={**request.values, ("path", name): Raw(known[name])})
        resource = self.workshop.resources.at(operation)
        touched = any(("path", name) in request.touched for name in operation.path_names)
        if resource is not None and resource.borrowed and operation is not resource.create and not touched:
            self._keep(resource, known)
        for place, name in list(request.values):
            if place == "query" and (place, name) not in request.touched:
                other = self.workshop.resources.named(name)
                if other is not None and not _told(operation, name):
                    values = {**request.values, (place, name): Raw(self.made(other, known))}
                    request = replace(request, values=values)
        return replace(request, body=self._filled_body(request, known))

    def made(self, resource: Resource, known: dict[str, str] | None = None, *, again: str = "", depth: int = 0) -> str:
        """A template of the id of one that the setup makes, once unless `again` says for what else."""
        parents = self._parents(resource, known or {}, depth)
        key = (id(resource), tuple(sorted(parents.items())), again)
        if key not in self._made:
            if depth > DEEPEST:
                raise NotPossible(f"a {resource.noun} needs too many other things")
            self._made[key] = self._create(resource, parents, depth, again)
        return self._made[key]

    def made_with(self, resource: Resource, known: dict[str, str], request: Request) -> str:
        """The same for one that is made by this request."""
        return self._create(resource, self._parents(resource, known, 0), 0, f"with {len(self.setup)}", request)

    def removed_afterwards(self, resource: Resource, template: str, parents: dict[str, str]) -> None:
        """Adds the step that removes what was made."""
        remove = resource.with_method("DELETE")
        if remove is None:
            return
        known = {**parents, remove.path_names[-1]: template}
        if any(name not in known for name in remove.path_names):
            return
        request = Request(remove, {("path", name): Raw(known[name]) for name in remove.path_names})
        self.teardown.insert(0, self._step(request, self._named(f"remove_{resource.noun}")))

    def extraction(self, resource: Resource, name: str) -> Json:
        """How the id is read from the answer; a default keeps later steps from stumbling over an answer without."""
        return {"name": name, "from": "jsonpath", "expression": resource.expression, "default": "none"}

    def fresh_name(self, wanted: str) -> str:
        """A name of a variable that the case has not yet."""
        return self._named(wanted)

    def chosen(self, resource: Resource, again: str = "") -> str:
        """A name that the client chooses, valid for the path."""
        operation = resource.create
        schema = (operation.parameter(resource.parameter, "path") or {}).get("schema", {})
        return self.unique(operation, schema, resource.parameter, again, once=self._named(resource.noun))

    def unique(self, operation: Operation, schema: Any, name: str, purpose: str, once: str = "") -> str:
        """A template of a valid value that is another one in each case and, as far as its schema lets it, execution.
        With a name, `once`, it is the same one wherever the case has it."""
        view, values = operation.sent, self.workshop.values
        plain = view.flat(schema)
        count = self._counts[name] = self._counts.get(name, 0) + 1
        random = values.random(self.operation.name, self.purpose, purpose, name, count)
        least, most = plain.get("minLength") or 0, plain.get("maxLength")
        pattern = plain.get("pattern")
        if plain.get("format") == "uuid" and not once:
            return "{{$uuid}}"
        if plain.get("format") == "email" and (most is None or most >= 32):
            return "user.{{$letters_12}}@example.com"
        if isinstance(pattern, str):
            drawn = texts.template(pattern, random, once)
            if drawn is not None and view.accepts(schema, drawn[1]):
                return drawn[0]
            made = texts.matching(pattern, random, max(least, 1), most, prefer_long=True)
            if made is not None and view.accepts(schema, made):
                return made
        elif "string" in types_of(plain) and "format" not in plain and least <= 16 and (most is None or most >= 16):
            return "new-{{$letters_12" + (f":{once}" if once else "") + "}}"
        bare = {key: one for key, one in plain.items() if key not in ("example", "examples", "default", "const")}
        found = values.sample(view, bare, random, name)
        if found is NOTHING:
            raise NotPossible(f"no valid value was found for {name}")
        return found if isinstance(found, str) else str(found)

    def referred(self) -> list[tuple[Path, Resource]]:
        """The places of the body that are ids of other things."""
        body = self.operation.body
        found = []
        own = self.workshop.resources.made_by(self.operation) or self.workshop.resources.at(self.operation)
        for place in self.operation.sent.places(body.schema) if body is not None else ():
            other = self._referred(_property(place.path), self.operation.sent.flat(place.schema), self.operation)
            kinds = types_of(self.operation.sent.flat(place.schema))
            if other is not None and other is not own and not kinds & {"object", "array"}:
                found.append((place.path, other))
        return found

    def _id_for(self, operation: Operation, name: str, known: dict[str, str], depth: int = 0) -> str:
        resources = self.workshop.resources
        resource = resources.of_parameter(operation, name)
        if resource is not None and resource.create is operation:
            if id(resource) not in self._chosen:
                self._chosen[id(resource)] = self.chosen(resource)
            return self._chosen[id(resource)]
        if resource is not None:
            return self.made(resource, known, depth=depth)
        schema = (operation.parameter(name, "path") or {}).get("schema", {})
        random = self.workshop.values.random(operation.name, "path", name)
        value = self.workshop.values.sample(operation.sent, schema, random, name)
        if value is NOTHING:
            raise NotPossible(f"nothing is known of {name} in its path")
        return value if isinstance(value, str) else str(value)

    def _parents(self, resource: Resource, known: dict[str, str], depth: int) -> dict[str, str]:
        """The ids in the path of what makes it; those that are known by name are taken."""
        names = resource.create.path_names[:-1] if resource.chosen else resource.create.path_names
        parents: dict[str, str] = {}
        for name in names:
            parents[name] = known[name] if name in known else self._id_for(resource.create, name, parents, depth + 1)
        return parents

    def _create(
        self, resource: Resource, parents: dict[str, str], depth: int, again: str, by: Request | None = None
    ) -> str:
        operation = resource.create
        request = by or self.base(operation)
        template = ""
        if resource.chosen:
            template = self.chosen(resource, again)
            parents = {**parents, resource.parameter: template}
        for name in operation.path_names:
            request = replace(request, values={**request.values, ("path", name): Raw(parents[name])})
        request = replace(request, body=self._filled_body(request, parents, depth + 1, again))
        step = self._step(request, self._named(f"create_{resource.noun}"))
        step |= {"name": f"make a {resource.noun.replace('_', ' ')}"}
        step["assert"] = [expect.status(*[one for one in operation.successes if one != 401])]
        if not resource.chosen:
            name = self._named(f"{resource.noun}_id")
            step["extract"] = [self.extraction(resource, name)]
            template = "{{" + name + "}}"
        self.setup.append(step)
        self.removed_afterwards(resource, template, parents)
        return template

    def _keep(self, resource: Resource, known: dict[str, str]) -> None:
        """Makes sure that the thing is in the other: a product in a cart."""
        request = self.base(resource.create)
        for name, mine in zip(resource.create.path_names, list(known.values()), strict=False):
            request = replace(request, values={**request.values, ("path", name): Raw(mine)})
        request = replace(request, body=self._filled_body(request, known))
        step = self._step(request, self._named(f"put_{resource.noun}"))
        self.setup.append(step | {"assert": [expect.status(*resource.create.successes)]})

    def _filled_body(self, request: Request, known: dict[str, str], depth: int = 0, again: str = "") -> Any:
        body, value = request.operation.body, request.body
        if body is None or not isinstance(value, dict | list):
            return value
        view = request.operation.sent
        for place in view.places(body.schema):
            if any(("body", place.path[:length]) in request.touched for length in range(1, len(place.path) + 1)):
                continue
            paths = _everywhere(value, place.path)
            # Where nothing may be there twice, one is enough.
            alone = isinstance(place.path[-1], int) and _distinct(view, body.schema, place.path[:-1])
            for path in paths[:1] if alone else paths:
                template = self._for_place(request, path, place.schema, known, depth, again)
                if template is not None:
                    value = put(value, path, Raw(template))
        return value

    def _for_place(
        self, request: Request, path: Path, schema: Any, known: dict[str, str], depth: int, again: str
    ) -> str | None:
        """What goes into a place of the body instead of the value that was made up; None: nothing."""
        operation, resources = request.operation, self.workshop.resources
        name = _property(path)
        plain = operation.sent.flat(schema)
        if types_of(plain) & {"object", "array"} or "enum" in plain or "const" in plain:
            return None
        own = resources.made_by(operation) or resources.at(operation)
        if own is not None and path == (own.id_property,) and own.create is operation:
            return self.unique(operation, schema, name, f"own {again}")
        if is_unique(operation, path, plain):
            return self.unique(operation, schema, name, f"unique {again}")
        other = self._referred(name, plain, operation)
        if other is None or other.create is operation or other is own:
            return None
        # What is optional and cannot be made is left as it is.
        if depth <= DEEPEST:
            return self.made(other, {}, depth=depth + 1)
        return None

    def _referred(self, name: str, plain: Json, operation: Operation) -> Resource | None:
        """Whose id a property is: it is called like the parameter, or like the thing and has the id's form."""
        resources = self.workshop.resources
        found = resources.named(name)
        if found is None and name.lower() in resources.by_noun and "string" in types_of(plain):
            other = resources.by_noun[name.lower()]
            item = next((one for one in other.operations if one.path_names), None)
            theirs = (
                {} if item is None else item.sent.flat((item.parameter(item.path_names[-1], "path") or {})["schema"])
            )
            same = all(plain.get(key) == theirs.get(key) for key in ("type", "pattern", "format"))
            return other if same and ("pattern" in plain or "format" in plain) else None
        return found

    def _step(self, request: Request, identity: str, auth: Any = None) -> Json:
        step = {"id": identity, **step_of(request)}
        if auth is None:
            auth = self.workshop.credentials.of(request.operation)
        if auth is not None:
            step["auth"] = auth
        if "429" in request.operation.responses:
            step["retry"] = {"max": 2, "on": ["429"], "delay_s": 1}
        return step

    def _named(self, wanted: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", wanted).strip("_")[:50] or "step"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        name, count = plain, 2
        while name in self._names:
            name, count = f"{plain}_{count}", count + 1
        self._names.add(name)
        return name


def _property(path: Path) -> str:
    """What the property there is called, an item as its list in the singular."""
    name = next((str(one) for one in reversed(path) if isinstance(one, str)), "")
    return name.removesuffix("s") if path and isinstance(path[-1], int) else name


def is_unique(operation: Operation, path: Path, plain: Json) -> bool:
    """Whether no two things may have the same there: 409 is documented, and it is what is usually unique, or what the
    description names."""
    if len(path) != 1 or "string" not in types_of(plain) or "409" not in operation.responses:
        return False
    name = str(path[0])
    if plain.get("format") == "email" or name.lower() in UNIQUE:
        return True
    response = operation.responses["409"].get("description")
    said = [one for one in (operation.record.get("description"), response) if isinstance(one, str)]
    sentences = [one for text in said for one in re.split(r"(?<=[.;])\s", text) if _SAID_ONCE.search(one)]
    return any(f"`{name}`" in one for one in sentences)


def _told(operation: Operation, name: str) -> bool:
    """Whether the specification itself shows a value for a parameter of the query."""
    plain = operation.sent.flat((operation.parameter(name, "query") or {}).get("schema", {}))
    return any(key in plain for key in ("enum", "const", "example"))


def _everywhere(value: Any, path: Path) -> list[Path]:
    """The path with every index that there is instead of 0, as far as something stands there."""
    found: list[Path] = [()]
    for step in path:
        if isinstance(step, int):
            lists = [(one, at(value, one)) for one in found]
            found = [(*one, index) for one, inside in lists if isinstance(inside, list) for index in range(len(inside))]
        else:
            found = [(*one, step) for one in found if isinstance(at(value, one), dict) and step in at(value, one)]
    return found


def _distinct(view: View, schema: Any, path: Path) -> bool:
    """Whether the list there may have nothing twice."""
    for step in path:
        plain = view.flat(schema)
        schema = plain.get("items") if isinstance(step, int) else (plain.get("properties") or {}).get(step)
    return view.flat(schema).get("uniqueItems") is True


def _id_of(operation: Operation) -> str:
    return str(operation.record.get("operation_id") or f"{operation.method.lower()}_{operation.path}")
