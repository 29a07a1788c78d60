"""Schemas as a generator looks at them: references followed, `allOf` taken together, and one side of an exchange.

What a client sends has no `readOnly` properties, what comes back no `writeOnly` ones.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs

Json = dict[str, Any]
Path = tuple[str | int, ...]

DEEPEST = 5
MOST_PLACES = 200
MOST_BRANCHES = 20
# Keywords whose values are no schemas.
VALUES = frozenset(("enum", "const", "example", "examples", "default"))


class Place(NamedTuple):
    """A property or an item somewhere in a schema; `path` leads to it in a value, `required` is by its own object."""

    path: Path
    schema: Any
    required: bool


class View:
    """The named schemas that an operation refers to, as one side sees them: `hidden` is the flag of what it lacks."""

    def __init__(self, definitions: Json, hidden: str) -> None:
        self._all, self._hidden = definitions, hidden
        self._shown: Json = {}
        self._validators: dict[int, tuple[Any, jsonschema_rs.Validator | None]] = {}

    def definition(self, reference: str) -> Any:
        """The named schema that a reference leads to; one that is not there takes anything."""
        name = reference.removeprefix("#/$defs/")
        if name not in self._shown:
            self._shown[name] = self.shown(self._all.get(name, {}))
        return self._shown[name]

    def shown(self, schema: Any) -> Any:
        """The schema without what this side does not have."""
        if isinstance(schema, list):
            return [self.shown(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        made = {
            name: one if name in VALUES else self.shown(one) for name, one in schema.items() if name != "properties"
        }
        properties = schema.get("properties")
        if isinstance(properties, dict):
            gone = {name for name, one in properties.items() if self._is_hidden(one)}
            made["properties"] = {name: self.shown(one) for name, one in properties.items() if name not in gone}
            if isinstance(schema.get("required"), list):
                made["required"] = [name for name in schema["required"] if name not in gone]
        return made

    def whole(self, schema: Any) -> Any:
        """A schema that compiles alone, with the named ones that it leads to."""
        if not isinstance(schema, dict):
            return schema
        found: Json = {}
        waiting = list(_references(schema))
        for reference in waiting:
            name = reference.removeprefix("#/$defs/")
            if name not in found:
                found[name] = self.definition(reference)
                waiting.extend(_references(found[name]))
        return {**schema, "$defs": found} if found else schema

    def accepts(self, schema: Any, value: Any) -> bool:
        """Whether the value is valid, formats and all; nothing is for a schema that does not compile."""
        kept = self._validators.get(id(schema))
        if kept is None:
            kept = self._validators[id(schema)] = (schema, self._compiled(schema))
        validator = kept[1]
        return validator is not None and bool(validator.is_valid(value))

    def compiles(self, schema: Any) -> bool:
        """Whether a validator can be made of it."""
        self.accepts(schema, None)
        return self._validators[id(schema)][1] is not None

    def _compiled(self, schema: Any) -> jsonschema_rs.Validator | None:
        try:
            return jsonschema_rs.Draft202012Validator(self.whole(schema), validate_formats=True)
        except (jsonschema_rs.ValidationError, ValueError):
            return None

    def followed(self, schema: Any) -> Any:
        """What a reference names, with what stands beside it."""
        seen: set[str] = set()
        while isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and schema["$ref"] not in seen:
            seen.add(schema["$ref"])
            target = self.definition(schema["$ref"])
            beside = {name: one for name, one in schema.items() if name != "$ref"}
            schema = {**target, **beside} if isinstance(target, dict) else target
        return schema

    def flat(self, schema: Any, depth: int = 0) -> Json:
        """One plain object of keywords: `allOf` merged, the first branch of `oneOf` and `anyOf` that is not null.

        It is for finding what is in there; whether a value is valid is for the schema as it stands to say.
        """
        schema = self.followed(schema)
        if not isinstance(schema, dict):
            return {}
        made = {name: one for name, one in schema.items() if name not in ("allOf", "oneOf", "anyOf")}
        if depth >= DEEPEST:
            return made
        parts = list(schema.get("allOf") or ())[:MOST_BRANCHES]
        for name in ("oneOf", "anyOf"):
            branches = [one for one in schema.get(name) or () if self.followed(one) != {"type": "null"}]
            parts += branches[:1]
        for part in parts:
            made = _merged(made, self.flat(part, depth + 1))
        return made

    def properties(self, schema: Any) -> Json:
        """The properties of an object's schema, by name."""
        found = self.flat(schema).get("properties")
        return found if isinstance(found, dict) else {}

    def places(self, schema: Any) -> Iterator[Place]:
        """Every property and first item in there, the outer ones first, as far as it is not too deep or too wide."""
        waiting: list[tuple[Path, Any]] = [((), schema)]
        count = 0
        for path, one in waiting:
            plain = self.flat(one)
            for place in _below(path, plain):
                if count >= MOST_PLACES:
                    return
                count += 1
                yield place
                if len(place.path) < DEEPEST:
                    waiting.append((place.path, place.schema))

    def _is_hidden(self, schema: Any) -> bool:
        for _ in range(DEEPEST):
            if not isinstance(schema, dict):
                return False
            if schema.get(self._hidden) is True:
                return True
            if not isinstance(schema.get("$ref"), str):
                return False
            schema = self._all.get(schema["$ref"].removeprefix("#/$defs/"))
        return False


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            yield reference
        for name, one in schema.items():
            if name not in VALUES:
                yield from _references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)


def _below(path: Path, plain: Json) -> Iterator[Place]:
    properties = plain.get("properties")
    required = plain.get("required")
    for name, one in properties.items() if isinstance(properties, dict) else ():
        yield Place((*path, name), one, isinstance(required, list) and name in required)
    if isinstance(plain.get("items"), dict):
        yield Place((*path, 0), plain["items"], False)


def _merged(one: Json, other: Json) -> Json:
    made = {**other, **one}
    mine, theirs = one.get("properties"), other.get("properties")
    if isinstance(mine, dict) and isinstance(theirs, dict):
        both = {name: {"allOf": [mine[name], theirs[name]]} for name in mine.keys() & theirs.keys()}
        made["properties"] = {**theirs, **mine, **both}
    if isinstance(one.get("required"), list) and isinstance(other.get("required"), list):
        made["required"] = list(dict.fromkeys([*one["required"], *other["required"]]))
    return made


def types_of(plain: Json) -> set[str]:
    """The types that it names; those that its keywords hint at where it names none."""
    named = plain.get("type")
    if isinstance(named, str):
        return {named}
    if isinstance(named, list):
        return {one for one in named if isinstance(one, str)}
    if "properties" in plain:
        return {"object"}
    if "items" in plain:
        return {"array"}
    return set()


def at(value: Any, path: Path) -> Any:
    """What stands there; None where there is nothing."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy with something else there; objects and items on the way must be there."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]] if len(path) > 1 else None, path[1:], new)
    return copy


def without(value: Any, path: Path) -> Any:
    """A copy that lacks the property there."""
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(copy[path[0]], path[1:])
    return copy


def dotted(path: Path) -> str:
    """`items[0].price`, for people."""
    said = ""
    for step in path:
        said += f"[{step}]" if isinstance(step, int) else f".{step}" if said else step
    return said
