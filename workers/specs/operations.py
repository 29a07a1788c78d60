"""A specification as records, one an operation: everything that its path, its components and the document say of it.

    {"kind": "operation", "method": "GET", "path": "/users/{id}", "operation_id": "getUser", "summary": …,
     "description": …, "tags": [], "deprecated": false, "parameters": […], "request_body": null, "responses": {…},
     "callbacks": {…}, "security": […], "security_schemes": {…}, "servers": […], "external_docs": null,
     "spec": {"title": …}, "definitions": "<SHA-256 of the closure>"}

The kind of a webhook is `webhook`, its path null and its `name` the webhook's.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from workers.specs import swagger2
from workers.specs.checks import TEMPLATE, Seen, say_odd_operation, say_odd_servers
from workers.specs.notes import At, Notes
from workers.specs.parts import Parts, said
from workers.specs.references import Documents
from workers.specs.schemas import Schemas

Json = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DEEPEST_CALLBACKS = 2
MOST_PARAMETERS = 500
MOST_TAGS, LONGEST_TAG = 50, 100
LONGEST_KEY = 480


@dataclass(frozen=True, slots=True)
class Operation:
    """A record and what it is called within its specification; `at` is where it was found."""

    key: str
    record: Json
    at: At


class _Given(NamedTuple):
    """A parameter as it stands there, and what it refers to."""

    raw: Any
    at: At
    value: Json
    found_at: At


class Operations:
    """The operations of one specification, made one by one in the order of the document."""

    def __init__(self, documents: Documents, root: Json, at: At, version: str, notes: Notes) -> None:
        self._documents, self._root, self._at, self._notes = documents, root, at, notes
        self._version = version
        self._methods = (*METHODS, "query") if version == "3.2" else METHODS
        self.schemas = Schemas(documents, notes, version, root)
        self._seen = Seen(notes)
        self._parts = Parts(documents, self.schemas, notes, self._seen)
        self._keys: set[str] = set()
        info, _ = documents.followed(root.get("info"), at / "info")
        self.info: Json = info if isinstance(info, dict) else {}
        self._schemes = self._security_schemes()

    def __iter__(self) -> Iterator[Operation]:
        """Every operation, then every webhook; what is wrong with them is noted on the way."""
        for path, item, at in self._items("paths"):
            self._seen.path(path, at)
            for method, value, there in self._of_item(item, at):
                yield self._operation("operation", path, method, value, there, item, at)
        for name, item, at in self._items("webhooks"):
            for method, value, there in self._of_item(item, at):
                yield self._operation("webhook", name, method, value, there, item, at)
        self._seen.end()

    def _items(self, holder: str) -> Iterator[tuple[str, Json, At]]:
        """Path items; what one says beside its reference goes before what it refers to."""
        own: Any = self._root.get(holder)
        for name, item, at in self._parts.each(own, self._at / holder, holder):
            beside = {key: one for key, one in own[name].items() if key != "$ref"} if "$ref" in own[name] else {}
            if beside and at.document != self._at.document:
                self._notes.add(self._at / holder / name, "ignored_siblings", "What stands beside $ref is left out.")
            elif beside:
                item = {**item, **beside}
            yield name, item, at

    def _of_item(self, item: Json, at: At) -> Iterator[tuple[str, Json, At]]:
        """The operations of a path item. What else it has is none: parameters, servers, a summary."""
        for name in self._methods:
            if name in item:
                value, there = self._parts.followed(item[name], at / name, "An operation")
                if value is not None:
                    yield name.upper(), value, there
        if self._version == "3.2":
            more = self._parts.each(
                item.get("additionalOperations"), at / "additionalOperations", "additionalOperations"
            )
            yield from more

    def _operation(self, kind: str, name: str, method: str, value: Json, at: At, item: Json, item_at: At) -> Operation:
        with self.schemas.gathering() as used:
            record = self._record(value, at, item, item_at)
        path = name if kind == "operation" else None
        record = {"kind": kind, "method": method, "path": path, **({} if path else {"name": name}), **record}
        record["spec"] = {"title": text_of(self.info.get("title"))}
        record["definitions"] = self.schemas.closure(used)
        key = self._key(kind, name, method)
        self._seen.operation(record["operation_id"], key, at)
        say_odd_operation(record, at, self._notes)
        return Operation(key, record, at)

    def _record(self, value: Json, at: At, item: Json, item_at: At) -> Json:
        parameters, body = self._incoming(value, at, item, item_at)
        security = self._security(value, at)
        return {
            "operation_id": text_of(value.get("operationId")),
            "summary": text_of(value.get("summary")) or text_of(item.get("summary")),
            "description": self._long_text(value, at) or self._long_text(item, item_at),
            "tags": _tags(value.get("tags")),
            "deprecated": value.get("deprecated") is True,
            **said(value, (), ()),
            "parameters": parameters,
            "request_body": body,
            "responses": self._responses(value, at),
            "callbacks": self._callbacks(value.get("callbacks"), at / "callbacks", 1),
            "security": security,
            "security_schemes": self._used_schemes(security),
            "servers": self._servers(value, at, item, item_at),
            "external_docs": _external_docs(value.get("externalDocs")),
        }

    def _long_text(self, value: Json, at: At) -> str | None:
        """A description, which may stand in a file of its own."""
        found, _ = self._documents.followed(value.get("description"), at / "description")
        return text_of(found)

    def _incoming(self, value: Json, at: At, item: Json, item_at: At) -> tuple[list[Json], Json | None]:
        """The parameters of path and operation, of which the operation's win, and the body."""
        merged: dict[tuple[str, str], _Given] = {}
        for holder, place in ((item, item_at), (value, at)):
            merged |= self._listed(holder.get("parameters"), place / "parameters")
        given = list(merged.values())
        if self._version == "2.0":
            consumes = self._types(value, "consumes")
            made = swagger2.request_body([(one.value, one.found_at) for one in given], consumes, self._notes)
            body = None if made is None else self._parts.part("body", None, at, lambda: self._parts.body(*made))
            given = [one for one in given if one.value.get("in") not in ("body", "formData")]
        else:
            raw, there = value.get("requestBody"), at / "requestBody"
            body = self._parts.part("body", raw, there, lambda: self._parts.body(raw, there))
        if len(given) > MOST_PARAMETERS:
            self._notes.add(at / "parameters", "too_many_parameters", f"Only {MOST_PARAMETERS} of them are kept.")
        parameters = [self._parameter(one) for one in given[:MOST_PARAMETERS]]
        return [one for one in parameters if one is not None], body

    def _parameter(self, one: "_Given") -> Json | None:
        def make() -> Json | None:
            three = swagger2.parameter(one.value) if self._version == "2.0" else one.value
            return self._parts.parameter(three, one.found_at)

        return self._parts.part("parameter", one.raw, one.at, make)

    def _listed(self, value: Any, at: At) -> "dict[tuple[str, str], _Given]":
        found: dict[tuple[str, str], _Given] = {}
        for index, raw in enumerate(value if isinstance(value, list) else ()):
            here = at / str(index)
            parameter, there = self._parts.followed(raw, here, "A parameter")
            if parameter is None:
                continue
            name = str(parameter.get("name"))
            # Names of headers know no case; a body of 2.0 has one that means nothing.
            key = (str(parameter.get("in")), name.lower() if parameter.get("in") == "header" else name)
            if key in found:
                self._notes.add(here, "duplicate_parameter", f"{name!r} is there twice; the last one counts.")
            found[key] = _Given(raw, here, parameter, there)
        return found

    def _responses(self, value: Json, at: At) -> Json:
        produces = self._types(value, "produces") if self._version == "2.0" else []
        raw = value.get("responses")
        made = {}
        for status, one, there in self._parts.each(raw, at / "responses", "responses"):

            def make(one: Json = one, there: At = there) -> Json:
                return self._parts.response(swagger2.response(one, produces) if self._version == "2.0" else one, there)

            what = f"response {' '.join(produces)}"
            made[status] = self._parts.part(what, (raw or {})[status], at / "responses" / status, make)
        return made

    def _types(self, value: Json, name: str) -> list[str]:
        """`consumes` and `produces`; the operation's replace the document's."""
        listed = value.get(name, self._root.get(name))
        return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []

    def _callbacks(self, value: Any, at: At, depth: int) -> Json:
        """Requests that the API makes: by name, expression and method, less deep than callbacks may refer to others."""
        made: Json = {}
        for name, one, there in self._parts.each(value, at, "callbacks"):
            for expression, item, item_at in self._parts.each(one, there, "A callback"):
                for method, operation, place in self._of_item(item, item_at):
                    found = self._callback(operation, place, item, item_at, depth)
                    made.setdefault(name, {}).setdefault(expression, {})[method] = found
        return made

    def _callback(self, value: Json, at: At, item: Json, item_at: At, depth: int) -> Json:
        parameters, body = self._incoming(value, at, item, item_at)
        made = {
            "operation_id": text_of(value.get("operationId")),
            "summary": text_of(value.get("summary")),
            "description": self._long_text(value, at),
            "parameters": parameters,
            "request_body": body,
            "responses": self._responses(value, at),
        }
        if value.get("callbacks"):
            if depth < DEEPEST_CALLBACKS:
                made["callbacks"] = self._callbacks(value["callbacks"], at / "callbacks", depth + 1)
            else:
                self._notes.add(at / "callbacks", "deep_callbacks", "Callbacks of callbacks of callbacks are left out.")
        return made

    def _security_schemes(self) -> Json:
        if self._version == "2.0":
            at = self._at / "securityDefinitions"
            found = self._parts.each(self._root.get("securityDefinitions"), at, "securityDefinitions")
            return {name: swagger2.security_scheme(one) for name, one, _ in found}
        components, there = self._documents.followed(self._root.get("components"), self._at / "components")
        schemes = components.get("securitySchemes") if isinstance(components, dict) else None
        return {name: one for name, one, _ in self._parts.each(schemes, there / "securitySchemes", "securitySchemes")}

    def _security(self, value: Json, at: At) -> list[Json]:
        """What a caller must show: one of these. The operation's replace the document's; none: nothing."""
        listed = value.get("security", self._root.get("security"))
        made = []
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(one, dict):
                continue
            made.append(
                {
                    name: [each for each in scopes or () if isinstance(each, str)]
                    for name, scopes in one.items()
                    if isinstance(scopes, list | None)
                }
            )
            for name in one:
                if name not in self._schemes:
                    place = (at if "security" in value else self._at) / "security" / str(index)
                    self._notes.add(place, "unknown_security_scheme", f"There is no security scheme {name!r}.")
        return made

    def _used_schemes(self, security: list[Json]) -> Json:
        scopes: dict[str, set[str]] = {}
        for one in security:
            for name, wanted in one.items():
                scopes.setdefault(name, set()).update(wanted)
        return {
            name: self._parts.security_scheme(self._schemes[name], wanted)
            for name, wanted in scopes.items()
            if name in self._schemes
        }

    def _servers(self, value: Json, at: At, item: Json, item_at: At) -> list[Json]:
        """Those of the operation, else of its path, else of the document."""
        if self._version == "2.0":
            return swagger2.servers(self._root, value.get("schemes"))
        for holder, place in ((value, at), (item, item_at), (self._root, self._at)):
            if isinstance(holder.get("servers"), list):
                made = [_server(one) for one in holder["servers"] if isinstance(one, dict) and "url" in one]
                found = [one for one in made if isinstance(one["url"], str)]
                say_odd_servers(found, place / "servers", self._notes)
                return found
        return []

    def _key(self, kind: str, name: str, method: str) -> str:
        """`GET /users/{}`: parameters have no names, unless another path is the same without. A webhook's key is
        `WEBHOOK name`, with its method behind it unless that is POST."""
        if kind == "webhook":
            key = f"WEBHOOK {name}" if method == "POST" else f"WEBHOOK {name} {method}"
        else:
            key = f"{method} {TEMPLATE.sub('{}', name)}"
            key = f"{method} {name}" if key in self._keys else key
        if len(key) > LONGEST_KEY:  # it must fit into an index
            key = f"{key[:LONGEST_KEY]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"
        plain, count = key, 2
        while key in self._keys:
            key, count = f"{plain} ({count})", count + 1
        self._keys.add(key)
        return key


def text_of(value: Any) -> str | None:
    """A text that says something, or None."""
    return value if isinstance(value, str) and value.strip() else None


def _tags(value: Any) -> list[str]:
    found = [tag.strip()[:LONGEST_TAG] for tag in value if isinstance(tag, str)] if isinstance(value, list) else []
    return list(dict.fromkeys(filter(None, found)))[:MOST_TAGS]


def _server(value: Json) -> Json:
    made = {key: value[key] for key in ("url", "description", "name") if isinstance(value.get(key), str)}
    made.setdefault("url", value["url"])
    variables = value.get("variables")
    if isinstance(variables, dict):
        made["variables"] = {name: one for name, one in variables.items() if isinstance(one, dict)}
    return made


def _external_docs(value: Any) -> Json | None:
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return None
    return {key: value[key] for key in ("url", "description") if isinstance(value.get(key), str)}
