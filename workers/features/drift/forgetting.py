"""What was noted of traces goes when they go."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

AT_ONCE = 5_000
OF_TRACES = text("DELETE FROM feature_facts WHERE project_id = :project_id AND trace_id = ANY(CAST(:ids AS uuid[]))")
OLD = text("""
DELETE FROM feature_facts WHERE ctid = ANY(ARRAY(SELECT ctid FROM feature_facts WHERE at < :before LIMIT :at_most))
""")


def forget_traces(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> None:
    """Deletes the facts of traces that are deleted. What was learnt of prompts stays, and so do drifts."""
    if trace_ids:
        session.execute(OF_TRACES, {"project_id": project_id, "ids": list(trace_ids)})


def forget_facts(session: Session, before: datetime) -> int:
    """Deletes facts of traces that began before then, some thousand of them; returns how many."""
    done = session.connection().execute(OLD, {"before": before, "at_most": AT_ONCE})
    return int(done.rowcount)
