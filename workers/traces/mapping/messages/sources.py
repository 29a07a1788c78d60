"""Where to look in an observation: its attributes by the names of aliases.TEXTS, and its events."""

import re
from typing import Any

from workers.traces.base import Body, Stored
from workers.traces.mapping import aliases
from workers.traces.mapping.messages.plain import Json, indexed, unpacked

_DETAILS = "gen_ai.client.inference.operation.details"
_MOST_EVENTS = 2_000
_INDEX = re.compile(r"\.[0-9]")


class Source:
    """The attributes of an observation, with those of the one event that tells a whole call, and its events that have
    attributes."""

    def __init__(self, stored: Stored | Body) -> None:
        self.stored = stored
        self.attributes: Json = stored.attributes if isinstance(stored.attributes, dict) else {}
        given = stored.events if isinstance(stored.events, list) else []
        told = [event for event in given[:_MOST_EVENTS] if isinstance(event, dict)]
        self.events: list[Json] = [event for event in told if isinstance(event.get("attributes"), dict)]
        for event in self.named(_DETAILS):
            self.attributes = {**event["attributes"], **self.attributes}
        self._indexed_names = [name for name in self.attributes if isinstance(name, str) and _INDEX.search(name)]

    def named(self, name: str) -> list[Json]:
        """The events of this name."""
        return [event for event in self.events if event.get("name") == name]

    def value(self, field: str) -> Any:
        """What the best of the field's names says, out of its JSON text; None if none says anything."""
        return _plain(aliases.first(aliases.TEXTS[field], self.attributes))

    def values(self, field: str) -> list[Any]:
        """All that the field's names say, the best first."""
        given = (_plain(self.attributes.get(name)) for name in aliases.TEXTS[field] if name in self.attributes)
        return [value for value in given if value is not None and value not in ("", {}, [])]

    def lists(self, field: str) -> list[list[Any]]:
        """The lists that the field's names spell with indexes."""
        if not self._indexed_names:
            return []
        spelt = (indexed(self.attributes, self._indexed_names, f"{name}.") for name in aliases.TEXTS[field])
        return [value for value in spelt if value]


def _plain(value: Any) -> Any:
    found = unpacked(value)
    # LangWatch says of what type a value is.
    return found["value"] if isinstance(found, dict) and found.keys() == {"type", "value"} else found
