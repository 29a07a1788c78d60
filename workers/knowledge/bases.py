"""Knowledge bases themselves: found, made, changed, removed."""

from typing import Any
from uuid import UUID

from marshmallow import ValidationError
from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound, SwitchyardError
from models import KnowledgeBase
from schemas.base import pointers
from schemas.knowledge_settings import KnowledgeSettings
from workers import projects
from workers.paging import PageOf, Window, page
from workers.providers import names

Json = dict[str, Any]

DEFAULT_NAME = "Default"
AT_MOST = 1000
MODEL = "/settings/embedding_model"
SETTINGS = KnowledgeSettings()


def create_base(session: Session, *, project_id: UUID, created_by: UUID, body: Json) -> KnowledgeBase:
    """A new, empty knowledge base; raises Conflict where there are too many, and what `require_embeddings` raises."""
    require_embeddings(body["settings"]["embedding_model"])
    # One after the other, so that two requests cannot both be the last.
    projects.lock(session, project_id)
    if (session.scalar(select(func.count()).select_from(_present(project_id).subquery())) or 0) >= AT_MOST:
        raise Conflict(f"This project has {AT_MOST} knowledge bases, which is the most; delete one.")
    base = KnowledgeBase(
        project_id=project_id,
        created_by=created_by,
        updated_at=now(),
        name=body["name"],
        description=body["description"],
        settings=body["settings"],
    )
    session.add(base)
    session.flush()
    return base


def list_bases(session: Session, project_id: UUID, window: Window) -> PageOf[KnowledgeBase]:
    """The project's knowledge bases, by the time they were made."""
    return page(session, _present(project_id), KnowledgeBase, window)


def change_base(session: Session, base: KnowledgeBase, changes: Json) -> KnowledgeBase:
    """The locked knowledge base with these fields changed; settings that are not named stay. Raises BadInput."""
    if "settings" in changes:
        base.settings = _merged(settings_of(base), changes["settings"])
        if "embedding_model" in changes["settings"]:
            require_embeddings(base.settings["embedding_model"])
    for name in ("name", "description"):
        if name in changes:
            setattr(base, name, changes[name])
    base.updated_at = now()
    session.flush()
    return base


def remove_base(session: Session, base: KnowledgeBase) -> KnowledgeBase:
    """The locked knowledge base, which nobody finds from here on; `clearing` takes away what is in it."""
    base.deleted_at = now()
    session.flush()
    return base


def require_embeddings(model: str | None) -> None:
    """Raises ModelNotFound, ProviderNotConfigured or BadInput where texts cannot be embedded by that model; None, full
    text only, can always be."""
    if model is None:
        return
    try:
        target = names.target(model)
        names.require_embeddings(target.provider)
    except SwitchyardError as error:
        raise type(error)(error.detail, errors=[{"pointer": MODEL, "detail": error.detail}]) from None


def _merged(settings: Json, changes: Json) -> Json:
    """The settings with these changes, one level into the nested ones; raises BadInput with pointers."""
    whole = {**settings, **changes}
    for name, inner in changes.items():
        if isinstance(inner, dict):
            whole[name] = {**settings[name], **inner}
    try:
        found: Json = SETTINGS.load(whole)
    except ValidationError as error:
        wrong = pointers(error.messages, "/settings")
        raise BadInput("The settings do not fit together; `errors` says where.", errors=wrong) from None
    return found


def _present(project_id: UUID) -> Select[KnowledgeBase]:
    return KnowledgeBase.in_project(project_id).where(KnowledgeBase.deleted_at.is_(None))


def get_base(session: Session, project_id: UUID, kb_id: UUID, *, lock: bool = False) -> KnowledgeBase:
    """The project's knowledge base of that id, locked if it is to be changed; raises NotFound."""
    query = _present(project_id).where(KnowledgeBase.id == kb_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such knowledge base.")
    return found


def own_base(session: Session, project_id: UUID) -> KnowledgeBase | None:
    """The project's own knowledge base; None before anybody asked for it."""
    return session.scalars(_present(project_id).where(KnowledgeBase.is_default.is_(True))).first()


def default_base(session: Session, project_id: UUID) -> KnowledgeBase:
    """The project's own knowledge base, which is made when it is first asked for."""
    query = _present(project_id).where(KnowledgeBase.is_default.is_(True))
    found = own_base(session, project_id)
    if found is None:
        moment = now()
        values = {
            "id": ids.new_id(),
            "project_id": project_id,
            "name": DEFAULT_NAME,
            "is_default": True,
            "settings": SETTINGS.load({}),
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
    settings: Json = SETTINGS.load(base.settings)
    return settings
