"""What schemas are called: by the component that they are, else by where they stand."""

import hashlib
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from workers.specs.notes import At

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]")
_CONTAINERS = ("schemas", "definitions", "$defs", "components")
_LONGEST = 200


class SchemaNames:
    """Gives every place one name, and every name to one place; components of the first document keep theirs."""

    def __init__(self, root: str, document: Any) -> None:
        self._root = root
        self._of: dict[tuple[str, str], str] = {}
        self._taken = {plain_name(name) for name in _components(document)}
        self._counts: dict[str, int] = {}

    def of(self, at: At) -> str:
        """The name of the schema at a place."""
        place = (at.document, at.pointer)
        if place not in self._of:
            self._of[place] = self._new(at)
        return self._of[place]

    def _new(self, at: At) -> str:
        steps = at.steps
        if at.document == self._root and (steps[:-1] in (["components", "schemas"], ["definitions"])):
            return plain_name(steps[-1])
        stem = PurePosixPath(unquote(at.document)).stem
        if not steps:
            name = stem
        elif len(steps) > 1 and steps[-2] in _CONTAINERS:
            name = steps[-1]
        else:
            name = ".".join(step for step in steps[-4:] if step not in _CONTAINERS)
        return self._free(plain_name(name), plain_name(f"{stem}.{name}"))

    def _free(self, name: str, longer: str) -> str:
        for one in (name, longer):
            if one not in self._taken:
                self._taken.add(one)
                return one
        while True:
            self._counts[longer] = self._counts.get(longer, 1) + 1
            one = f"{longer}.{self._counts[longer]}"
            if one not in self._taken:
                self._taken.add(one)
                return one


def plain_name(name: str) -> str:
    """A name in letters, digits, dots and hyphens, which a reference can have as it is; another name stays another."""
    plain = _NOT_PLAIN.sub("_", name)
    if plain == name and 0 < len(name) <= _LONGEST:
        return name
    return f"{plain[:_LONGEST]}.{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:6]}"


def _components(document: Any) -> list[str]:
    """The names of the document's own schemas."""
    holders = [document.get("definitions")]
    if isinstance(document.get("components"), dict):
        holders.append(document["components"].get("schemas"))
    return [name for one in holders if isinstance(one, dict) for name in one]
