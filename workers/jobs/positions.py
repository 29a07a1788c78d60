"""From times to positions in a project's log of events: in order of the writing transaction, and nearly of time."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# Longer than a transaction lives, and than clocks are apart.
MARGIN = timedelta(minutes=5)

ENDS = text("SELECT min(position) AS first, max(position) AS last FROM job_events WHERE project_id = :project_id")
NEXT = text("""
SELECT position, created_at FROM job_events WHERE project_id = :project_id AND position >= :position
ORDER BY position, id LIMIT 1
""")


def between(session: Session, project_id: UUID, since: datetime, until: datetime) -> tuple[int, int]:
    """The first position and the one after the last, between which all the project's events of that time stand, and
    those of some minutes before and after. Costs some dozens of looks at an index, however many events there are."""
    ends = session.execute(ENDS, {"project_id": project_id}).one()
    if ends.first is None:
        return 0, 0
    first = _lowest(session, project_id, since - MARGIN, ends.first, ends.last + 1)
    return first, _lowest(session, project_id, until + MARGIN, first, ends.last + 1)


def _lowest(session: Session, project_id: UUID, moment: datetime, low: int, high: int) -> int:
    """The lowest position in that range whose event is not older than the moment; `high` if none is."""
    while low < high:
        middle = (low + high) // 2
        found = session.execute(NEXT, {"project_id": project_id, "position": middle}).first()
        if found is None or found.created_at >= moment:
            high = middle
        else:
            low = found.position + 1
    return low
