"""One operation that somebody wrote by hand, taken in as if it stood in an OpenAPI 3.1 document of its own."""

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from infra.errors import BadInput
from models import EntryType
from workers.knowledge.drafts import EntryContent
from workers.specs import describing, records
from workers.specs.notes import Notes, escaped
from workers.specs.operations import Operation, Operations
from workers.specs.references import Documents
from workers.specs.validation import validate

Json = dict[str, Any]

DOCUMENT = "file:///operation"
VERSION = "3.1"
LARGEST = 512 * 1024
# What cannot be stored as it was meant; other warnings are for whoever reviews whole specifications.
REFUSED = frozenset(
    ("invalid_document", "unresolved_reference", "external_reference", "circular_reference", "invalid_object")
)


class Written:
    """An operation and the schemas that it needs."""

    def __init__(self, method: str, path: str, operation: Json, schemas: Json, title: str) -> None:
        self._where = [
            ("/paths/" + escaped(path) + "/" + method.lower(), "/operation"),
            ("/components/schemas", "/schemas"),
        ]
        raw = self._raw(
            {
                "openapi": "3.1.0",
                "info": {"title": title, "version": "1"},
                "paths": {path: {method.lower(): operation}},
                "components": {"schemas": schemas},
            }
        )
        notes = Notes()
        documents = Documents(notes, DOCUMENT, DOCUMENT.__eq__, lambda _: raw)
        root, at = documents.document(DOCUMENT)
        validate(root, VERSION, at, notes)
        self._operations = Operations(documents, root, at, VERSION, notes)
        found = list(self._operations)
        self._refuse(notes)
        self.operation: Operation = found[0]

    def keep(self, session: Session, project_id: UUID) -> None:
        """Stores the schemas, so that the record can be expanded."""
        schemas = self._operations.schemas
        names = schemas.closures.get(self.operation.record["definitions"], {})
        parts = {hashed: orjson.dumps(schemas.bodies[name]).decode() for name, hashed in names.items()}
        if names:
            parts[self.operation.record["definitions"]] = orjson.dumps(names).decode()
        records.keep(session, project_id, parts)

    def content(self, body: Json) -> EntryContent:
        """The entry; what the body says of title, text, tags and metadata goes before what the operation says."""
        record = self.operation.record
        return EntryContent(
            type=EntryType.API,
            key=self.operation.key,
            title=body.get("title") or describing.title_of(record),
            text=body.get("text") or describing.describe(record, self._operations.schemas.bodies.get),
            content=record,
            tags=body.get("tags") or list(dict.fromkeys(record["tags"])),
            labels=labels_of(record) | body.get("metadata", {}),
        )

    def _raw(self, document: Json) -> bytes:
        try:
            raw = orjson.dumps(document)
        except TypeError:
            raise BadInput("The operation is nested too deep to be read.", errors=_at("/operation")) from None
        if len(raw) > LARGEST:
            detail = f"One operation with its schemas has at most {LARGEST // 1024} KiB."
            raise BadInput(detail, errors=_at("/operation", detail))
        return raw

    def _refuse(self, notes: Notes) -> None:
        wrong = [
            {"pointer": self._shown(one["pointer"]), "detail": one["message"]}
            for one in notes.listed
            if one["code"] in REFUSED
        ]
        if wrong:
            raise BadInput("The operation is not valid OpenAPI 3.1; `errors` says where.", errors=wrong)

    def _shown(self, pointer: str) -> str:
        """The place in what was sent."""
        for inside, sent in self._where:
            if pointer.startswith(inside):
                return sent + pointer.removeprefix(inside)
        return "/operation"


def write(session: Session, project_id: UUID, body: Json) -> EntryContent:
    """A new entry from a loaded ApiIn; raises BadInput with pointers."""
    made = Written(body["method"], body["path"], body["operation"], body["schemas"], _title(body["source"]))
    made.keep(session, project_id)
    return made.content(body)


def rewrite(session: Session, project_id: UUID, said: EntryContent, body: Json) -> EntryContent:
    """The entry with another operation from a loaded ApiPatch. Schemas, servers and security schemes that it had and
    needs still are kept; raises BadInput with pointers."""
    before = records.expanded(session, project_id, said.content)
    if before.get("path") is None:
        raise BadInput("A webhook is changed by ingesting its specification again.", errors=_at("/operation"))
    schemas = _as_components(before["$defs"]) | body["schemas"]
    title = (before.get("spec") or {}).get("title") or ""
    made = Written(before["method"], before["path"], body["operation"], schemas, title)
    record = made.operation.record
    record["servers"] = record["servers"] or before["servers"]
    known = before.get("security_schemes", {})
    wanted = {name for one in record["security"] for name in one}
    record["security_schemes"] = {name: known[name] for name in known if name in wanted}
    made.keep(session, project_id)
    own = {name: value for name, value in said.labels.items() if name not in labels_of(said.content)}
    return made.content({"tags": said.tags, "metadata": own, **body})


def labels_of(record: Json) -> Json:
    """What entries of operations are filtered by."""
    found = {"kind": record["kind"], "method": record["method"], "deprecated": record["deprecated"]}
    return found | ({"path": record["path"]} if record["path"] else {})


def _title(source: str) -> str:
    """What the API is called, as far as its source tells."""
    return "" if source == "default" else source


def _as_components(definitions: Json) -> Json:
    """Schemas of a record, as an OpenAPI document has them."""
    raw = orjson.dumps(definitions).replace(b'"$ref":"#/$defs/', b'"$ref":"#/components/schemas/')
    found: Json = orjson.loads(raw)
    return found


def _at(pointer: str, detail: str = "Cannot be used.") -> list[dict[str, str]]:
    return [{"pointer": pointer, "detail": detail}]
