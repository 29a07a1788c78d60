"""How many traces features have. Whoever changes whose a trace is, or deletes it, says so here.

Locks are taken in this order: the project, its features by their ids, traces by theirs, what was noted of them. The
project is locked, so no merge comes between.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json

Json = dict[str, Any]

LOCK = text("""
SELECT id FROM features WHERE project_id = :project_id AND id = ANY(ARRAY(
  SELECT coalesce(merged_into, id) FROM features WHERE project_id = :project_id AND id = ANY(CAST(:ids AS uuid[]))))
ORDER BY id FOR NO KEY UPDATE
""")
COUNT = text("""
UPDATE features f SET traces = greatest(0, f.traces + x.traces), first_seen_at = least(f.first_seen_at, x.first),
  last_seen_at = greatest(f.last_seen_at, x.last)
FROM (
  SELECT coalesce(g.merged_into, g.id) AS id, sum(c.traces) AS traces, min(c.first) AS first, max(c.last) AS last
  FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS c(id uuid, traces int, first timestamptz, last timestamptz)
  JOIN features g ON g.project_id = :project_id AND g.id = c.id GROUP BY 1) x
WHERE f.project_id = :project_id AND f.id = x.id
""")


def lock(session: Session, project_id: UUID, feature_ids: Collection[UUID]) -> None:
    """Locks the features that these ids stand for."""
    if feature_ids:
        session.execute(LOCK, {"project_id": project_id, "ids": [*feature_ids]})


def count(session: Session, project_id: UUID, changes: Sequence[Json]) -> None:
    """Adds to what features count: rows of `id`, of `traces` that came (or, below 0, went), and of when the `first` and
    the `last` of those that came began. Of a merged feature, the other one counts."""
    if changes:
        lock(session, project_id, {one["id"] for one in changes})
        session.execute(COUNT, {"project_id": project_id, "changes": json.dumps([*changes])})
