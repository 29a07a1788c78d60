"""The draft of a knowledge base as a whole."""

from typing import Any

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, placed
from models import KbEntry, KnowledgeBase
from schemas.kb_base import DraftOut
from schemas.kb_version import DifferenceOut, DiffQuery
from workers.knowledge import diffs, drafts, overview, review, versions
from workers.knowledge.diffs import Side
from workers.paging import PageOf


@at("GET", "/draft")
@endpoint(scope="kb:read", returns=DraftOut, errors=(404,))
@placed
def get_draft(call: Call, place: Place) -> dict[str, Any]:
    """The draft: where it stands, and how many entries differ from the active version."""
    return _shown(call, place.base())


@at("GET", "/draft/diff")
@endpoint(scope="kb:read", query=DiffQuery, returns=DifferenceOut, page=True, errors=(404,))
@placed
def diff_draft(call: Call, place: Place) -> PageOf[KbEntry]:
    """Lists the entries in which the draft differs from the active version, or from another, field by field."""
    base = place.base()
    against = call.query.get("against")
    if against is not None:
        versions.get_version(call.session, base, against)
    before, only = Side(against or base.active_version), {name: call.query.get(name) for name in ("type", "change")}
    return diffs.diff(call.session, base, before, Side(draft=True), call.window, **only)


@at("POST", "/discard-draft")
@endpoint(scope="kb:write", returns=DraftOut, errors=(404,))
@placed
def discard_draft(call: Call, place: Place) -> dict[str, Any]:
    """Gives the draft up for what the active version says; without one it is empty then."""
    base = place.base(lock=True)
    drafts.discard(call.session, base, by=call.principal.id)
    return _shown(call, base)


def _shown(call: Call, base: KnowledgeBase) -> dict[str, Any]:
    figures = overview.overviews(call.session, [base])[base.id]
    return {
        "knowledge_base_id": base.id,
        "state": overview.draft_state(base, figures),
        "serial": base.draft_serial,
        "active_version": base.active_version,
        "changes": figures.counts,
        "review": review.current(call.session, base),
    }
