"""Knowledge bases themselves: found, made, changed, removed."""

from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import NotFound
from models import KnowledgeBase
from schemas.knowledge_settings import KnowledgeSettings

Json = dict[str, Any]

DEFAULT_NAME = "Default"


def get_base(session: Session, project_id: UUID, kb_id: UUID, *, lock: bool = False) -> KnowledgeBase:
    """The project's knowledge base of that id, locked if it is to be changed; raises NotFound."""
    query = KnowledgeBase.in_project(project_id).where(KnowledgeBase.id == kb_id, KnowledgeBase.deleted_at.is_(None))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such knowledge base.")
    return found


def default_base(session: Session, project_id: UUID) -> KnowledgeBase:
    """The project's own knowledge base, which is made when it is first asked for."""
    query = KnowledgeBase.in_project(project_id).where(
        KnowledgeBase.is_default.is_(True), KnowledgeBase.deleted_at.is_(None)
    )
    found = session.scalars(query).first()
    if found is None:
        moment = now()
        values = {
            "id": ids.new_id(),
            "project_id": project_id,
            "name": DEFAULT_NAME,
            "is_default": True,
            "settings": KnowledgeSettings().load({}),
            "newest_version": 0,
            "draft_serial": 0,
            "created_at": moment,
            "updated_at": moment,
        }
        # Two at once: one makes it, the other waits for that and reads it.
        session.execute(insert(KnowledgeBase).values(values).on_conflict_do_nothing())
        found = session.scalars(query).one()
    return found


def settings_of(base: KnowledgeBase) -> Json:
    """All its settings: what it was given, and the defaults for what has come since."""
    settings: Json = KnowledgeSettings().load(base.settings)
    return settings
