"""Searching a knowledge base."""

from dataclasses import asdict
from typing import Any

from api.endpoint import Call, Later, endpoint
from api.hub import hub
from api.v1.knowledge.place import Place, at, placed
from schemas.kb_search import FoundOut, SearchIn
from workers.knowledge import versions
from workers.knowledge.search import find
from workers.knowledge.search.find import SearchWish
from workers.providers import names

Json = dict[str, Any]


@at("POST", "/search")
@endpoint(scope="kb:read", body=SearchIn, returns=FoundOut, errors=(404, 409, 502, 503, 504))
@placed
def search(call: Call, place: Place) -> Later:
    """Finds passages of the active version: by full text and by vectors, in one ranking, with what they cite.

    The answer is of one version, whatever is activated meanwhile. Without an embedding model it is full text alone.
    """
    base, body = place.base(), call.body
    if body["version"] is not None:
        versions.require_ready(call.session, base, body["version"])
    model = body["rerank"] and body["rerank"]["model"]
    if model:
        names.require_configured(names.target(model, pointer="/rerank/model").provider)
    wish = SearchWish(**{**body, "rerank": model})
    project_id, base_id = base.project_id, base.id
    return Later(lambda: _told(base_id, hub().result(find.find(project_id, base_id, wish))))


def _told(base_id: Any, found: find.Found) -> Json:
    """What FoundOut shows."""
    hits = [{"object": "kb_hit", **asdict(hit)} for hit in found.hits]
    return {**asdict(found), "knowledge_base_id": base_id, "data": hits}
