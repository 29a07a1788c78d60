"""A specification's bytes to entries, and to what changed since the last time. Runs in the jail (infra/jail.py).

Nothing of the specification goes back that the draft has already; what goes back is text ready to be stored.
"""

from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

from infra import json
from infra.errors import BadInput, ParsingTooLarge
from workers.knowledge.content_hash import content_hash
from workers.specs import archive, describing
from workers.specs.archive import Archive
from workers.specs.compare import Change, Level, compare, fields_changed, name_of
from workers.specs.notes import Notes
from workers.specs.operations import Operation, Operations, text_of
from workers.specs.references import Documents
from workers.specs.snapshot import Snapshot
from workers.specs.validation import validate, version_of

Json = dict[str, Any]

# Another one makes other entries of the same bytes.
PARSER = "1"
ALONE = "file:///document"
MOST_OPERATIONS = 50_000
LONGEST_LABEL = 500
MOST_CHARACTERS = 120_000_000
MOST_BREAKING = 500
MOST_COMPARED = 200
MOST_FIELDS = 30


def parse(argument: Json, inputs: dict[str, Path]) -> Json:
    """Reads `inputs["document"]` and compares it with `inputs["before"]`, a Snapshot.

    `argument`: `uri` (where it came from, or null), `entry` (in a zip, or null), `remote` (whether references may leave
    it; then `fetched` maps URIs to names of inputs, and `given_up` lists those that cannot be had), `model` (whose
    descriptions are wanted, or null), `replace` (whether what is not there any more counts as removed), `seconds` (for
    comparing). Returns `{"missing": [URI, …]}` where remote documents are needed first. Raises BadInput.
    """
    notes = Notes()
    documents = _documents(argument, inputs, notes)
    root, at = documents.document(documents.root)
    version, family = version_of(root, at, notes)
    if not isinstance(root.get("paths") or {}, dict):
        raise BadInput("`paths` must be an object.")
    validate(root, family, at, notes)
    operations = Operations(documents, root, at, family, notes)
    with closing(Snapshot(inputs.get("before"))) as before:
        outcome = _outcome(before, operations, argument)
    if documents.missing:
        return {"missing": sorted(documents.missing)}
    if not outcome["keys"]:
        if outcome["removed"]:
            gone = len(outcome["removed"])
            raise BadInput(f"There is no operation in it, and {gone} would leave the draft; delete those if meant.")
        notes.add(at, "no_operations", "There is no operation in it.")
    info = operations.info
    return {
        "title": text_of(info.get("title")),
        "version": None if info.get("version") is None else str(info["version"])[:200],
        "openapi": version,
        **outcome,
        "warnings": notes.listed,
        "warnings_total": notes.total,
    }


def _outcome(before: Snapshot, operations: Operations, argument: Json) -> Json:
    told = _Telling(before, operations, argument)
    for count, one in enumerate(operations, start=1):
        if count > MOST_OPERATIONS:
            raise BadInput(f"The specification has more than {MOST_OPERATIONS:,} operations.")
        told.take(one)
    return told.outcome()


def _documents(argument: Json, inputs: dict[str, Path], notes: Notes) -> Documents:
    """Whatever the first document may refer to."""
    path, fetched = inputs["document"], argument["fetched"]
    with path.open("rb") as file:
        is_zip = file.read(4) in archive.MAGIC
    if is_zip:
        files = Archive(path)
        root = files.entry(argument["entry"])

        def has(uri: str) -> bool:
            return uri in fetched or uri in files

        def fetch(uri: str) -> bytes:
            return inputs[fetched[uri]].read_bytes() if uri in fetched else files.read(uri)

        return Documents(notes, root, has, fetch, remote=argument["remote"], given_up=argument["given_up"])
    if argument["entry"] is not None:
        detail = "Only a zip has a file to begin with; leave `entry` out."
        raise BadInput(detail, errors=[{"pointer": "/input/entry", "detail": detail}])
    root = argument["uri"] if argument["remote"] and argument["uri"] else ALONE
    paths = {root: path, **{uri: inputs[name] for uri, name in fetched.items()}}

    def read(uri: str) -> bytes:
        return paths[uri].read_bytes()

    return Documents(notes, root, paths.__contains__, read, remote=argument["remote"], given_up=argument["given_up"])


