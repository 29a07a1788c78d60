"""Operations of an API as the generator sees them: what they take, what they answer, and where resources come from.

An `Api` has all operations of a specification, of which some are chosen: the others make what those need.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from workers.suites.generating.views import View, types_of

Json = dict[str, Any]
Status = int | str

_TEMPLATE = re.compile(r"\{([^{}]*)\}")
_NOT_SENT = ("accept", "content-type", "authorization")
_ITEMS = ("items", "data", "results", "records", "entries", "values", "content", "hits")


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent: `sort` is how a step says it (body, text or form), `schema` in the client's view."""

    media_type: str
    sort: str
    schema: Any
    required: bool
    examples: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation. `sent` and `answered` are its schemas in the client's and in the server's view."""

    key: str
    source: str
    sha256: str
    record: Json
    sent: View
    answered: View

    @cached_property
    def method(self) -> str:
        """In capitals."""
        return str(self.record["method"])

    @cached_property
    def path(self) -> str:
        """With its parameters: `/users/{id}`."""
        return str(self.record["path"])

    @cached_property
    def name(self) -> str:
        """`GET /users/{id}`."""
        return f"{self.method} {self.path}"

    @cached_property
    def path_names(self) -> list[str]:
        """The names of the parameters in the path, in order."""
        return _TEMPLATE.findall(self.path)

    @cached_property
    def parameters(self) -> list[Json]:
        """Those that a step can set, each with a `schema`; one of the path for each name in it."""
        found = []
        for one in self.record.get("parameters") or ():
            if one.get("in") == "header" and str(one.get("name")).lower() in _NOT_SENT:
                continue
            if one.get("in") == "querystring" or (one.get("in") == "path" and one["name"] not in self.path_names):
                continue
            found.append({**one, "schema": self.sent.shown(_schema_of(one))})
        known = {one["name"] for one in found if one["in"] == "path"}
        lost = [name for name in self.path_names if name not in known]
        return found + [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in lost]

    def parameter(self, name: str, place: str) -> Json | None:
        """The parameter of that name in that place."""
        return next((one for one in self.parameters if one["name"] == name and one["in"] == place), None)

    @cached_property
    def body(self) -> Body | None:
        """What it takes, in the first media type that a step can send; None: nothing."""
        request = self.record.get("request_body") or {}
        content = request.get("content") or {}
        for media_type, one in sorted(content.items(), key=lambda item: _rank(item[0])):
            sort = _sort(media_type)
            if sort is not None:
                schema = self.sent.shown(one.get("schema", {}))
                return Body(media_type, sort, schema, bool(request.get("required")), tuple(_examples(one)))
        return None

    @cached_property
    def unsendable_body(self) -> bool:
        """Whether it must have a body that no step can send."""
        request = self.record.get("request_body") or {}
        return bool(request.get("required") and self.body is None)

    @property
    def responses(self) -> Json:
        """What is documented, by status, class or `default`."""
        found = self.record.get("responses")
        return found if isinstance(found, dict) else {}

    def documented(self, *statuses: int) -> list[int]:
        """Those of the statuses that the specification documents one by one."""
        return [one for one in statuses if str(one) in self.responses]

    @cached_property
    def successes(self) -> list[Status]:
        """What it answers when all is well: 2xx as documented, else the redirects, else any 2xx."""
        found: list[Status] = [int(one) for one in sorted(self.responses) if re.fullmatch(r"2\d\d", one)]
        found += [one.lower() for one in self.responses if re.fullmatch(r"2[xX]{2}", one)]
        redirects: list[Status] = [int(one) for one in sorted(self.responses) if re.fullmatch(r"30[12378]", one)]
        return found or redirects or ["2xx"]

    @cached_property
    def documents_refusals(self) -> bool:
        """Whether it documents any 4xx, or what comes by default."""
        return any(one == "default" or one.startswith("4") for one in self.responses)

    @cached_property
    def success(self) -> Json:
        """What is documented for the first status of success that has JSON, or for the first."""
        found = [self.responses[str(one)] for one in self.successes if str(one) in self.responses]
        with_json = [one for one in found if _json_of(one) is not None]
        response: Json = (with_json or found or [self.responses.get("default") or {}])[0]
        return response

    @cached_property
    def answer(self) -> Any:
        """The schema of what it answers in JSON when all is well; None: there is none."""
        return _json_of(self.success)

    @cached_property
    def security(self) -> list[list[str]]:
        """The ways to authenticate, each the names of schemes; none, or one that is empty: it is open to all."""
        return [sorted(one) for one in self.record.get("security") or () if isinstance(one, dict)]

    @cached_property
    def guarded(self) -> bool:
        """Whether a caller must show who it is."""
        return bool(self.security) and all(self.security)

    @cached_property
    def rows(self) -> "Rows | None":
        """Where a list has its items; None: it answers no list."""
        if self.method != "GET" or self.answer is None or self.path.endswith("}"):
            return None
        plain = self.answered.flat(self.answer)
        if "array" in types_of(plain):
            return Rows((), plain.get("items", {}))
        found = {name: self.answered.flat(one) for name, one in self.answered.properties(self.answer).items()}
        lists = [name for name, one in found.items() if "array" in types_of(one)]
        lists = [name for name in lists if "object" in types_of(self.answered.flat(found[name].get("items")))]
        lists.sort(key=lambda name: name not in _ITEMS)
        return Rows((lists[0],), found[lists[0]].get("items", {})) if lists else None

    def properties_answered(self) -> Json:
        """The properties of the object that it answers with."""
        return {} if self.answer is None or self.rows else self.answered.properties(self.answer)

    def properties_sent(self) -> Json:
        """The properties of the object that it takes."""
        return {} if self.body is None or self.body.sort == "text" else self.sent.properties(self.body.schema)


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the items of a list are, and their schema."""

    path: tuple[str, ...]
    schema: Any

    @property
    def jsonpath(self) -> str:
        """`$.items`."""
        return "$" + "".join(f".{one}" for one in self.path)

    @property
    def jmespath(self) -> str:
        """`items`, or `@`."""
        return ".".join(self.path) or "@"


