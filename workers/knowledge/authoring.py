"""Entries as people write them by hand: what was sent becomes the content that an upload would have made."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from models import EntryType, KnowledgeBase
from workers.knowledge import operation_writing, table_writing
from workers.knowledge.drafts import EntryContent

Json = dict[str, Any]

ORIGIN = {"by": "hand"}


def written(session: Session, base: KnowledgeBase, type: EntryType, body: Json) -> EntryContent:
    """A new entry from the body that is loaded for its type; raises BadInput with pointers."""
    if type == EntryType.API:
        content = operation_writing.write(session, base.project_id, body)
    elif type == EntryType.TABLE:
        content = table_writing.write(body)
    else:
        content = _document(body)
    return replace(content, origin=ORIGIN)


def changed(session: Session, base: KnowledgeBase, said: EntryContent, body: Json) -> EntryContent:
    """What the entry says with these fields of the body; raises BadInput with pointers."""
    if "operation" in body:
        said = operation_writing.rewrite(session, base.project_id, said, body)
    elif not set(table_writing.PARTS).isdisjoint(body):
        said = table_writing.rewrite(said, body)
    plain: Json = {name: body[name] for name in ("title", "text", "tags") if name in body}
    if "metadata" in body:
        plain["labels"] = _derived(said) | body["metadata"]
    return replace(said, **plain, origin=ORIGIN)


def _derived(said: EntryContent) -> Json:
    """The metadata that follows from what the entry is, whoever wrote it."""
    return operation_writing.labels_of(said.content) if said.type == EntryType.API else {}


def _document(body: Json) -> EntryContent:
    return EntryContent(
        type=EntryType.DOCUMENT,
        key=body.get("key") or body["title"],
        title=body["title"],
        text=body["text"],
        content={},
        tags=body["tags"],
        labels=body["metadata"],
    )
