"""What no meta-schema sees: names used twice or nowhere, paths that are the same, bounds that nothing meets."""

import re
from collections.abc import Iterable
from typing import Any

from workers.specs.keywords import number
from workers.specs.notes import At, Notes

Json = dict[str, Any]

TEMPLATE = re.compile(r"\{([^{}]*)\}")
_STATUS = re.compile(r"[1-5]([0-9]{2}|XX)|default")
_BODILESS = ("GET", "HEAD", "TRACE")
_BOUNDS = (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"),
           ("minProperties", "maxProperties"))  # fmt: skip


def say_odd_schema(schema: Json, at: At, notes: Notes) -> None:
    """Warns of a normalised schema that says something nobody can mean."""
    for low, high in _BOUNDS:
        if low in schema and high in schema and schema[low] > schema[high]:
            notes.add(at / low, "empty_range", f"{low} {schema[low]} is more than {high} {schema[high]}.")
    enum = schema.get("enum")
    if enum is not None:
        if not enum:
            notes.add(at / "enum", "empty_enum", "An empty enum allows nothing.")
        elif "default" in schema and schema["default"] not in enum and schema["default"] is not None:
            notes.add(at / "default", "default_not_in_enum", "The default is not among the values of the enum.")
    properties = schema.get("properties")
    if properties and "required" in schema and not {"allOf", "anyOf", "oneOf", "$ref"} & schema.keys():
        for name in schema["required"]:
            if name not in properties:
                notes.add(at / "required", "undeclared_property", f"{name!r} is required and is no property.")
    if schema.get("type") == "array" and not {"items", "prefixItems"} & schema.keys():
        notes.add(at, "array_without_items", "An array should say what its items are.")
    default = schema.get("default")
    if number(default) and number(schema.get("maximum")) and default > schema["maximum"]:
        notes.add(at / "default", "default_out_of_range", "The default is more than the maximum.")


class Seen:
    """What the operations of a specification have in common, gathered as they come."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self.operation_ids: dict[str, str] = {}
        self._erased: dict[str, str] = {}
        self._links: list[tuple[str, At]] = []

    def path(self, path: str, at: At) -> None:
        """Warns of a path that begins or repeats itself wrongly, or that another one equals."""
        if not path.startswith("/"):
            self._notes.add(at, "invalid_path", "A path begins with a slash.")
        names = TEMPLATE.findall(path)
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._notes.add(at, "repeated_path_parameter", f"{{{name}}} stands in the path more than once.")
        erased = TEMPLATE.sub("{}", path)
        first = self._erased.setdefault(erased, path)
        if first != path:
            self._notes.add(at, "equal_paths", f"The path means the same as {first}.")

    def operation(self, operation_id: str | None, where: str, at: At) -> None:
        """Warns of an operationId that another operation has."""
        if operation_id is None:
            return
        first = self.operation_ids.setdefault(operation_id, where)
        if first != where:
            self._notes.add(
                at / "operationId", "duplicate_operation_id", f"{operation_id!r} is the operationId of {first} too."
            )

    def link(self, operation_id: str, at: At) -> None:
        """Remembers an operationId that a link names."""
        self._links.append((operation_id, at))

    def end(self) -> None:
        """Warns of links to operations that there are not."""
        for operation_id, at in self._links:
            if operation_id not in self.operation_ids:
                self._notes.add(at, "unknown_link_operation", f"There is no operation {operation_id!r}.")


def say_odd_operation(record: Json, at: At, notes: Notes) -> None:
    """Warns of what an operation's parts say against each other."""
    path = record["path"] or ""
    named = {one["name"] for one in record["parameters"] if one["in"] == "path"}
    wanted = set(TEMPLATE.findall(path))
    for name in sorted(wanted - named):
        notes.add(at, "undeclared_path_parameter", f"{{{name}}} is in the path and no parameter.")
    for name in sorted(named - wanted):
        notes.add(at / "parameters", "unused_path_parameter", f"The path has no {{{name}}}.")
    if record["request_body"] is not None and record["method"] in _BODILESS:
        notes.add(at / "requestBody", "unexpected_body", f"A {record['method']} request should have no body.")
    statuses = record["responses"]
    for status in statuses:
        if not _STATUS.fullmatch(status):
            notes.add(at / "responses" / status, "invalid_status", f"{status!r} is no HTTP status.")
    if record["kind"] == "operation" and not any(one[:1] in "23d" for one in statuses):
        notes.add(at / "responses", "no_success_response", "No response is described for success.")


def say_odd_servers(servers: Iterable[Json], at: At, notes: Notes) -> None:
    """Warns of variables in URLs that nobody explains."""
    for index, server in enumerate(servers):
        for name in TEMPLATE.findall(server["url"]):
            if name not in (server.get("variables") or {}):
                notes.add(at / str(index) / "url", "unknown_server_variable", f"{{{name}}} is not explained.")
