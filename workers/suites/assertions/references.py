"""Where references within a JSON schema lead, for effort.py: to all that may be meant, so that nothing is forgotten."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from infra import json
from infra.errors import BadInput

Json = dict[str, Any]

KEYWORDS = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
# Known to every validator, and harmless.
_META = ("http://json-schema.org/", "https://json-schema.org/")


class References:
    """The references of one schema."""

    def __init__(self, schema: Any) -> None:
        self._root = schema
        # By address, and `#name` for anchors.
        self._named: dict[str, list[Any]] = {}
        # The resources that a schema with a reference is in, innermost last, each with its address; none: the root's.
        self._around: dict[int, list[tuple[str, Any]]] = {}
        text = json.dump_bytes(schema)
        if any(one in text for one in (b'"$id"', b'"id":"', b'Anchor"', b'"$anchor"')):
            self._look_through()

    def followed(self, schema: Json) -> Iterator[Any]:
        """What the schema refers to; raises BadInput for what is not in here."""
        for keyword in KEYWORDS:
            reference = schema.get(keyword)
            if isinstance(reference, str) and not reference.startswith(_META):
                found = [*self._meant(schema, reference)]
                if not found:
                    raise BadInput(f"The JSON schema cannot be used: {reference[:200]!r} is not in it.")
                yield from found

    def _meant(self, schema: Json, reference: str) -> Iterator[Any]:
        around = self._around.get(id(schema), [("", self._root)])
        address, fragment = urldefrag(urljoin(around[-1][0], reference))
        places = [one for _, one in around] if reference.startswith("#") else self._named.get(address, [])
        if not fragment:
            yield from places
        elif fragment.startswith("/"):
            for place in places:
                found = _pointed(place, unquote(fragment))
                if found is not None:
                    yield found
        else:
            yield from self._named.get(f"#{fragment}", [])

    def _look_through(self) -> None:
        """Remembers addresses and anchors, and in which resources references stand."""
        waiting: list[tuple[Any, list[tuple[str, Any]]]] = [(self._root, [("", self._root)])]
        while waiting:
            one, around = waiting.pop()
            if isinstance(one, dict):
                for keyword in ("$id", "id"):
                    if isinstance(one.get(keyword), str):
                        address = urldefrag(urljoin(around[-1][0], one[keyword])).url
                        around = [*around, (address, one)]
                        self._named.setdefault(address, []).append(one)
                for keyword in _ANCHORS:
                    if isinstance(one.get(keyword), str):
                        self._named.setdefault(f"#{one[keyword]}", []).append(one)
                if any(keyword in one for keyword in KEYWORDS):
                    self._around[id(one)] = around
            if isinstance(one, list | dict):
                waiting += [(each, around) for each in (one.values() if isinstance(one, dict) else one)]


def _pointed(root: Any, pointer: str) -> Any:
    found = root
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found
