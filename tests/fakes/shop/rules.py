"""What the shop checks: its specification's operations with all references resolved, so that a fault can loosen one."""

import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

METHODS = ("get", "put", "post", "patch", "delete")


@dataclass(slots=True)
class Rules:
    """Of one operation: its parameters, the schemas of its body by media type, and who may call it.
    `any_media`: a body of another type is read as if it were of the first one."""

    operation: str
    method: str
    template: str
    segments: list[str]
    parameters: list[Json]
    body: dict[str, Json]
    security: list[set[str]]
    any_media: bool = False

    def parameter(self, name: str) -> Json:
        """The schema of a parameter."""
        found: Json = next(one["schema"] for one in self.parameters if one["name"] == name)
        return found

    @property
    def schema(self) -> Json:
        """The schema of the body."""
        return next(iter(self.body.values()))


def rules_of(document: Json) -> dict[str, Rules]:
    """A copy of every operation's rules, by operation id."""
    found = {}
    for template, item in document["paths"].items():
        for method in METHODS:
            if each := item.get(method):
                found[each["operationId"]] = _rules(document, template, method, each)
    return found


def _rules(document: Json, template: str, method: str, each: Json) -> Rules:
    content = each.get("requestBody", {}).get("content", {})
    return Rules(
        operation=each["operationId"],
        method=method.upper(),
        template=template,
        segments=template.strip("/").split("/"),
        parameters=[_resolved(document, one) for one in each.get("parameters", ())],
        body={media: _resolved(document, one["schema"]) for media, one in content.items()},
        security=[set(one) for one in each["security"]],
    )


def _resolved(document: Json, value: Any) -> Any:
    if isinstance(value, list):
        return [_resolved(document, one) for one in value]
    if not isinstance(value, dict):
        return deepcopy(value)
    if "$ref" in value:
        _, *steps = value["$ref"].split("/")
        target: Any = document
        for step in steps:
            target = target[step]
        return _resolved(document, target)
    return {name: _resolved(document, one) for name, one in value.items()}


class Routes:
    """Finds the operation of a path and a method."""

    def __init__(self, rules: dict[str, Rules]) -> None:
        self._of_length: dict[int, list[Rules]] = {}
        for one in rules.values():
            self._of_length.setdefault(len(one.segments), []).append(one)

    def find(self, segments: list[str]) -> dict[str, tuple[Rules, dict[str, str]]]:
        """By method: its rules, and the texts in the places of the path."""
        found = {}
        for one in self._of_length.get(len(segments), ()):
            places = _match(one.segments, segments)
            if places is not None:
                found[one.method] = (one, places)
        return found


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    places = {}
    for wanted, given in zip(template, segments, strict=True):
        if name := re.fullmatch(r"{(\w+)}", wanted):
            places[name[1]] = given
        elif wanted != given:
            return None
    return places
