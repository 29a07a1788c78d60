"""What the draft had of a source before it is ingested again: a file of lines, read where it is needed.

["entry", key, content hash, hash of the record that was enriched or null, model that did it or null, content]
["closure", hash, {name: hash}]        ["schema", hash, body]
"""

from pathlib import Path
from typing import Any, NamedTuple

import orjson

Json = dict[str, Any]


class Known(NamedTuple):
    """An entry, as far as it takes to see whether it is still the same."""

    content_hash: str
    enriched_hash: str | None
    enriched_by: str | None
    offset: int


class Snapshot:
    """Keeps the places of lines in memory, and not the lines."""

    def __init__(self, path: Path | None) -> None:
        self.entries: dict[str, Known] = {}
        self._offsets: dict[tuple[str, str], int] = {}
        self._file = path.open("rb") if path is not None else None
        self._schemas: dict[str, Any] = {}
        offset = 0
        for raw in self._file or ():
            line = orjson.loads(raw)
            if line[0] == "entry":
                self.entries[line[1]] = Known(line[2], line[3], line[4], offset)
            else:
                self._offsets[line[0], line[1]] = offset
            offset += len(raw)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def has(self, sort: str, hashed: str) -> bool:
        """Whether there is such a closure or schema."""
        return (sort, hashed) in self._offsets

    def expanded(self, key: str) -> Json:
        """An entry's record with the schemas that it needs as `$defs`."""
        content: Json = self._line(self.entries[key].offset)[-1]
        content.pop("enriched", None)
        # An entry that was written by hand has no schemas, and one brought from elsewhere may lack some.
        offset = self._offsets.get(("closure", str(content.get("definitions"))))
        names = {} if offset is None else self._line(offset)[-1]
        return {**content, "$defs": {name: self._schema(hashed) for name, hashed in names.items()}}

    def _schema(self, hashed: str) -> Any:
        if hashed not in self._schemas:
            offset = self._offsets.get(("schema", hashed))
            self._schemas[hashed] = {} if offset is None else self._line(offset)[-1]
        return self._schemas[hashed]

    def _line(self, offset: int) -> Any:
        if self._file is None:
            raise KeyError(offset)
        self._file.seek(offset)
        return orjson.loads(self._file.readline())
