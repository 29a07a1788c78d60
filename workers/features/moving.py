"""Traces go over from one feature to another, a step at a time. `rolled_up` falls behind, so that what a trace adds to
the metrics goes over, too (workers/traces/rolling_up.py)."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.features import counting

# In the order of their ids, as everybody locks traces.
MOVE_SOME = text("""
WITH chosen AS (
  SELECT id FROM traces
  WHERE project_id = :project_id AND feature_id = :from_id AND id = ANY(ARRAY(
    SELECT id FROM traces WHERE project_id = :project_id AND feature_id = :from_id LIMIT :at_most))
  ORDER BY id FOR UPDATE),
moved AS (
  UPDATE traces t SET feature_id = CAST(:into_id AS uuid), rolled_up = -1,
    assigned_by = CASE WHEN CAST(:into_id AS uuid) IS NULL THEN NULL ELSE assigned_by END,
    confidence = CASE WHEN CAST(:into_id AS uuid) IS NULL THEN NULL ELSE confidence END,
    analysed = CASE WHEN CAST(:into_id AS uuid) IS NULL THEN 0 ELSE analysed END,
    summary_digest = CASE WHEN CAST(:into_id AS uuid) IS NULL THEN NULL ELSE summary_digest END
  FROM chosen WHERE t.project_id = :project_id AND t.id = chosen.id RETURNING t.id)
SELECT id FROM moved
""")
# What was noted of traces goes with them.
MOVE_FACTS = text("""
UPDATE feature_facts SET feature_id = :into_id
WHERE project_id = :project_id AND trace_id = ANY(:ids) AND feature_id <> :into_id
""")
FORGET_FACTS = text("DELETE FROM feature_facts WHERE project_id = :project_id AND trace_id = ANY(:ids)")
ASSIGN = text("""
WITH wanted AS (
  SELECT id, feature_id AS former FROM traces WHERE project_id = :project_id AND id = ANY(CAST(:trace_ids AS uuid[]))
  ORDER BY id FOR UPDATE),
assigned AS (
  UPDATE traces t SET feature_id = CAST(:feature_id AS uuid), assigned_by = 'person', rolled_up = -1,
    unassigned = NULL, analysed = CASE WHEN CAST(:feature_id AS uuid) IS NULL THEN analysed ELSE 0 END,
    confidence = CASE WHEN CAST(:feature_id AS uuid) IS NULL THEN NULL ELSE 1 END
  FROM wanted WHERE t.project_id = :project_id AND t.id = wanted.id
  RETURNING t.started_at, wanted.former)
SELECT former, count(*) AS traces, min(started_at) AS first, max(started_at) AS last FROM assigned
WHERE former IS DISTINCT FROM CAST(:feature_id AS uuid) GROUP BY former
""")


def move_some(session: Session, project_id: UUID, from_id: UUID, into_id: UUID | None, at_most: int) -> int:
    """Moves some traces of a feature, to none where `into_id` is None: then the analysis looks at them again."""
    asked = {"project_id": project_id, "from_id": from_id, "into_id": into_id, "at_most": at_most}
    moved = [*session.scalars(MOVE_SOME, asked)]
    facts = {"project_id": project_id, "ids": moved}
    if into_id is None:
        session.execute(FORGET_FACTS, facts)
    else:
        session.execute(MOVE_FACTS, {**facts, "into_id": into_id})
    return len(moved)


def assign(session: Session, project_id: UUID, feature_id: UUID | None, trace_ids: Sequence[UUID]) -> None:
    """Gives traces to a feature, or to none, as a person's word; the features' counters follow. The analysis looks at
    them again, to note them with the feature that they have now, and leaves them there."""
    asked = {"project_id": project_id, "feature_id": feature_id, "trace_ids": list(trace_ids)}
    rows = session.execute(ASSIGN, asked).all()
    session.execute(FORGET_FACTS, {"project_id": project_id, "ids": list(trace_ids)})
    went = [{"id": row.former, "traces": -row.traces} for row in rows if row.former is not None]
    came = [{"id": feature_id, "traces": row.traces, "first": row.first, "last": row.last} for row in rows]
    counting.count(session, project_id, went + (came if feature_id is not None else []))
