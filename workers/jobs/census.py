"""What waits in each queue, and for what, in figures: for one project, or for all.

Each figure of `waiting` is counted up to a bound, since a queue may hold a million jobs.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from schemas.stats import Reason
from workers.jobs.presence import Crew
from workers.jobs.waiting import for_a_place

COUNT_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Share:
    """So many jobs of a queue wait for that; `more` where counting ended before the queue did."""

    reason: Reason
    count: int
    more: bool


def _entries(condition: str, order: str) -> str:
    return f"""
SELECT q.queue, found.what, found.jobs
FROM unnest(CAST(:queues AS text[])) AS q(queue) CROSS JOIN LATERAL (
  SELECT CASE WHEN o.lane = ANY(CAST(:closed AS text[])) THEN 'closed' ELSE 'ready' END AS what, count(*) AS jobs
  FROM (SELECT o.lane FROM outbox o WHERE o.queue = q.queue AND o.ready {condition} {order} LIMIT :bound) o
  GROUP BY 1
  UNION ALL
  SELECT CASE WHEN o.available_at IS NULL THEN 'key' WHEN j.error IS NULL THEN 'closed' ELSE 'backoff' END, count(*)
  FROM (SELECT o.job_id, o.available_at FROM outbox o WHERE o.queue = q.queue AND NOT o.ready {condition}
    {order} LIMIT :bound) o
  LEFT JOIN jobs j ON j.id = o.job_id AND o.available_at IS NOT NULL GROUP BY 1
) found"""


# The order keeps the planner to the index, however few of all entries are the queue's and the project's.
OF_PROJECT = text(_entries("AND o.project_id = :project_id", "ORDER BY o.priority DESC, o.job_id"))
OF_ALL = text(_entries("", "ORDER BY o.project_id"))


def waiting(
    session: Session,
    *,
    project_id: UUID | None,
    queues: Iterable[str],
    crews: Mapping[str, Crew] | None,
    closed: Collection[str],
    at_limit: bool = False,
) -> dict[str, list[Share]]:
    """The queued jobs of each queue by what they wait for; `at_limit` says that the project runs all that it may."""
    names = list(queues)
    parameters = {"queues": names, "closed": list(closed), "bound": COUNT_AT_MOST + 1, "project_id": project_id}
    counted: dict[str, Counter[Reason]] = {queue: Counter() for queue in names}
    for row in session.execute(OF_ALL if project_id is None else OF_PROJECT, parameters):
        place = for_a_place(crews[row.queue] if crews else None, at_limit=at_limit)
        if row.what == "backoff":
            reason = Reason.RETRY_BACKOFF
        elif row.what == "ready" or place == Reason.NO_WORKER:
            reason = place
        else:
            reason = Reason.CONCURRENCY_KEY if row.what == "key" else Reason.PROVIDER_RATE_LIMIT
        counted[row.queue][reason] += row.jobs
    return {queue: _shares(counts) for queue, counts in counted.items()}


def _shares(counts: Counter[Reason]) -> list[Share]:
    return [Share(reason, min(count, COUNT_AT_MOST), count > COUNT_AT_MOST) for reason, count in sorted(counts.items())]
