"""How a text would be cut: chunks without a build."""

from typing import Any

from marshmallow import ValidationError
from sqlalchemy.orm import Session

from infra.errors import BadInput, NotFound
from models import EntryType, KbEntry, KbRevision, KnowledgeBase
from schemas.base import pointers
from schemas.knowledge_settings import Chunking
from workers.knowledge import bases, chunking

Json = dict[str, Any]

SHOWN = 1_000


def text_of(session: Session, base: KnowledgeBase, body: Json) -> tuple[str, str, EntryType]:
    """Text, title and type of what a PreviewIn means; raises NotFound where the draft has no such entry."""
    if "text" in body:
        return body["text"], body["title"], EntryType(body["type"])
    query = KbEntry.in_project(base.project_id).where(KbEntry.knowledge_base_id == base.id)
    entry = session.scalars(query.where(KbEntry.id == body["entry_id"])).first()
    if entry is None or entry.draft_revision_id is None:
        detail = "The draft has no such entry."
        raise NotFound(detail, errors=[{"pointer": "/entry_id", "detail": detail}])
    revision = session.scalars(
        KbRevision.in_project(base.project_id).where(KbRevision.id == entry.draft_revision_id)
    ).one()
    return revision.text, revision.title, EntryType(entry.type)


def settings_of(base: KnowledgeBase, wanted: Json) -> Json:
    """The base's chunking settings with the wanted ones in their place; raises BadInput."""
    try:
        found: Json = Chunking().load({**bases.settings_of(base)["chunking"], **wanted})
    except ValidationError as error:
        wrong = pointers(error.messages, "/chunking")
        raise BadInput("The chunking settings do not fit together; `errors` says where.", errors=wrong) from None
    return found


def preview(text: str, type: EntryType, settings: Json, title: str) -> Json:
    """What PreviewOut reads."""
    pieces = chunking.chunks_of(text, type, settings, title)
    return {
        "chunking": settings,
        "total": len(pieces),
        "tokens": sum(piece.tokens for piece in pieces if piece.searched),
        "chunks": pieces[:SHOWN],
    }