@dataclass(frozen=True, eq=False)
class Api:
    """All operations of one specification."""

    operations: list[Operation]

    @cached_property
    def by_name(self) -> dict[tuple[str, str], Operation]:
        """By method and path, of which the parameters' names do not count."""
        return {(one.method, shape(one.path)): one for one in reversed(self.operations)}

    def find(self, method: str, path: str) -> Operation | None:
        """The operation with that method on that path."""
        return self.by_name.get((method, shape(path)))

    def methods(self, path: str) -> set[str]:
        """The methods that a path has."""
        return {method for method, one in self.by_name if one == shape(path)}

    @cached_property
    def links(self) -> list[tuple[Operation, Json, str]]:
        """All links, each with its operation and the id of the operation that it goes to."""
        return list(self._links())

    def _links(self) -> Iterator[tuple[Operation, Json, str]]:
        for one in self.operations:
            for status in one.successes:
                for link in ((one.responses.get(str(status)) or {}).get("links") or {}).values():
                    target = link.get("operationId")
                    if isinstance(target, str) and isinstance(link.get("parameters"), dict):
                        yield one, link, target


def read_operations(given: Json) -> list[Operation]:
    """Operations as known_operations.py gives them, with views of their schemas, which those of one closure share."""
    views: dict[Any, tuple[View, View]] = {}
    made = []
    for one in given["operations"]:
        closure = one["record"].get("definitions")
        if closure not in views:
            names = given["closures"].get(closure, {})
            definitions = {name: given["schemas"].get(digest, {}) for name, digest in names.items()}
            views[closure] = (View(definitions, "readOnly"), View(definitions, "writeOnly"))
        made.append(Operation(one["key"], one["source"], one["sha256"], one["record"], *views[closure]))
    return made


def shape(path: str) -> str:
    """A path without the names of its parameters."""
    return _TEMPLATE.sub("{}", path)


def _schema_of(parameter: Json) -> Any:
    """A parameter's schema, with its examples beside its keywords."""
    schema = parameter.get("schema")
    for one in (parameter.get("content") or {}).values():
        schema = one.get("schema", schema)
    schema = schema if isinstance(schema, dict) else {}
    shown = list(_examples(parameter))
    return {**schema, "examples": [*shown, *(schema.get("examples") or ())]} if shown else schema


def _examples(holder: Json) -> Iterator[Any]:
    if "example" in holder:
        yield holder["example"]
    examples = holder.get("examples")
    for one in examples.values() if isinstance(examples, dict) else ():
        if isinstance(one, dict) and "value" in one:
            yield one["value"]


def _rank(media_type: str) -> int:
    kinds = ("body", "form", "text", None)
    return kinds.index(_sort(media_type))


def _sort(media_type: str) -> str | None:
    """How a step sends it; None: it cannot."""
    plain = media_type.partition(";")[0].strip().lower()
    if is_json(plain):
        return "body"
    if plain == "application/x-www-form-urlencoded":
        return "form"
    return "text" if plain.startswith("text/") else None


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON."""
    plain = media_type.partition(";")[0].strip().lower()
    return plain in ("application/json", "*/*", "application/*") or plain.endswith("+json")


def _json_of(response: Json) -> Any:
    for media_type, one in (response.get("content") or {}).items():
        if is_json(media_type):
            return one.get("schema", {})
    return None
