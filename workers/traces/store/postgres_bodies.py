"""Single observations with what they say, from wherever they are."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.traces.base import Body, Place
from workers.traces.store.touching import array

# LATERAL and LIMIT have it look into the index of one partition for each.
BODIES = text("""
SELECT k.position, found.* FROM unnest(CAST(:traces AS uuid[]), CAST(:spans AS bigint[]), CAST(:digests AS bigint[]),
    CAST(:starts AS timestamptz[])) WITH ORDINALITY AS k(trace_id, span_id, digest, started_at, position)
  CROSS JOIN LATERAL (
    SELECT o.kind, o.name, o.mapping_version, o.attributes, coalesce(o.events, '[]')
    FROM observations o WHERE o.project_id = :project_id AND o.trace_id = k.trace_id
      AND o.span_id = k.span_id AND o.digest = k.digest AND o.started_at = k.started_at
      AND o.started_at BETWEEN CAST(:first AS timestamptz) AND CAST(:last AS timestamptz) LIMIT 1) found
""")


def bodies_of(session: Session, project_id: UUID, places: Sequence[Place]) -> Sequence[Body | None]:
    """As TraceStore says it."""
    if not places:
        return []
    starts = [one.started_at for one in places]
    asked = {
        "project_id": project_id,
        "traces": array(one.trace_id.hex for one in places),
        "spans": array(str(one.span_id) for one in places),
        "digests": array(str(one.digest) for one in places),
        "starts": array(f'"{one.isoformat()}"' for one in starts),
        "first": min(starts),
        "last": max(starts),
    }
    found: list[Body | None] = [None] * len(places)
    for position, *said in session.execute(BODIES, asked):
        found[position - 1] = Body(*said)
    return found
