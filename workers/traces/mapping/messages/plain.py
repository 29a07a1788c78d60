"""Values as they come in attributes: text that may be JSON, names with indexes that spell a list."""

from collections.abc import Iterable
from typing import Any

from infra import json

Json = dict[str, Any]

# What is larger is text, however it begins: taking it apart would cost more than it tells.
LARGEST_JSON = 4 * 1024 * 1024
MOST_ITEMS = 2_000
_MOST_INDEXED = 20_000


def unpacked(value: Any) -> Any:
    """The value that JSON text stands for; any other value, and text that is no JSON object or list, as it is."""
    if not isinstance(value, str):
        return value
    start = value[:64].lstrip()[:1]
    # A quoted string of JSON within a string is one SDK's way.
    if start not in ("{", "[", '"') or len(value) > LARGEST_JSON:
        return value
    try:
        found = json.read(value)
    except ValueError:
        return value
    return unpacked(found) if isinstance(found, str) and found[:1] in ("{", "[") else found


def shown(value: Any) -> str:
    """A value as text: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return str(type(value).__name__)


def indexed(attributes: Json, names: Iterable[str], prefix: str) -> list[Any]:
    """What `prefix.0.role`, `prefix.0.content.0.text`, `prefix.1.role` … spell, in the order of their numbers; `names`
    are those of the attributes' names that may begin so. Numbers that are not given are passed over."""
    found: Json = {}
    for name in list(names)[:_MOST_INDEXED]:
        if name.startswith(prefix):
            _set(found, name[len(prefix) :].split(".")[:12], attributes[name])
    spelt = _listed(found)
    return spelt if isinstance(spelt, list) else []


def _set(found: Json, path: list[str], value: Any) -> None:
    for step in path[:-1]:
        below = found.setdefault(step, {})
        if not isinstance(below, dict):
            return
        found = below
    found.setdefault(path[-1], value)


def _listed(value: Any) -> Any:
    """Objects whose names are all numbers, as lists."""
    if not isinstance(value, dict):
        return value
    if value and all(name.isascii() and name.isdigit() and len(name) < 6 for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)][:MOST_ITEMS]
    return {name: _listed(below) for name, below in value.items()}


def get(value: Any, *names: str) -> Any:
    """The first of these members of an object that is there; None for all else."""
    if isinstance(value, dict):
        for name in names:
            found = value.get(name)
            if found is not None and found != "":
                return found
    return None
