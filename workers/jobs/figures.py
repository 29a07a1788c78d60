"""A project's jobs in figures: how many, how long, and what the queues wait for."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import ids
from models import JobStatus
from workers import projects
from workers.jobs import census, presence
from workers.kinds import QUEUES
from workers.providers import pace

Json = dict[str, Any]

WAITING = (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SCHEDULED)

# What is not final is counted whole, what is final as far as it is young: both are ranges of an index. Nearly every job
# ends succeeded, so that those are the rest of all, which needs no look at their rows.
COUNTS = text("""
WITH RECURSIVE kinds(kind) AS (
  SELECT (SELECT kind FROM jobs WHERE project_id = :project_id ORDER BY kind LIMIT 1)
  UNION ALL
  SELECT (SELECT kind FROM jobs WHERE project_id = :project_id AND kind > kinds.kind ORDER BY kind LIMIT 1)
  FROM kinds WHERE kinds.kind IS NOT NULL
)
SELECT kind, NULL AS queue, 'all' AS status, NULL AS oldest, NULL AS jobs,
  (SELECT count(*) FROM jobs j WHERE j.project_id = :project_id AND j.kind = kinds.kind AND j.id >= :since) AS young
FROM kinds WHERE kind IS NOT NULL
UNION ALL
SELECT kind, queue, status, extract(epoch FROM now() - min(created_at))::float8, count(*),
  count(*) FILTER (WHERE id >= :since)
FROM jobs WHERE project_id = :project_id AND status IN ('scheduled', 'queued', 'running') AND status <> 'succeeded'
GROUP BY kind, queue, status
UNION ALL
SELECT kind, NULL, status, NULL, count(*), count(*)
FROM jobs WHERE project_id = :project_id AND status IN ('failed', 'cancelled', 'expired') AND status <> 'succeeded'
  AND id >= :since GROUP BY kind, status
""")

FIGURES = text("""
WITH recent AS (
  SELECT extract(epoch FROM started_at - greatest(created_at, run_at)) AS waited,
    extract(epoch FROM finished_at - started_at) AS ran,
    finished_at
  FROM jobs
  WHERE project_id = :project_id AND finished_at > now() - interval '1 hour'
)
SELECT
  count(*) FILTER (WHERE finished_at > now() - interval '1 minute') AS last_minute,
  count(*) AS last_hour,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY waited) AS waited,
  percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ran) AS ran
FROM recent
""")

AT_LIMIT = text("""
SELECT count(*) >= :max_running FROM (
  SELECT FROM jobs WHERE project_id = :project_id AND status = 'running' LIMIT :max_running) running
""")


def stats(session: Session, project_id: UUID, since: datetime) -> Json:
    """Counts by kind and status, final jobs only where submitted after `since`; the queues; the last hour's figures."""
    rows = session.execute(COUNTS, {"project_id": project_id, "since": ids.lowest_id_at(since)}).all()
    row = session.execute(FIGURES, {"project_id": project_id}).one()
    queues = _queues(session, project_id, rows)
    oldest = [queue["oldest_queued_seconds"] for queue in queues if queue["oldest_queued_seconds"] is not None]
    return {
        "since": since,
        "counts": _counts(rows),
        "queues": queues,
        "oldest_queued_seconds": max(oldest, default=None),
        "finished_last_minute": row.last_minute,
        "finished_last_hour": row.last_hour,
        "wait_seconds": _percentiles(row.waited),
        "run_seconds": _percentiles(row.ran),
    }


def _counts(rows: Sequence[Any]) -> list[Json]:
    """By kind and status: what is not final whole, what is final since then."""
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row.status == "all":
            found[row.kind, JobStatus.SUCCEEDED] += row.young
        else:
            found[row.kind, row.status] += row.jobs
            found[row.kind, JobStatus.SUCCEEDED] -= row.young
    return [
        {"kind": kind, "status": status, "count": count} for (kind, status), count in sorted(found.items()) if count
    ]


def _queues(session: Session, project_id: UUID, rows: Sequence[Any]) -> list[Json]:
    """What is not final in each queue, who listens to it, and what it waits for."""
    unfinished = [row for row in rows if row.queue is not None]
    names = sorted({*QUEUES, *(row.queue for row in unfinished)})
    crews = presence.crews(names)
    limit = projects.policy(session, project_id).max_running
    at_limit = limit is not None and session.scalar(AT_LIMIT, {"project_id": project_id, "max_running": limit})
    shares = census.waiting(
        session, project_id=project_id, queues=names, crews=crews, closed=pace.closed(), at_limit=bool(at_limit)
    )
    return [
        {
            "queue": name,
            **{status: _sum(unfinished, name, status) for status in WAITING},
            "oldest_queued_seconds": max(
                (row.oldest for row in unfinished if (row.queue, row.status) == (name, JobStatus.QUEUED)), default=None
            ),
            "workers": None if crews is None else len(crews[name].alive),
            "waiting_for": shares[name],
        }
        for name in names
    ]


def _sum(rows: Sequence[Any], queue: str, status: str) -> int:
    return sum(row.jobs for row in rows if (row.queue, row.status) == (queue, status))


def _percentiles(pair: list[float | None] | None) -> Json:
    p50, p95 = pair or (None, None)
    return {"p50": p50, "p95": p95}
