"""The kind that builds a version of a knowledge base's draft."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import db, ids
from infra.errors import NotFound, SwitchyardError
from models import KnowledgeBase
from schemas.rag_build import RagBuildIn, RagBuildOut
from workers.kinds.base import Context, Kind, Retry
from workers.knowledge import bases, builds
from workers.knowledge.building.begin import require_buildable, settings_for
from workers.providers import names

Json = dict[str, Any]

MODEL = "/input/embedding_model"


def check(payload: Json) -> None:
    """Refuses an embedding model of nobody, of a provider without embeddings, and of one without a key."""
    if payload.get("embedding_model") is not None:
        _require_embeddings(payload["embedding_model"])


def admit(session: Session, project_id: UUID, payload: Json) -> None:
    """Refuses a knowledge base that the project has not, an empty draft, one that waits for its approval, and settings
    that do not fit together."""
    base = _base(session, project_id, payload)
    require_buildable(session, base)
    model = settings_for(base, RagBuildIn().load(payload))["embedding_model"]
    if model is not None:
        _require_embeddings(model)


def serial(payload: Json) -> str:
    """Builds of one knowledge base run one after the other."""
    return f"rag.build:{payload.get('knowledge_base_id') or 'default'}"


async def run(ctx: Context, payload: Json) -> Json:
    """Builds it."""
    with db.transaction() as session:
        base_id = _base(session, ctx.project_id, payload).id
    return await builds.build(ctx, base_id, RagBuildIn().load(payload))


def _base(session: Session, project_id: UUID, payload: Json) -> KnowledgeBase:
    """The knowledge base that a payload names, or the project's own; raises NotFound."""
    named = payload.get("knowledge_base_id")
    if named is None:
        return bases.default_base(session, project_id)
    found = ids.parse(KnowledgeBase.prefix, named)
    if found is None:
        raise NotFound("There is no such knowledge base.")
    return bases.get_base(session, project_id, found)


def _require_embeddings(model: str) -> None:
    try:
        names.require_embeddings(names.target(model).provider)
    except SwitchyardError as error:
        raise type(error)(error.detail, errors=[{"pointer": MODEL, "detail": error.detail}]) from None


KIND = Kind(
    name="rag.build",
    title="Knowledge base build",
    queue="rag",
    payload=RagBuildIn,
    result=RagBuildOut,
    run=run,
    example={"embedding_model": "sandbox", "activate": True},
    check=check,
    admit=admit,
    scope=lambda _: "kb:write",
    serial=serial,
    retry=Retry(attempts=5, base_seconds=5.0),
    timeout_seconds=6 * 3600.0,
    alias="kb:build",
)