class _Telling:
    """Takes the operations one by one, and keeps what has to be written and said."""

    def __init__(self, before: Snapshot, operations: Operations, argument: Json) -> None:
        self._before, self._argument = before, argument
        self._schemas = operations.schemas
        self.keys: set[str] = set()
        self._paths: set[str | None] = set()
        self._found = {"operations": 0, "webhooks": 0}
        self._entries: list[Json] = []
        self._changed: list[tuple[str, Json]] = []
        self._unchanged = 0
        self._characters = 0

    def take(self, operation: Operation) -> None:
        """Keeps an operation if the draft has it not, or not so."""
        key, record = operation.key, operation.record
        self.keys.add(key)
        self._paths.add(record["path"])
        self._found["webhooks" if record["kind"] == "webhook" else "operations"] += 1
        title, text = describing.title_of(record), describing.describe(record, self._schemas.bodies.get)
        tags, labels = record["tags"], _labels(record)
        hashed = content_hash(title, text, record, tags, labels)
        known = self._before.entries.get(key)
        is_same = known is not None and hashed in (known.content_hash, known.enriched_hash)
        model = self._argument["model"]
        if is_same and known is not None and model in (None, known.enriched_by):
            self._unchanged += 1
            return
        if known is not None and not is_same:
            self._changed.append((key, record))
        content = json.dumps(record)
        self._characters += len(content)
        if self._characters > MOST_CHARACTERS:
            raise ParsingTooLarge("The operations, each with all that it refers to, are too much together.")
        self._entries.append(
            {"key": key, "title": title, "text": text, "content": content, "tags": tags, "labels": labels,
             "hash": hashed}
        )  # fmt: skip

    def outcome(self) -> Json:
        """All that has to be written, and all there is to say of it."""
        removed = sorted(self._before.entries.keys() - self.keys) if self._argument["replace"] else []
        schemas = self._schemas
        closures = {one: names for one, names in schemas.closures.items() if not self._before.has("closure", one)}
        wanted = {hashed: name for names in closures.values() for name, hashed in names.items()}
        return {
            "found": self._found,
            "keys": len(self.keys),
            "entries": self._entries,
            "unchanged": self._unchanged,
            "removed": removed,
            "parts": {one: json.dumps(names) for one, names in closures.items()}
            | {
                one: json.dumps(schemas.bodies[name])
                for one, name in wanted.items()
                if not self._before.has("schema", one)
            },
            **self._compared(removed),
        }

    def _compared(self, removed: list[str]) -> Json:
        """The breaking changes, and the changes field by field, of what was there before."""
        until = monotonic() + self._argument["seconds"]
        breaking: list[Change] = []
        changes: list[Json] = []
        compared, counts = 0, {level.value: 0 for level in Level}
        pairs = [*((key, record) for key, record in self._changed), *((key, None) for key in removed)]
        for key, record in pairs:
            if monotonic() > until:
                break
            compared += 1
            before = self._before.expanded(key)
            after = None if record is None else self._expanded(record)
            gone = after is None and before.get("path") not in self._paths
            for change in compare(before, after, path_removed=gone):
                counts[change.level.value] += 1
                if change.level is Level.ERROR and len(breaking) < MOST_BREAKING:
                    breaking.append(change)
            if after is not None and len(changes) < MOST_COMPARED:
                changes.append({"key": key, "operation": name_of(after), **_fields(before, after)})
        return {
            "breaking": [change.as_json() for change in breaking],
            "levels": counts,
            "changes": changes,
            "not_compared": len(pairs) - compared,
        }

    def _expanded(self, record: Json) -> Json:
        names = self._schemas.closures.get(record["definitions"], {})
        return {**record, "$defs": {name: self._schemas.bodies[name] for name in names}}


def _fields(before: Json, after: Json) -> Json:
    """What differs; that the hash of the closure does tells nobody anything."""
    found = [one for one in fields_changed(before, after) if one["pointer"] != "/definitions"]
    return {"fields": found[:MOST_FIELDS], "fields_total": len(found)}


def _labels(record: Json) -> Json:
    """What entries are filtered by."""
    found = {"kind": record["kind"], "method": record["method"], "deprecated": record["deprecated"]}
    return found | ({"path": record["path"][:LONGEST_LABEL]} if record["path"] else {})
