"""Events of exports and imports: each is written once for its job, however often the job is begun."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids
from models import KnowledgeBase
from workers import events
from workers.kinds.base import Context

Json = dict[str, Any]

TOLD = text("SELECT 1 FROM job_events WHERE job_id = :kb AND type = :type AND data ->> 'job_id' = :job_id LIMIT 1")


def once(session: Session, ctx: Context, kb_id: UUID, type: str, data: Json) -> None:
    """Writes the event, unless an earlier attempt of the job has."""
    job_id = ids.show("job", ctx.job_id)
    if ctx.attempt > 1 and session.execute(TOLD, {"kb": kb_id, "type": type, "job_id": job_id}).first():
        return
    said = {"knowledge_base_id": ids.show(KnowledgeBase.prefix, kb_id), "job_id": job_id, **data}
    events.publish(session, project_id=ctx.project_id, subject_id=kb_id, type=type, data=said)
