"""Spec drift: what changed in the APIs of a knowledge base, and whether it breaks their clients."""

from typing import Any

from api.endpoint import Call, endpoint
from api.v1.knowledge.place import Place, at, placed
from api.v1.knowledge.versions import ONE, version_number
from models import KnowledgeBase
from schemas.spec_change import SpecDiffOut, SpecDiffQuery
from workers.knowledge import versions
from workers.knowledge.diffs import Side
from workers.specs.compare import Level
from workers.specs.drift import Wanted, drift


@at("GET", f"{ONE}/spec-diff")
@endpoint(scope="kb:read", query=SpecDiffQuery, returns=SpecDiffOut, errors=(404,))
@placed
def diff_version_specs(call: Call, place: Place, number: str) -> dict[str, Any]:
    """Reports how the operations of a version differ from the active one's, or another side's, and what that breaks.

    Changes are judged by rules, most of which have the ids of oasdiff's. A call compares until `limit` operations are
    found or a few seconds are over, and says in `has_more` whether there are others.
    """
    base = place.base()
    version = versions.get_version(call.session, base, version_number(number))
    return _report(call, base, Side(version.number))


@at("GET", "/draft/spec-diff")
@endpoint(scope="kb:read", query=SpecDiffQuery, returns=SpecDiffOut, errors=(404,))
@placed
def diff_draft_specs(call: Call, place: Place) -> dict[str, Any]:
    """Reports how the operations of the draft differ from the active version's, or others, and what that breaks.

    It is read like the report of a version.
    """
    return _report(call, place.base(), Side(draft=True))


def _report(call: Call, base: KnowledgeBase, after: Side) -> dict[str, Any]:
    before, query = _against(call, base), call.query
    level = Level(query["level"]) if "level" in query else None
    wanted = Wanted(query["limit"], query.get("after"), level, query.get("source"))
    found = drift(call.session, base, before, after, wanted)
    return {
        "before": _named(before),
        "after": _named(after),
        "summary": found.summary,
        "compared": found.compared,
        "levels": found.levels,
        "breaking": bool(found.breaking),
        "affected": {"operations": found.breaking},
        "data": found.operations,
        "has_more": found.has_more,
        "last_id": found.last,
    }


def _against(call: Call, base: KnowledgeBase) -> Side:
    """The earlier side; raises NotFound for a version that is not there."""
    wanted: str = call.query["against"]
    if wanted == "draft":
        return Side(draft=True)
    if wanted == "active":
        return Side(base.active_version)
    return Side(versions.get_version(call.session, base, int(wanted)).number)


def _named(side: Side) -> str | None:
    return "draft" if side.draft else None if side.version is None else str(side.version)
