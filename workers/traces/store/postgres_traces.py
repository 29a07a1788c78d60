"""All observations of traces in PostgreSQL, of thousands of traces at once."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from workers.traces.base import Outline, Outlines, Stored
from workers.traces.store.outlining import whole_traces

NARROW = (
    "trace_id", "span_id", "digest", "parent_id", "started_at", "duration_us", "received_at", "kind", "span_kind",
    "status", "name", "status_message", "service", "operation", "provider", "model", "session_id", "user_id",
    "release", "environment", "input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost", "mapping_version",
)  # fmt: skip
OUTLINE = Outline._fields[:-1]
_COLUMNS = ", ".join(f"o.{name}" for name in NARROW)
_OUTLINE = ", ".join(f"o.{name}" for name in OUTLINE)
# Looks into the partitions that a trace has something in. OFFSET 0 keeps it one lookup a trace, whatever the statistics
# say.
_FOUND = """
FROM traces t CROSS JOIN LATERAL (
  SELECT {columns} FROM observations o WHERE o.project_id = t.project_id AND o.trace_id = t.id
    AND o.started_at BETWEEN coalesce(t.began_from, '-infinity') AND coalesce(t.began_until, 'infinity') OFFSET 0) o
"""
_WHERE = "WHERE t.project_id = :project_id AND t.id = ANY(CAST(:traces AS uuid[]))"
# A trace's id as text costs less to read.
OUTLINES = text(f"""
SELECT {_OUTLINE}, CAST(t.id AS text) {_FOUND.format(columns=_OUTLINE)} {_WHERE} LIMIT :at_most
""")
WITH_BODIES = text(f"""
SELECT {_COLUMNS}, o.attributes, coalesce(o.events, '[]'), coalesce(o.links, '[]'), coalesce(r.attributes, '{{}}')
{_FOUND.format(columns=_COLUMNS + ", o.attributes, o.events, o.links, o.resource")}
LEFT JOIN trace_resources r ON r.project_id = t.project_id AND r.digest = o.resource {_WHERE}
ORDER BY o.trace_id, o.started_at, o.span_id, o.digest
""")
DELETE = text("DELETE FROM observations WHERE project_id = :project_id AND trace_id = ANY(CAST(:traces AS uuid[]))")


def of_traces(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> Mapping[UUID, list[Stored]]:
    """As TraceStore says it."""
    found: dict[UUID, list[Stored]] = {}
    for row in session.execute(WITH_BODIES, _asked(project_id, [one.hex for one in trace_ids])):
        found.setdefault(row[0], []).append(Stored(*row))
    return found


def outlines_of(session: Session, project_id: UUID, trace_ids: Sequence[str], *, at_most: int) -> Outlines:
    """As TraceStore says it."""
    # One more than that tells whether there are more.
    rows = session.execute(OUTLINES, _asked(project_id, trace_ids) | {"at_most": at_most + 1}).all()
    return whole_traces(map(Outline._make, rows), at_most)


def delete(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> int:
    """As TraceStore says it."""
    done: Any = session.execute(DELETE, _asked(project_id, [one.hex for one in trace_ids]))
    return int(done.rowcount)


def _asked(project_id: UUID, trace_ids: Sequence[str]) -> dict[str, object]:
    return {"project_id": project_id, "traces": "{" + ",".join(trace_ids) + "}"}
