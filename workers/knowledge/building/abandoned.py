"""Builds that nobody goes on with: their job was cancelled, ran out of attempts or time, or is gone."""

from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from infra import db
from infra.errors import BuildFailed
from models import KbVersion, VersionState
from workers.knowledge.building import ending
from workers.knowledge.building.begin import ABANDONED, undo

AT_ONCE = 20

log = structlog.get_logger(__name__)

# How the job ended is why the build did.
FOUND = text("""
SELECT v.id, v.project_id, v.knowledge_base_id, v.number, v.base, j.error
FROM kb_versions v LEFT JOIN jobs j ON j.id = v.job_id
WHERE v.state = 'building' AND (j.id IS NULL OR j.status NOT IN ('scheduled', 'queued', 'running'))
ORDER BY v.id LIMIT :at_most
""")


def sweep() -> int:
    """Has them failed, and takes back what they did to the chunks; returns how many."""
    with db.transaction() as session:
        found = session.execute(FOUND, {"at_most": AT_ONCE}).all()
    # One that its last attempt has finished meanwhile is ready: its chunks stay.
    failed = [row for row in found if _fail(row.project_id, row.id, row.error)]
    for row in failed:
        undo(row.knowledge_base_id, ready=row.base, number=row.number, own=True)
    if failed:
        log.info("builds.abandoned", count=len(failed))
    return len(failed)


def _fail(project_id: UUID, version_id: UUID, error: dict[str, Any] | None) -> bool:
    query = KbVersion.in_project(project_id).where(KbVersion.id == version_id).with_for_update()
    with db.transaction() as session:
        version = session.scalars(query).first()
        if version is None or version.state != VersionState.BUILDING:
            return False
        ending.mark_failed(session, version, error or BuildFailed(ABANDONED).as_json())
        return True
