"""How much may wait: bounds for each project and for all, so that overload is refused and not suffered.

Counting rows costs time in proportion to them, so a process counts at most to the bound, remembers the answer for a
second or twenty times as long as counting took, and adds what it accepted itself meanwhile. The bounds are therefore
exact to about a second's submissions of the other processes.
"""

import time
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.errors import QueueFull
from infra.process import PerProcess
from infra.settings import settings
from workers import projects

FRESH_SECONDS = 1.0
REFUSING_SECONDS = 0.05
FRESH_TIMES_COST = 20
KNOWN_AT_MOST = 10_000
RETRY_AFTER_SECONDS = 5.0

OF_PROJECT = text("""
SELECT (SELECT count(*) FROM (SELECT FROM jobs WHERE project_id = :project_id AND status = 'queued'
    AND status <> 'succeeded' LIMIT :bound) q)
  + (SELECT count(*) FROM (SELECT FROM jobs WHERE project_id = :project_id AND status = 'scheduled'
    AND status <> 'succeeded' LIMIT :bound) s)
""")
OF_ALL = text("SELECT count(*) FROM (SELECT FROM outbox LIMIT :bound) o")


@dataclass(slots=True)
class _Count:
    """What waited when it was counted, and what this process has added since."""

    waiting: int
    counted_at: float
    cost: float

    def fresh(self, seconds: float) -> bool:
        return time.monotonic() < self.counted_at + max(seconds, FRESH_TIMES_COST * self.cost)


_counts: PerProcess[dict[UUID | None, _Count]] = PerProcess(dict)


def require_room(session: Session, project_id: UUID, jobs: int = 1) -> None:
    """Counts `jobs` more as waiting; raises QueueFull where they would pass a bound."""
    for count in look_for_room(session, project_id, jobs):
        count.waiting += jobs


def look_for_room(session: Session, project_id: UUID, jobs: int = 1) -> tuple[_Count, _Count]:
    """The counts to which `jobs` more could be added, the project's and everybody's; raises QueueFull."""
    bound = projects.policy(session, project_id).max_queued
    own = _with_room(session, project_id, bound, jobs)
    if own is None:
        more = "another" if jobs == 1 else f"{jobs} more"
        detail = f"This project may have {bound} jobs waiting, so there is no room for {more}; try when some have run."
        raise QueueFull(detail, retry_after=RETRY_AFTER_SECONDS)
    everybody = _with_room(session, None, settings().max_queued, jobs)
    if everybody is None:
        raise QueueFull(retry_after=RETRY_AFTER_SECONDS)
    return own, everybody


def _with_room(session: Session, project_id: UUID | None, bound: int, jobs: int) -> _Count | None:
    """The count, if `jobs` more fit; before it says no, it counts again."""
    counts = _counts()
    known = counts.get(project_id)
    fresh = known is not None and known.fresh(FRESH_SECONDS if known.waiting + jobs <= bound else REFUSING_SECONDS)
    if known is None or not fresh:
        known = _count(session, project_id, bound)
    return known if known.waiting + jobs <= bound else None


def _count(session: Session, project_id: UUID | None, bound: int) -> _Count:
    counts = _counts()
    began = time.monotonic()
    before = counts.get(project_id)
    if before is not None:
        # This request counts; others go on meanwhile with what is known.
        before.counted_at = began
    statement, parameters = (OF_ALL, {}) if project_id is None else (OF_PROJECT, {"project_id": project_id})
    waiting = int(session.execute(statement, {**parameters, "bound": bound}).scalar_one())
    ended = time.monotonic()
    if len(counts) >= KNOWN_AT_MOST:
        counts.clear()
    counts[project_id] = _Count(waiting, ended, ended - began)
    return counts[project_id]
