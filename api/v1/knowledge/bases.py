"""Knowledge bases themselves."""

from typing import Any

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, bp, placed
from models import KnowledgeBase
from schemas.kb_base import KnowledgeBaseIn, KnowledgeBaseOut, KnowledgeBasePatch, KnowledgeBasesQuery, base_view
from workers.knowledge import bases, overview
from workers.paging import PageOf

COLLECTION = "/v1/projects/<project_id>/knowledge_bases"


@bp.post(COLLECTION)
@endpoint(scope="kb:write", body=KnowledgeBaseIn, returns=KnowledgeBaseOut, status=201, errors=(404,))
def create_knowledge_base(call: Call, project_id: str) -> dict[str, Any]:
    """Makes a knowledge base, with an empty draft and no version."""
    project = call.own_project(call.id("proj", project_id))
    return _shown(
        call, bases.create_base(call.session, project_id=project, created_by=call.principal.id, body=call.body)
    )


@bp.get(COLLECTION)
@endpoint(scope="kb:read", query=KnowledgeBasesQuery, returns=KnowledgeBaseOut, page=True, errors=(404,))
def list_knowledge_bases(call: Call, project_id: str) -> PageOf[KnowledgeBase]:
    """Lists the project's knowledge bases."""
    found = bases.list_bases(call.session, call.own_project(call.id("proj", project_id)), call.window)
    figures = overview.overviews(call.session, found.rows)
    return found.map(lambda base: _view(base, figures[base.id]))


@at("GET", "")
@endpoint(scope="kb:read", returns=KnowledgeBaseOut, errors=(404,))
@placed
def get_knowledge_base(call: Call, place: Place) -> dict[str, Any]:
    """One knowledge base: its settings, its draft and its active version in figures."""
    return _shown(call, place.base())


@at("PATCH", "")
@endpoint(scope="kb:write", body=KnowledgeBasePatch, returns=KnowledgeBaseOut, errors=(404,))
@placed
def change_knowledge_base(call: Call, place: Place) -> dict[str, Any]:
    """Changes the fields that are sent; chunking and embedding model count from the next build on."""
    return _shown(call, bases.change_base(call.session, place.base(lock=True), call.body))


@at("DELETE", "")
@endpoint(scope="kb:write", returns=KnowledgeBaseOut, errors=(404,))
@placed
def remove_knowledge_base(call: Call, place: Place) -> dict[str, Any]:
    """Deletes a knowledge base with all that is in it, and answers with it as it was."""
    base = place.base(lock=True)
    was = _shown(call, base)
    bases.remove_base(call.session, base)
    return was


def _shown(call: Call, base: KnowledgeBase) -> dict[str, Any]:
    return _view(base, overview.overviews(call.session, [base])[base.id])


def _view(base: KnowledgeBase, figures: overview.Overview) -> dict[str, Any]:
    return base_view(base, bases.settings_of(base), overview.shown(base, figures))
