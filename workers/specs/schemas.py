"""Schemas of any dialect as JSON Schema 2020-12. Named ones stay names: `#/$defs/Name`, each kept once, cycles and all.

What a schema says that is no JSON Schema is left out with a warning, so that all that is kept compiles.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema_rs
import orjson

from infra import json
from infra.errors import ParsingTooLarge
from workers.specs import dialects
from workers.specs.checks import say_odd_schema
from workers.specs.keywords import (
    CHECKS,
    DROPPED,
    KEPT_EXTENSIONS,
    MEANT,
    ONE_SCHEMA,
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    TYPES,
    usable_pattern,
)
from workers.specs.names import SchemaNames, plain_name
from workers.specs.notes import At, Notes
from workers.specs.references import Documents, Unresolved, within

Json = dict[str, Any]

MOST_IN_CLOSURES = 2_000_000
LONGEST_VALUE = 16 * 1024
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class Schemas:
    """All schemas of a specification, by the names that `$defs` will have them under.

    `bodies` are those that something refers to, `hashes` their SHA-256 in hex, `closures` the sets of names with hashes
    that operations need, by their own hash.
    """

    def __init__(self, documents: Documents, notes: Notes, version: str, root: Any) -> None:
        self._documents, self._notes = documents, notes
        self._adapt = dialects.ADAPTING[version]
        self._siblings = version not in ("2.0", "3.0")
        self.bodies: dict[str, Any] = {}
        self.hashes: dict[str, str] = {}
        self.closures: dict[str, dict[str, str]] = {}
        self._edges: dict[str, list[str]] = {}
        self._names = SchemaNames(documents.root, root)
        self._named: dict[tuple[str, str], str | None] = {}
        self._todo: list[tuple[str, Any, At]] = []
        self._begun: set[str] = set()
        self._used: set[str] = set()
        self._closed: dict[frozenset[str], str | None] = {}
        self._in_closures = 0

    @contextmanager
    def gathering(self) -> Iterator[set[str]]:
        """The names that schemas refer to from here on."""
        before, self._used = self._used, set()
        try:
            yield self._used
        finally:
            self._used = before

    def use(self, names: Iterable[str]) -> None:
        """Counts these among what is being gathered."""
        self._used.update(names)

    def schema(self, value: Any, at: At, *, based: bool = False) -> Any:
        """A schema, normalised; `based`: its own `$id` is in `at` already."""
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            self._notes.add(at, "invalid_schema", "A schema must be an object.")
            return {}
        if "$id" in value and not based:
            at = within(value, at)
        for keyword in _REFERENCES:
            reference = value.get(keyword)
            if isinstance(reference, str):
                return self._referring(value, reference, at)
        return self._own(value, at)

    def checked(self, value: Any, at: At, *, based: bool = False) -> Any:
        """A schema that is not within another, normalised; one that still is none is left out."""
        made = self.schema(value, at, based=based)
        if not jsonschema_rs.meta.is_valid(made):
            self._notes.add(at, "invalid_schema", "This is not a JSON schema; anything is taken.")
            return {}
        return made

    def name_of(self, reference: str, at: At, *, use: bool = True) -> str | None:
        """The name of the schema that is referred to; None, with a warning, if there is none.

        With `use` the schema is kept, and is among those that whoever is gathering needs."""
        key = (at.base, reference)
        if key not in self._named:
            self._named[key] = self._find(reference, at)
        elif self._named[key] is None and use:
            self._find(reference, at)  # says so here too
        name = self._named[key]
        if name is not None and use:
            self._used.add(name)
            if name not in self._begun:
                self._begun.add(name)
                self._todo.append((name, *self._documents.resolve(reference, at)))
        return name

    def closure(self, roots: set[str]) -> str | None:
        """The hash of what these schemas need, all the way down; None if there is nothing. Raises ParsingTooLarge."""
        self._finish()
        key = frozenset(roots)
        if key not in self._closed:
            names, waiting = set(roots), list(roots)
            while waiting:
                for name in self._edges[waiting.pop()]:
                    if name not in names:
                        names.add(name)
                        waiting.append(name)
            self._closed[key] = self._kept({name: self.hashes[name] for name in sorted(names)})
        return self._closed[key]

    def _kept(self, definitions: dict[str, str]) -> str | None:
        if not definitions:
            return None
        hashed = hashed_json(definitions)
        if hashed not in self.closures:
            self.closures[hashed] = definitions
            self._in_closures += len(definitions)
            if self._in_closures > MOST_IN_CLOSURES:
                raise ParsingTooLarge("The operations need more schemas than can be kept, each of them many thousands.")
        return hashed

    def _finish(self) -> None:
        """Normalises what has been referred to, and what that refers to."""
        while self._todo:
            name, value, at = self._todo.pop()
            with self.gathering() as used:
                body = self.checked(value, at, based=True)
            self._edges[name] = sorted(used)
            self.bodies[name] = body
            self.hashes[name] = hashed_json(body)

    def _referring(self, value: Json, reference: str, at: At) -> Any:
        """A reference; beside it other keywords count from 3.1 on, before that they are ignored."""
        name = self.name_of(reference, at)
        if self._siblings:
            out = self._own(value, at) if len(value) > 1 else {}
        else:
            described = value.get("description")
            out = {"description": described} if isinstance(described, str) else {}
        return {"$ref": f"#/$defs/{name}", **out} if name is not None else out

    def _own(self, value: Json, at: At) -> Json:
        out: Json = {}
        for keyword, one in value.items():
            if keyword in SCHEMA_MAPS:
                self._map(out, keyword, one, at / keyword)
            elif keyword in SCHEMA_LISTS:
                self._list(out, keyword, one, at / keyword)
            elif keyword in ONE_SCHEMA:
                out[keyword] = self.schema(one, at / keyword)
            elif keyword in _SPECIAL:
                _SPECIAL[keyword](self, out, one, at / keyword)
            elif keyword in CHECKS:
                self._checked_value(out, keyword, one, at / keyword)
            elif keyword not in DROPPED and (not keyword.startswith("x-") or keyword in KEPT_EXTENSIONS):
                self._kept_value(out, keyword, one, at / keyword)
        if "prefixItems" in out and "additionalItems" in value:
            out["items"] = self.schema(value["additionalItems"], at / "additionalItems")
        self._adapt(out, value, at, self._notes)
        say_odd_schema(out, at, self._notes)
        return out

    def _map(self, out: Json, keyword: str, value: Any, at: At) -> None:
        if not isinstance(value, dict):
            self._wrong(at, value, "an object of schemas")
            return
        made: Json = {}
        for name, one in value.items():
            if keyword == "patternProperties" and not usable_pattern(name):
                self._notes.add(at / name, "invalid_pattern", f"{name!r} is no usable regular expression.")
                continue
            made[name] = self.schema(one, at / name)
        out.setdefault(keyword, {}).update(made)

    def _list(self, out: Json, keyword: str, value: Any, at: At) -> None:
        if isinstance(value, list) and value:
            out[keyword] = [self.schema(one, at / str(index)) for index, one in enumerate(value)]
        else:
            self._wrong(at, value, "a list of schemas with at least one")

    def _checked_value(self, out: Json, keyword: str, value: Any, at: At) -> None:
        if CHECKS[keyword](value):
            out[keyword] = value
        elif keyword == "pattern" and isinstance(value, str):
            self._notes.add(at, "invalid_pattern", f"{value[:200]!r} is no usable regular expression.")
        elif not (keyword.startswith("exclusive") and isinstance(value, bool)):
            self._wrong(at, value, "another value")

    def _kept_value(self, out: Json, keyword: str, value: Any, at: At) -> None:
        """An annotation, or something that JSON Schema does not know; as it is, unless it is long."""
        if length_of(value) > LONGEST_VALUE:
            self._notes.add(at, "value_too_long", f"More than {LONGEST_VALUE} bytes; it is left out.")
        else:
            out[keyword] = value

    def _type(self, out: Json, value: Any, at: At) -> None:
        wanted = value if isinstance(value, list) else [value]
        found: list[str] = []
        for one in wanted:
            if one in TYPES:
                found.append(one)
                continue
            meant = MEANT.get(str(one).lower(), str(one).lower() if str(one).lower() in TYPES else None)
            if one == "file":
                out.setdefault("format", "binary")
            self._notes.add(at, "unknown_type", f"{str(one)[:100]!r} is no type; {meant or 'any type'} is taken.")
            found += [meant] if meant else []
        found = list(dict.fromkeys(found))
        if found and len(found) >= len(set(map(str, wanted))):
            out["type"] = found[0] if len(found) == 1 and not isinstance(value, list) else found

    def _items(self, out: Json, value: Any, at: At) -> None:
        if isinstance(value, list):  # before 2020-12, one schema a place
            if value:
                out["prefixItems"] = [self.schema(one, at / str(index)) for index, one in enumerate(value)]
        else:
            out["items"] = self.schema(value, at)

    def _required(self, out: Json, value: Any, at: At) -> None:
        if not isinstance(value, list):
            self._wrong(at, value, "a list of names")
            return
        names = list(dict.fromkeys(one for one in value if isinstance(one, str)))
        if len(names) != len(value):
            self._notes.add(at, "invalid_required", "Names must be text, and stand there once.")
        out["required"] = names

    def _dependencies(self, out: Json, value: Any, at: At) -> None:
        for name, one in value.items() if isinstance(value, dict) else ():
            if isinstance(one, list):
                needed = [each for each in one if isinstance(each, str)]
                out.setdefault("dependentRequired", {})[name] = list(dict.fromkeys(needed))
            else:
                out.setdefault("dependentSchemas", {})[name] = self.schema(one, at / name)

    def _examples(self, out: Json, value: Any, at: At) -> None:
        found = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
        self._kept_value(out, "examples", found, at)

    def _discriminator(self, out: Json, value: Any, at: At) -> None:
        """With its mapping in names of ours; the schemas named there are needed only where something refers to them."""
        if isinstance(value, str):
            out["discriminator"] = {"propertyName": value}
        elif isinstance(value, dict) and isinstance(value.get("propertyName"), str):
            made = {key: one for key, one in value.items() if not key.startswith("x-")}
            if isinstance(value.get("mapping"), dict):
                made["mapping"] = {
                    key: self._mapped(one, at / "mapping" / key) for key, one in value["mapping"].items()
                }
            out["discriminator"] = made
        else:
            self._wrong(at, value, "an object with propertyName")

    def _mapped(self, value: Any, at: At) -> Any:
        if not isinstance(value, str):
            return value
        if "#" not in value and "/" not in value and not value.endswith((".json", ".yaml", ".yml")):
            return f"#/$defs/{plain_name(value)}"
        name = self.name_of(value, at, use=False)
        return f"#/$defs/{name}" if name is not None else value

    def _wrong(self, at: At, value: Any, wanted: str) -> None:
        if value is not None:
            self._notes.add(at, "invalid_schema", f"Must be {wanted}; it is left out.")

    def _find(self, reference: str, at: At) -> str | None:
        try:
            _, target = self._documents.resolve(reference, at)
        except Unresolved as error:
            self._notes.add(at / "$ref", error.code, str(error))
            return None
        return self._names.of(target)


_SPECIAL = {
    "type": Schemas._type,
    "items": Schemas._items,
    "required": Schemas._required,
    "dependencies": Schemas._dependencies,
    "examples": Schemas._examples,
    "discriminator": Schemas._discriminator,
}


def hashed_json(value: Any) -> str:
    """SHA-256 in hex; equal values have equal ones."""
    return hashlib.sha256(json.dump_canonical(value)).hexdigest()


def length_of(value: Any) -> int:
    """About how many bytes a value has as JSON."""
    if isinstance(value, str):
        return len(value)
    return len(orjson.dumps(value)) if isinstance(value, list | dict) else 8
